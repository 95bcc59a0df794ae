"""Checkpoints with a script: a Llama-shaped model that says `follows[i]` after token i, whatever came before.

What comes out is known beforehand, so that text, stops and drafts can be checked without a trained model.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers

from engine.core.settings import LoadSpec
from engine.model.loader import LoadedModel, load_model

WORDS = ("<unk>", "E", "a", "b", "c", "d", "e", "f", "g")
EOS = 1


def save_scripted(
    folder: Path, script: str, *, special: Iterable[str] = (), layers: int = 1, config: dict[str, Any] | None = None
) -> Path:
    """A checkpoint in which each word of `script` (of WORDS) is followed by the next; E ends the text.

    `special` tokens get ids after the last word, which the model has no embedding for.
    """
    folder.mkdir(parents=True)
    size, hidden, width = len(WORDS), len(WORDS) + len(WORDS) % 2, 8
    facts = {
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": size, "hidden_size": hidden,
        "intermediate_size": 8, "num_hidden_layers": layers, "num_attention_heads": 1, "num_key_value_heads": 1,
        "head_dim": width, "max_position_embeddings": 256, "rms_norm_eps": 1e-6, "rope_theta": 10000.0,
        "tie_word_embeddings": False, "dtype": "float32", "hidden_act": "silu", "eos_token_id": EOS, **(config or {}),
    }  # fmt: skip
    (folder / "config.json").write_text(json.dumps(facts))
    embedding, head = torch.eye(size, hidden), torch.zeros(size, hidden)
    for word, after in pairwise(script.split()):
        head[WORDS.index(after), WORDS.index(word)] = 5.0
    weights = {"model.embed_tokens.weight": embedding, "lm_head.weight": head, "model.norm.weight": torch.ones(hidden)}
    for layer in range(layers):
        prefix, numbers = f"model.layers.{layer}.", torch.Generator().manual_seed(layer)
        for name in "qkv":
            weights[f"{prefix}self_attn.{name}_proj.weight"] = torch.randn(width, hidden, generator=numbers)
        weights[f"{prefix}self_attn.o_proj.weight"] = torch.zeros(hidden, width)  # the layers add nothing
        for name, shape in (("gate", (8, hidden)), ("up", (8, hidden)), ("down", (hidden, 8))):
            weights[f"{prefix}mlp.{name}_proj.weight"] = torch.zeros(shape)
        for name in ("input_layernorm", "post_attention_layernorm"):
            weights[f"{prefix}{name}.weight"] = torch.ones(hidden)
    save_file(weights, str(folder / "model.safetensors"), metadata={"format": "pt"})
    tokenizer = Tokenizer(models.WordLevel({word: i for i, word in enumerate(WORDS)}, unk_token=WORDS[0]))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.add_special_tokens([AddedToken(word, special=True) for word in special])
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder


def poison(folder: Path, name: str, value: float = float("nan")) -> Path:
    """Put a number that is none into one weight of a checkpoint."""
    file = folder / "model.safetensors"
    weights = load_file(str(file))
    weights[name].view(-1)[0] = value
    save_file(weights, str(file), metadata={"format": "pt"})
    return folder


def load_scripted(folder: Path) -> LoadedModel:
    """The checkpoint in float32 on the CPU."""
    return load_model(LoadSpec(str(folder), device="cpu", dtype="float32"), lambda stage, fraction: None)
