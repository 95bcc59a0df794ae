"""Whole small models as GGUF files, with random weights in several kinds, a vocabulary and a chat template."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np

from tests.engine.gguf.files import SHAPE, of_architecture, write_gguf
from tests.engine.gguf.vocabularies import answers, byte_level, sentence_piece

HIDDEN, FFN, KV = 32, 64, 16
TEMPLATE: Final = "{% for one in messages %}{{ one['role'] }} {{ one['content'] }}{% endfor %}"


def save_models(folder: Path) -> None:
    """`llama.gguf`, `qwen2.gguf` and `pieces.gguf` (a llama with SentencePiece's vocabulary); those there are kept."""
    recorded = answers()
    vocabularies = {
        "llama": byte_level(recorded["merges"], "llama-bpe"),
        "qwen2": byte_level(recorded["merges"], "qwen2"),
        "pieces": sentence_piece(recorded["pieces"]),
    }
    for name, vocabulary in vocabularies.items():
        if not (folder / f"{name}.gguf").exists():
            save_model(folder / f"{name}.gguf", "qwen2" if name == "qwen2" else "llama", vocabulary)


def save_model(path: Path, architecture: str, vocabulary: dict[str, Any]) -> Path:
    """A model of that architecture, with biases where it is qwen2."""
    rng = np.random.default_rng(5)
    shapes = {"token_embd": (len(vocabulary["tokenizer.ggml.tokens"]), HIDDEN)}
    for layer in range(SHAPE["block_count"]):
        shapes |= {
            f"blk.{layer}.attn_q": (HIDDEN, HIDDEN), f"blk.{layer}.attn_k": (KV, HIDDEN),
            f"blk.{layer}.attn_v": (KV, HIDDEN), f"blk.{layer}.attn_output": (HIDDEN, HIDDEN),
            f"blk.{layer}.ffn_gate": (FFN, HIDDEN), f"blk.{layer}.ffn_up": (FFN, HIDDEN),
            f"blk.{layer}.ffn_down": (HIDDEN, FFN),
        }  # fmt: skip
    tensors = {f"{name}.weight": rng.normal(0, 0.3, shape) for name, shape in shapes.items()}
    norms = [f"blk.{layer}.{part}_norm" for layer in range(SHAPE["block_count"]) for part in ("attn", "ffn")]
    tensors |= {f"{name}.weight": 1 + rng.normal(0, 0.1, HIDDEN) for name in (*norms, "output_norm")}
    if architecture == "qwen2":
        tensors |= {
            f"{name}.bias": rng.normal(0, 0.1, shape[0])
            for name, shape in shapes.items()
            if name.endswith(("attn_q", "attn_k", "attn_v"))
        }
    quantised = ("Q8_0", "Q4_0", "F16")
    kinds = {f"{name}.weight": quantised[index % 3] for index, name in enumerate(shapes)}
    metadata = {**of_architecture(architecture, SHAPE), **vocabulary, "tokenizer.chat_template": TEMPLATE}
    return write_gguf(path, metadata, tensors, kinds, architecture)
