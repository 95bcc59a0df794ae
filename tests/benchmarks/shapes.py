"""Checkpoints with random weights in the shapes that benchmarks need; made in a run, never kept in the repository."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import torch

DEMO = Path(__file__).parents[2] / "assets" / "demo" / "target"


def half_billion(folder: Path, dtype: str) -> Path:
    """A Llama checkpoint of 24 layers, 896 wide, 14/2 heads, FFN 4864 and 151 936 tied embeddings: 0.49 B parameters.

    The tokenizer is the demo model's; ids beyond it have no text.
    """
    from transformers import LlamaConfig, LlamaForCausalLM

    target = folder / f"half-billion-{dtype}"
    if target.exists():
        return target
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=151_936, hidden_size=896, intermediate_size=4864, num_hidden_layers=24, num_attention_heads=14,
        num_key_value_heads=2, max_position_embeddings=2048, bos_token_id=0, eos_token_id=0, tie_word_embeddings=True,
    )  # fmt: skip
    model = LlamaForCausalLM(config).to(getattr(torch, dtype))
    _save(model, target)
    return target


def qwen2_half_billion(folder: Path, dtype: str) -> Path:
    """The same shape as a Qwen2 checkpoint, as Qwen2.5-0.5B is: with biases at q, k and v, which are random too."""
    from transformers import Qwen2Config, Qwen2ForCausalLM

    target = folder / f"qwen2-half-billion-{dtype}"
    if target.exists():
        return target
    torch.manual_seed(0)
    config = Qwen2Config(
        vocab_size=151_936, hidden_size=896, intermediate_size=4864, num_hidden_layers=24, num_attention_heads=14,
        num_key_value_heads=2, max_position_embeddings=2048, bos_token_id=0, eos_token_id=0, tie_word_embeddings=True,
    )  # fmt: skip
    model = Qwen2ForCausalLM(config).to(getattr(torch, dtype))
    for name, values in model.named_parameters():
        if name.endswith("bias"):
            torch.nn.init.normal_(values, std=0.02)
    _save(model, target)
    return target


def _save(model: Any, target: Path) -> None:
    partial = target.with_name(f"{target.name}.partial")
    model.save_pretrained(partial)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copyfile(DEMO / name, partial / name)
    partial.rename(target)
