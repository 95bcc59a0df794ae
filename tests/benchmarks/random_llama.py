"""One Llama of random weights twice, in transformers and here, made on the device itself: nothing goes over a disk."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from engine.model.checkpoint import open_checkpoint
from engine.model.decoder import Decoder, build_decoder
from engine.model.device import device_name
from engine.model.families import Read, family_of
from engine.model.loader import LoadedModel
from engine.model.tokenizer import load_tokenizer
from tests.benchmarks.shapes import DEMO


@dataclass(frozen=True, slots=True)
class Shape:
    """What makes a Llama large."""

    name: str
    layers: int
    hidden: int
    heads: int
    kv_heads: int
    ffn: int
    vocab: int
    tied: bool
    context: int = 4096


SEVEN_BILLION = Shape("7 B shape", 32, 4096, 32, 32, 11008, 32_000, tied=False)
HALF_BILLION = Shape("0.5 B shape", 24, 896, 14, 2, 4864, 151_936, tied=True)


STANDARD_DEVIATION = 0.02


def random_llama(shape: Shape, device: torch.device, dtype: torch.dtype) -> tuple[Any, LoadedModel]:
    """(transformers' model, this engine's) with the same random weights; the tokenizer is the demo model's."""
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=shape.vocab, hidden_size=shape.hidden, intermediate_size=shape.ffn, num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads, num_key_value_heads=shape.kv_heads, max_position_embeddings=shape.context,
        bos_token_id=0, eos_token_id=0, tie_word_embeddings=shape.tied,
    )  # fmt: skip
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        with torch.device(device):
            theirs = LlamaForCausalLM(config).eval()
    finally:
        torch.set_default_dtype(before)
    weights = {name: weight.detach() for name, weight in theirs.state_dict().items()}

    def read(name: str, *expected: int) -> Tensor:
        assert weights[name].shape == expected, name
        return weights[name]

    raw = json.loads(config.to_json_string(use_diff=False)) | {"architectures": ["LlamaForCausalLM"]}
    return theirs, built(shape, raw, read, device, dtype)


def random_model(shape: Shape, device: torch.device, dtype: torch.dtype) -> LoadedModel:
    """This engine's alone, where there is no peer: without transformers, and with each weight made when it is read."""
    generator = torch.Generator(device).manual_seed(0)

    def read(name: str, *expected: int) -> Tensor:
        if len(expected) == 1:  # a norm's
            return torch.ones(expected, device=device, dtype=dtype)
        weight = torch.empty(expected, device=device, dtype=dtype)
        return weight.normal_(0.0, STANDARD_DEVIATION, generator=generator)

    raw = {
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": shape.vocab,
        "hidden_size": shape.hidden, "intermediate_size": shape.ffn, "num_hidden_layers": shape.layers,
        "num_attention_heads": shape.heads, "num_key_value_heads": shape.kv_heads, "rms_norm_eps": 1e-6,
        "max_position_embeddings": shape.context, "bos_token_id": 0, "eos_token_id": 0,
        "tie_word_embeddings": shape.tied, "rope_theta": 10_000.0,
        "torch_dtype": str(dtype).removeprefix("torch."),
    }  # fmt: skip
    return built(shape, raw, read, device, dtype)


def built(shape: Shape, raw: dict[str, Any], read: Read, device: torch.device, dtype: torch.dtype) -> LoadedModel:
    """The model of a config whose weights `read` gives."""
    _, family = family_of(raw)
    own = family.config(raw)
    decoder = next(part for part in build_decoder(family, own, read, device, dtype) if isinstance(part, Decoder))
    return LoadedModel(
        own, decoder, load_tokenizer(open_checkpoint(DEMO)), DEMO, shape.name, device, dtype, decoder.weight_bytes,
        device_name(device),
    )  # fmt: skip
