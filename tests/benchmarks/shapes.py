"""Checkpoints with random weights in the shapes that benchmarks need; made in a run, never kept in the repository."""

from __future__ import annotations

import shutil
from pathlib import Path

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
    model.save_pretrained(target)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copyfile(DEMO / name, target / name)
    return target
