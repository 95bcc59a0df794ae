"""A checkpoint with random weights in the shape of SmolLM2-135M: large enough to compute on every core."""

from __future__ import annotations

import shutil
from pathlib import Path

import torch

from tests.benchmarks.shapes import DEMO


def smollm2(folder: Path) -> Path:
    """A Llama of 30 layers, 576 wide, 9/3 heads, FFN 1536 and 49 152 tied embeddings, in bfloat16.

    The tokenizer is the demo model's; ids beyond it have no text.
    """
    from transformers import LlamaConfig, LlamaForCausalLM

    target = folder / "smollm2-shape"
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=49_152, hidden_size=576, intermediate_size=1536, num_hidden_layers=30, num_attention_heads=9,
        num_key_value_heads=3, max_position_embeddings=2048, bos_token_id=0, eos_token_id=0, tie_word_embeddings=True,
    )  # fmt: skip
    LlamaForCausalLM(config).to(torch.bfloat16).save_pretrained(target)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copyfile(DEMO / name, target / name)
    return target
