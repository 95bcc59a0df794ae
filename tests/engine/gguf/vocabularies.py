"""Two small vocabularies as GGUF metadata, one byte-level and one like SentencePiece's, made from recorded merges."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import numpy as np

from tests.engine.gguf.files import write_gguf

ANSWERS: Final = Path(__file__).parent / "llama_cpp_tokens.json"
"""Merges, texts, and the ids that llama.cpp makes of these texts; written by `ask_llama_cpp.py`."""
CONTROL: Final = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
USER_DEFINED: Final = ["<tool>", "<tool>x", "  \t"]
PIECE_CONTROL: Final = ["<unk>", "<s>", "</s>", "<|endoftext|>", "<|end|>"]


def answers() -> Any:
    """The recorded answers."""
    return json.loads(ANSWERS.read_text(encoding="utf-8"))


def byte_letters() -> list[str]:
    """The letter that a byte-level vocabulary writes for each byte (GPT-2's table)."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = iter(range(0x100, 0x200))
    return [chr(byte if byte in printable else next(others)) for byte in range(256)]


def byte_level(merges: list[list[str]], pre: str | None, **more: Any) -> dict[str, Any]:
    """Metadata of a byte-level vocabulary with a pre-tokenizer of that kind; `more` adds to it."""
    tokens = [*CONTROL, *byte_letters(), *dict.fromkeys(left + right for left, right in merges), *USER_DEFINED]
    kinds = [3 if token in CONTROL else 4 if token in USER_DEFINED else 1 for token in tokens]
    metadata = {
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.tokens": tokens,
        "tokenizer.ggml.token_type": kinds,
        "tokenizer.ggml.merges": [" ".join(merge) for merge in merges],
        "tokenizer.ggml.bos_token_id": 1,
        "tokenizer.ggml.eos_token_id": 2,
    }
    return metadata | ({} if pre is None else {"tokenizer.ggml.pre": pre}) | more


def sentence_piece(merges: list[list[str]], **more: Any) -> dict[str, Any]:
    """Metadata of a vocabulary of SentencePiece: a token's score is higher the earlier its merge is."""
    merged = list(dict.fromkeys(left + right for left, right in merges))
    letters = sorted({letter for token in merged for letter in token})
    bytes_of_text = [f"<0x{byte:02X}>" for byte in range(256)]
    tokens = [*PIECE_CONTROL[:3], *bytes_of_text, *merged, *letters, "<mark>", *PIECE_CONTROL[3:]]
    scores = [0.0] * 259 + [-float(rank) for rank in range(len(merged) + len(letters))] + [0.0] * 3
    kinds = [2, 3, 3, *[6] * 256, *[1] * (len(merged) + len(letters)), 4, 3, 3]
    return {
        "tokenizer.ggml.model": "llama",
        "tokenizer.ggml.tokens": tokens,
        "tokenizer.ggml.scores": np.array(scores, np.float32).tolist(),
        "tokenizer.ggml.token_type": kinds,
        **more,
    }


def variants(recorded: Any, pres: list[str]) -> dict[str, dict[str, Any]]:
    """Every vocabulary that is asked about, by a name."""
    merges, pieces = recorded["merges"], recorded["pieces"]
    return {
        **{f"pre {pre}": byte_level(merges, pre) for pre in pres},
        "no pre": byte_level(merges, None),
        "bos and eos": byte_level(
            merges, "qwen2", **{"tokenizer.ggml.add_bos_token": True, "tokenizer.ggml.add_eos_token": True}
        ),
        "no bos": byte_level(merges, "llama-bpe", **{"tokenizer.ggml.add_bos_token": False}),
        "pieces": sentence_piece(pieces),
        "pieces without prefix": sentence_piece(pieces, **{"tokenizer.ggml.add_space_prefix": False}),
        "pieces without bos": sentence_piece(pieces, **{"tokenizer.ggml.add_bos_token": False}),
        "pieces of phi-3": sentence_piece(pieces, **{"general.name": "Phi-3-mini"}),
    }


def save(path: Path, metadata: dict[str, Any]) -> Path:
    """A GGUF file of that vocabulary alone."""
    return write_gguf(path, metadata, {})
