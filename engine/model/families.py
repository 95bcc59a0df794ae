"""Which checkpoints can be read: one entry a family, which maps its config and the names of its weights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Protocol

import torch
from torch import Tensor

from engine.errors import CheckpointError
from engine.model.config import Activation, ModelConfig, Rope, RopeKind
from engine.model.rope import interleave_pairs

Raw = dict[str, Any]
Affine = tuple[Tensor, Tensor | None]
"""A weight and its bias."""


class Read(Protocol):
    """Gives the checkpoint's tensor of that name, checked to have that shape."""

    def __call__(self, name: str, *shape: int) -> Tensor: ...


@dataclass(frozen=True, slots=True)
class LayerWeights:
    """One layer as the decoder wants it: weights [out, in], q/k/v and gate/up fused, rotated pairs side by side."""

    attention_norm: Affine
    qkv: Affine
    """[(heads + 2 · kv_heads) · head_dim, hidden]"""
    qk_norm: tuple[Tensor, Tensor] | None
    """Weights [head_dim] of the norms of q and of k."""
    out: Affine
    ffn_norm: Affine
    up: Affine
    """[2 · ffn, hidden] gate first, or [ffn, hidden] without a gate"""
    down: Affine


@dataclass(frozen=True, slots=True)
class ModelWeights:
    """What belongs to no layer. `head` None means that the embedding is used again."""

    embedding: Tensor
    positions: Tensor | None
    final_norm: Affine
    head: Tensor | None


@dataclass(frozen=True, slots=True)
class Family:
    """One entry: how to read its config, what belongs to no layer, and layer i."""

    config: Callable[[Raw], ModelConfig]
    model: Callable[[Read, ModelConfig], ModelWeights]
    layer: Callable[[Read, ModelConfig, int], LayerWeights]


# --- Llama and its relatives ----------------------------------------------------------------------------------------


def llama_config(raw: Raw, **own: Any) -> ModelConfig:
    """The config of Llama 1 to 3; `own` are the fields in which a relative differs."""
    heads = integer(raw, "num_attention_heads")
    hidden = integer(raw, "hidden_size")
    window = own.pop("sliding_window", None)
    layers = integer(raw, "num_hidden_layers")
    values: dict[str, Any] = {
        "layers": layers,
        "hidden": hidden,
        "heads": heads,
        "kv_heads": int(raw.get("num_key_value_heads") or heads),
        "head_dim": int(raw.get("head_dim") or hidden // heads),
        "ffn": integer(raw, "intermediate_size"),
        "norm_eps": float(raw.get("rms_norm_eps", 1e-6)),
        "rope": rope_of(raw),
        "activation": activation_of(raw.get("hidden_act", "silu")),
        "qkv_bias": bool(raw.get("attention_bias", False)),
        "o_bias": bool(raw.get("attention_bias", False)),
        "mlp_bias": bool(raw.get("mlp_bias", False)),
        "sliding_window": window,
        "window_layers": tuple(range(layers)) if window is not None else (),
    }
    return ModelConfig(**common(raw), **{**values, **own})


def llama_model(read: Read, config: ModelConfig) -> ModelWeights:
    head = None if config.tied else read("lm_head.weight", config.vocab, config.hidden)
    embedding = read("model.embed_tokens.weight", config.vocab, config.hidden)
    return ModelWeights(embedding, None, (read("model.norm.weight", config.hidden), None), head)


def llama_layer(read: Read, config: ModelConfig, index: int) -> LayerWeights:
    prefix = f"model.layers.{index}"
    hidden, head_dim, ffn = config.hidden, config.head_dim, config.ffn
    q_rows, kv_rows = config.heads * head_dim, config.kv_heads * head_dim

    def affine(name: str, rows: int, columns: int, bias: bool) -> Affine:
        weight = read(f"{prefix}.{name}.weight", rows, columns)
        return weight, read(f"{prefix}.{name}.bias", rows) if bias else None

    def norm(name: str) -> Affine:
        return read(f"{prefix}.{name}.weight", hidden), None

    def rotated(name: str, rows: int) -> Affine:
        weight, bias = affine(f"self_attn.{name}", rows, hidden, config.qkv_bias)
        return interleave_pairs(weight, head_dim), None if bias is None else interleave_pairs(bias, head_dim)

    def head_norm(name: str) -> Tensor:
        return interleave_pairs(read(f"{prefix}.self_attn.{name}.weight", head_dim), head_dim)

    q, k = rotated("q_proj", q_rows), rotated("k_proj", kv_rows)
    return LayerWeights(
        attention_norm=norm("input_layernorm"),
        qkv=fused(q, k, affine("self_attn.v_proj", kv_rows, hidden, config.qkv_bias)),
        qk_norm=(head_norm("q_norm"), head_norm("k_norm")) if config.qk_norm else None,
        out=affine("self_attn.o_proj", hidden, q_rows, config.o_bias),
        ffn_norm=norm("post_attention_layernorm"),
        up=fused(
            affine("mlp.gate_proj", ffn, hidden, config.mlp_bias), affine("mlp.up_proj", ffn, hidden, config.mlp_bias)
        ),
        down=affine("mlp.down_proj", hidden, ffn, config.mlp_bias),
    )


# --- the entries ----------------------------------------------------------------------------------------------------

FAMILIES: Final[dict[str, Family]] = {
    "LlamaForCausalLM": Family(llama_config, llama_model, llama_layer),
}


def family_of(raw: Raw) -> tuple[str, Family]:
    """The architecture's name and its entry; raises CheckpointError, with what is supported, where there is none."""
    names = raw.get("architectures") or []
    architecture = str(names[0]) if isinstance(names, list) and names else ""
    supported = ", ".join(sorted(FAMILIES))
    if not architecture:
        raise CheckpointError(f"config.json names no architecture; supported are {supported}.")
    if architecture not in FAMILIES:
        raise CheckpointError(f"The architecture {architecture} is not supported; supported are {supported}.")
    if "quantization_config" in raw:
        method = raw["quantization_config"].get("quant_method", "unknown")
        raise CheckpointError(f"The weights are quantised ({method}); only float32, bfloat16 and float16 can be read.")
    return architecture, FAMILIES[architecture]


# --- reading config.json --------------------------------------------------------------------------------------------


def common(raw: Raw) -> dict[str, Any]:
    """The fields every family spells alike."""
    eos = raw.get("eos_token_id")
    dtype = str(raw.get("dtype") or raw.get("torch_dtype") or "float32")
    return {
        "architecture": str(raw["architectures"][0]),
        "vocab": integer(raw, "vocab_size"),
        "max_positions": integer(raw, "max_position_embeddings"),
        "tied": bool(raw.get("tie_word_embeddings", False)),
        "bos_token_id": raw.get("bos_token_id"),
        "eos_token_ids": tuple(eos) if isinstance(eos, list) else () if eos is None else (int(eos),),
        "dtype": {"bfloat16": torch.bfloat16, "float16": torch.float16}.get(dtype, torch.float32),
    }


def integer(raw: Raw, name: str) -> int:
    """A whole number above 0 that config.json must have."""
    value = raw.get(name)
    if not isinstance(value, int) or value < 1:
        raise CheckpointError(f"config.json should give {name} as a whole number above 0, not {value!r}.")
    return value


def rope_of(raw: Raw) -> Rope:
    """Rotary settings: `rope_parameters` as transformers 5 writes them, or `rope_theta` with `rope_scaling`."""
    given: Raw = raw.get("rope_parameters") or {}
    scaling: Raw = given or raw.get("rope_scaling") or {}
    theta = float(given.get("rope_theta") or raw.get("rope_theta") or 10_000.0)
    kind = str(scaling.get("rope_type") or scaling.get("type") or "default")
    kinds: dict[str, RopeKind] = {"default": "none", "linear": "linear", "llama3": "llama3"}
    if kind not in kinds:
        raise CheckpointError(f"The rope scaling {kind!r} is not supported; supported are {', '.join(sorted(kinds))}.")
    if float(scaling.get("partial_rotary_factor") or raw.get("partial_rotary_factor") or 1.0) != 1.0:
        raise CheckpointError("Rotating only a part of each head (partial_rotary_factor) is not supported.")
    return Rope(
        theta,
        kinds[kind],
        float(scaling.get("factor", 1.0)),
        float(scaling.get("low_freq_factor", 1.0)),
        float(scaling.get("high_freq_factor", 4.0)),
        int(scaling.get("original_max_position_embeddings", 8192)),
    )


def activation_of(name: str) -> Activation:
    """The activation function behind a name of transformers."""
    known: dict[str, Activation] = {
        "silu": "silu", "swish": "silu", "gelu": "gelu", "gelu_new": "gelu_tanh", "gelu_pytorch_tanh": "gelu_tanh",
    }  # fmt: skip
    if name not in known:
        raise CheckpointError(f"The activation {name!r} is not supported; supported are {', '.join(sorted(known))}.")
    return known[name]


def fused(*parts: Affine) -> Affine:
    """Several projections of one input as one, rows in the order given."""
    biases = [bias for _, bias in parts if bias is not None]
    return torch.cat([weight for weight, _ in parts]), torch.cat(biases) if biases else None
