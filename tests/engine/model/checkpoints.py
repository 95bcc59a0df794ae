"""Random checkpoints of every family in odd shapes, made by transformers, and what transformers computes with them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from torch import Tensor
from transformers import (
    AutoModelForCausalLM,
    Gemma3TextConfig,
    GPT2Config,
    LlamaConfig,
    MistralConfig,
    Phi3Config,
    PretrainedConfig,
    Qwen2Config,
    Qwen3Config,
)

VOCAB = 97
POSITIONS = 192

SHAPE: dict[str, Any] = {
    "vocab_size": VOCAB, "hidden_size": 48, "intermediate_size": 88, "num_hidden_layers": 3, "num_attention_heads": 6,
    "num_key_value_heads": 2, "max_position_embeddings": POSITIONS, "initializer_range": 0.3, "bos_token_id": 1,
    "eos_token_id": 2, "pad_token_id": 0,
}  # fmt: skip

LLAMA3 = {
    "rope_type": "llama3", "rope_theta": 500_000.0, "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
    "original_max_position_embeddings": 32,
}  # fmt: skip

GEMMA_LAYERS = ["sliding_attention", "full_attention", "sliding_attention"]

KINDS: dict[str, Callable[[], PretrainedConfig]] = {
    "llama": lambda: LlamaConfig(**SHAPE, tie_word_embeddings=False),
    "llama-tied": lambda: LlamaConfig(**SHAPE, tie_word_embeddings=True),
    "llama-multi-query": lambda: LlamaConfig(**{**SHAPE, "num_key_value_heads": 1}, head_dim=8),
    "llama-wide-heads": lambda: LlamaConfig(**SHAPE, head_dim=20),
    "llama-biases": lambda: LlamaConfig(**SHAPE, attention_bias=True, mlp_bias=True),
    "llama-linear-rope": lambda: LlamaConfig(
        **SHAPE, rope_parameters={"rope_type": "linear", "rope_theta": 10_000.0, "factor": 4.0}
    ),
    "llama-llama3-rope": lambda: LlamaConfig(**SHAPE, rope_parameters=LLAMA3),
    "mistral": lambda: MistralConfig(**SHAPE, head_dim=12, sliding_window=None),
    "mistral-window": lambda: MistralConfig(**SHAPE, head_dim=8, sliding_window=9),
    "qwen2": lambda: Qwen2Config(**SHAPE, tie_word_embeddings=True),
    "qwen2-window": lambda: Qwen2Config(**SHAPE, use_sliding_window=True, sliding_window=7, max_window_layers=1),
    "qwen3": lambda: Qwen3Config(**SHAPE, head_dim=16),
    "phi3": lambda: Phi3Config(**SHAPE, sliding_window=11),
    "gemma3": lambda: Gemma3TextConfig(
        **SHAPE, head_dim=16, sliding_window=9, query_pre_attn_scalar=24, layer_types=GEMMA_LAYERS,
        tie_word_embeddings=False,
    ),
    "gemma3-linear-rope": lambda: Gemma3TextConfig(
        **SHAPE, head_dim=8, sliding_window=7, query_pre_attn_scalar=8, layer_types=GEMMA_LAYERS,
        tie_word_embeddings=False,
        rope_parameters={
            "full_attention": {"rope_type": "linear", "rope_theta": 50_000.0, "factor": 8.0},
            "sliding_attention": {"rope_type": "default", "rope_theta": 5_000.0},
        },
    ),
    "gpt2": lambda: GPT2Config(
        vocab_size=VOCAB, n_embd=48, n_layer=3, n_head=4, n_positions=POSITIONS, initializer_range=0.3,
        bos_token_id=2, eos_token_id=2, pad_token_id=0,
    ),
}  # fmt: skip


def save_checkpoint(
    folder: Path, kind: str, shape: dict[str, float] | None = None, dtype: torch.dtype = torch.float32, **save: Any
) -> Path:
    """A random checkpoint of that kind with a word-level tokenizer; norms and biases are random too.

    `shape` overrides what the kind's config says; the weights are stored in `dtype`.
    """
    torch.manual_seed(sum(map(ord, kind)))
    config = KINDS[kind]()
    for name, value in (shape or {}).items():
        setattr(config, name, value)
    model = AutoModelForCausalLM.from_config(config, attn_implementation="eager")
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "norm" in name or "ln_" in name or name.endswith("bias"):
                parameter.add_(torch.randn_like(parameter) * 0.1)
    model.to(dtype).save_pretrained(folder, **save)
    save_tokenizer(folder)
    return folder


def save_tokenizer(folder: Path) -> None:
    """A tokenizer whose word `t5` is token 5."""
    tokenizer = Tokenizer(models.WordLevel({f"t{index}": index for index in range(VOCAB)}, unk_token="t0"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.save(str(folder / "tokenizer.json"))


def reference_model(folder: Path) -> Any:
    """transformers' model of a folder, in float32, with its written-out attention."""
    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()


def reference_logits(model: Any, ids: list[int]) -> Tensor:
    """Logits float32 [len(ids), vocab]."""
    with torch.no_grad():
        logits: Tensor = model(torch.tensor([ids])).logits[0]
    return logits


def reference_greedy(model: Any, ids: list[int], count: int) -> list[int]:
    """The tokens transformers generates greedily, end-of-text ignored."""
    model.generation_config.eos_token_id = None
    out = model.generate(
        torch.tensor([ids]), attention_mask=torch.ones(1, len(ids), dtype=torch.int64), max_new_tokens=count,
        do_sample=False, pad_token_id=0,
    )  # fmt: skip
    tokens: list[int] = out[0, len(ids) :].tolist()
    return tokens


def edit_config(folder: Path, edit: Callable[[dict[str, Any]], None]) -> None:
    """Change a folder's config.json in place."""
    file = folder / "config.json"
    config = json.loads(file.read_text())
    edit(config)
    file.write_text(json.dumps(config))


def copy_of(folder: Path, target: Path) -> Path:
    """A copy of a checkpoint that a test may spoil."""
    shutil.copytree(folder, target)
    return target
