"""The model families that can be read: each entry maps the config of one family and the names of its weights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol

import torch
from torch import Tensor

from engine.errors import CheckpointError
from engine.model.config import Activation, ModelConfig, Rope, RopeKind
from engine.model.config_values import (
    Raw,
    fields,
    flag,
    integer,
    integer_or_none,
    number,
    numbers,
    token_ids,
    word,
    words,
)
from engine.model.quantised import Projection, Weight, joined
from engine.model.rope import interleave_pairs
from engine.plain_text import one_line, quoted
from kernels.cpu.kinds import StoredRows

Affine = tuple[Tensor, Tensor | None]
"""A weight and its bias."""


class Read(Protocol):
    """Returns the checkpoint's tensor of this name after checking its shape: of a GGUF file it may be StoredRows."""

    def __call__(self, name: str, *shape: int) -> Any: ...


@dataclass(frozen=True, slots=True)
class LayerWeights:
    """One layer in the decoder's form: weights [out, in], q/k/v and gate/up fused, rotary channel pairs adjacent."""

    attention_norm: Affine
    qkv: Projection
    """[(heads + 2 · kv_heads) · head_dim, hidden]"""
    qk_norm: tuple[Tensor, Tensor] | None
    """Weights [head_dim] of the norms of q and of k."""
    out: Projection
    ffn_norm: Affine
    up: Projection
    """[2 · ffn, hidden] gate first, or [ffn, hidden] without a gate"""
    down: Projection
    attention_post_norm: Affine | None = None
    ffn_post_norm: Affine | None = None


@dataclass(frozen=True, slots=True)
class ModelWeights:
    """The weights outside the layers. `head` None means that the embedding is also the LM head."""

    embedding: Tensor | StoredRows
    positions: Tensor | None
    final_norm: Affine
    head: Weight | None


@dataclass(frozen=True, slots=True)
class Family:
    """One model family: how to read its config, the weights outside the layers, and layer i."""

    config: Callable[[Raw], ModelConfig]
    model: Callable[[Read, ModelConfig], ModelWeights]
    layer: Callable[[Read, ModelConfig, int], LayerWeights]
    layers: str = "num_hidden_layers"
    """The name of the config value that holds the number of layers."""


# --- Llama and its relatives ----------------------------------------------------------------------------------------


def llama_config(raw: Raw, **own: Any) -> ModelConfig:
    """The config of Llama 1 to 3; `own` overrides fields for a related family."""
    heads = integer(raw, "num_attention_heads")
    hidden = integer(raw, "hidden_size")
    window = own.pop("sliding_window", None)
    layers = integer(raw, "num_hidden_layers")
    values: dict[str, Any] = {
        "layers": layers,
        "hidden": hidden,
        "heads": heads,
        "kv_heads": integer(raw, "num_key_value_heads", heads),
        "head_dim": integer(raw, "head_dim", max(1, hidden // heads)),
        "ffn": integer(raw, "intermediate_size"),
        "norm_eps": number(raw, "rms_norm_eps", 1e-6),
        "rope": rope_of(raw),
        "activation": activation_of(word(raw, "hidden_act", "silu")),
        "qkv_bias": flag(raw, "attention_bias"),
        "o_bias": flag(raw, "attention_bias"),
        "mlp_bias": flag(raw, "mlp_bias"),
        "sliding_window": window,
        "window_layers": tuple(range(layers)) if window is not None else (),
    }
    return ModelConfig(**{**common(raw), **values, **own})


def mistral_config(raw: Raw) -> ModelConfig:
    """Mistral: every layer uses a sliding window, in the versions that have one."""
    return llama_config(raw, sliding_window=integer_or_none(raw, "sliding_window"))


def qwen2_config(raw: Raw, **own: Any) -> ModelConfig:
    """Qwen2 and 2.5: biases on q, k and v only; layers from `max_window_layers` on may use a sliding window."""
    window = integer_or_none(raw, "sliding_window") if flag(raw, "use_sliding_window") else None
    layers = integer(raw, "num_hidden_layers")
    first = integer(raw, "max_window_layers", 28, least=0)
    kinds = words(raw, "layer_types") or [
        "sliding_attention" if index >= first else "full_attention" for index in range(layers)
    ]
    sliding = tuple(index for index, kind in enumerate(kinds) if kind == "sliding_attention")
    own = {"qkv_bias": True, "o_bias": False, "window_layers": () if window is None else sliding, **own}
    return llama_config(raw, sliding_window=window, **own)


def qwen3_config(raw: Raw) -> ModelConfig:
    """Qwen3: RMSNorm over each head of q and k, before they are rotated."""
    bias = flag(raw, "attention_bias")
    return qwen2_config(raw, qk_norm=True, qkv_bias=bias, o_bias=bias)


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
        qkv=joined(q, k, affine("self_attn.v_proj", kv_rows, hidden, config.qkv_bias)),
        qk_norm=(head_norm("q_norm"), head_norm("k_norm")) if config.qk_norm else None,
        out=affine("self_attn.o_proj", hidden, q_rows, config.o_bias),
        ffn_norm=norm("post_attention_layernorm"),
        up=joined(
            affine("mlp.gate_proj", ffn, hidden, config.mlp_bias), affine("mlp.up_proj", ffn, hidden, config.mlp_bias)
        ),
        down=affine("mlp.down_proj", hidden, ffn, config.mlp_bias),
    )


def phi3_layer(read: Read, config: ModelConfig, index: int) -> LayerWeights:
    """Phi-3: as Llama, but q, k and v are stored as one tensor, and gate and up as one."""
    prefix = f"model.layers.{index}"
    hidden, head_dim, ffn = config.hidden, config.head_dim, config.ffn
    q_rows, kv_rows = config.heads * head_dim, config.kv_heads * head_dim
    qkv = read(f"{prefix}.self_attn.qkv_proj.weight", q_rows + 2 * kv_rows, hidden)
    rotated, v = qkv[: q_rows + kv_rows], qkv[q_rows + kv_rows :]
    return LayerWeights(
        attention_norm=(read(f"{prefix}.input_layernorm.weight", hidden), None),
        qkv=joined((interleave_pairs(rotated, head_dim), None), (v, None)),
        qk_norm=None,
        out=(read(f"{prefix}.self_attn.o_proj.weight", hidden, q_rows), None),
        ffn_norm=(read(f"{prefix}.post_attention_layernorm.weight", hidden), None),
        up=(read(f"{prefix}.mlp.gate_up_proj.weight", 2 * ffn, hidden), None),
        down=(read(f"{prefix}.mlp.down_proj.weight", hidden, ffn), None),
    )


# --- Gemma 3 --------------------------------------------------------------------------------------------------------


def gemma3_config(raw: Raw) -> ModelConfig:
    """Gemma 3 (text): norms before and after each part, a scaled embedding, and layers with a sliding window.

    The sliding-window layers rotate with higher frequencies. Norm weights are stored minus one. The scale of q·k
    (`query_pre_attn_scalar`) is folded into the norm of q.
    """
    for capped in ("attn_logit_softcapping", "final_logit_softcapping"):
        if raw.get(capped) is not None:
            raise CheckpointError(f"Gemma with {capped} is not supported.")
    if flag(raw, "use_bidirectional_attention"):
        raise CheckpointError("Gemma with use_bidirectional_attention is not supported.")
    layers, hidden = integer(raw, "num_hidden_layers"), integer(raw, "hidden_size")
    head_dim = integer(raw, "head_dim", 256)
    pattern = integer(raw, "sliding_window_pattern", 6)
    kinds = words(raw, "layer_types") or [
        "full_attention" if (index + 1) % pattern == 0 else "sliding_attention" for index in range(layers)
    ]
    ropes = fields(raw, "rope_parameters")
    if ropes:  # transformers 5 writes one for each kind of layer
        kinds_of_rope = [fields(ropes, f"{kind}_attention") for kind in ("full", "sliding")]
        if not all(kinds_of_rope):
            raise CheckpointError(
                "config.json should give Gemma's rope_parameters as full_attention and sliding_attention, "
                f"not {quoted(ropes)}."
            )
        full, window = (rope_of({"rope_parameters": of_kind}) for of_kind in kinds_of_rope)
    else:
        full = rope_of({**raw, "rope_theta": number(raw, "rope_theta", 1e6)})
        window = Rope(number(raw, "rope_local_base_freq", 10_000.0))
    return llama_config(
        {**raw, "rope_parameters": None, "hidden_act": word(raw, "hidden_activation", "gelu_pytorch_tanh")},
        rope=full,
        window_rope=window,
        head_dim=head_dim,
        tied=flag(raw, "tie_word_embeddings", True),
        sliding_window=integer_or_none(raw, "sliding_window") or 4096,
        window_layers=tuple(index for index, kind in enumerate(kinds) if kind == "sliding_attention"),
        qk_norm=True,
        post_norms=True,
        embedding_scale=hidden**0.5,
        query_factor=(head_dim / number(raw, "query_pre_attn_scalar", 256.0)) ** 0.5,
    )


def gemma3_model(read: Read, config: ModelConfig) -> ModelWeights:
    weights = llama_model(read, config)
    return replace(weights, final_norm=plus_one(weights.final_norm))


def gemma3_layer(read: Read, config: ModelConfig, index: int) -> LayerWeights:
    prefix, hidden = f"model.layers.{index}", config.hidden

    def norm(name: str) -> Affine:
        return plus_one((read(f"{prefix}.{name}_layernorm.weight", hidden), None))

    layer = llama_layer(read, config, index)
    assert layer.qk_norm is not None
    q, k = (1.0 + weight.float() for weight in layer.qk_norm)
    return replace(
        layer,
        attention_norm=plus_one(layer.attention_norm),
        qk_norm=(q * config.query_factor, k),
        attention_post_norm=norm("post_attention"),
        ffn_norm=norm("pre_feedforward"),
        ffn_post_norm=norm("post_feedforward"),
    )


def plus_one(norm: Affine) -> Affine:
    """The norm with 1 added to its weight, which is stored minus one."""
    return 1.0 + norm[0].float(), norm[1]


# --- GPT-2 ----------------------------------------------------------------------------------------------------------


def gpt2_config(raw: Raw) -> ModelConfig:
    """GPT-2: learned positions, LayerNorm, biases everywhere, no gate in the feed-forward part."""
    if flag(raw, "scale_attn_by_inverse_layer_idx") or not flag(raw, "scale_attn_weights", True):
        raise CheckpointError(
            "GPT-2 with scale_attn_by_inverse_layer_idx or without scale_attn_weights is not supported."
        )
    heads, hidden = integer(raw, "n_head"), integer(raw, "n_embd")
    return ModelConfig(
        **common(raw, positions="n_positions", tied=True),
        layers=integer(raw, "n_layer"),
        hidden=hidden,
        heads=heads,
        kv_heads=heads,
        head_dim=hidden // heads,
        ffn=integer(raw, "n_inner", 4 * hidden),
        norm_eps=number(raw, "layer_norm_epsilon", 1e-5),
        norm="layernorm",
        positions="learned",
        mlp="gelu",
        activation=activation_of(word(raw, "activation_function", "gelu_new")),
        qkv_bias=True,
        o_bias=True,
        mlp_bias=True,
    )


def gpt2_model(read: Read, config: ModelConfig) -> ModelWeights:
    hidden = config.hidden
    return ModelWeights(
        embedding=read("transformer.wte.weight", config.vocab, hidden),
        positions=read("transformer.wpe.weight", config.max_positions, hidden),
        final_norm=(read("transformer.ln_f.weight", hidden), read("transformer.ln_f.bias", hidden)),
        head=None if config.tied else read("lm_head.weight", config.vocab, hidden),
    )


def gpt2_layer(read: Read, config: ModelConfig, index: int) -> LayerWeights:
    prefix = f"transformer.h.{index}"
    hidden, ffn = config.hidden, config.ffn

    def norm(name: str) -> Affine:
        return read(f"{prefix}.{name}.weight", hidden), read(f"{prefix}.{name}.bias", hidden)

    def conv1d(name: str, rows: int, columns: int) -> Affine:  # stored as [in, out]
        return read(f"{prefix}.{name}.weight", columns, rows).t(), read(f"{prefix}.{name}.bias", rows)

    return LayerWeights(
        attention_norm=norm("ln_1"),
        qkv=conv1d("attn.c_attn", 3 * hidden, hidden),
        qk_norm=None,
        out=conv1d("attn.c_proj", hidden, hidden),
        ffn_norm=norm("ln_2"),
        up=conv1d("mlp.c_fc", ffn, hidden),
        down=conv1d("mlp.c_proj", hidden, ffn),
    )


# --- the entries ----------------------------------------------------------------------------------------------------

FAMILIES: Final[dict[str, Family]] = {
    "GPT2LMHeadModel": Family(gpt2_config, gpt2_model, gpt2_layer, layers="n_layer"),
    "Gemma3ForCausalLM": Family(gemma3_config, gemma3_model, gemma3_layer),
    "LlamaForCausalLM": Family(llama_config, llama_model, llama_layer),
    "MistralForCausalLM": Family(mistral_config, llama_model, llama_layer),
    "Phi3ForCausalLM": Family(mistral_config, llama_model, phi3_layer),
    "Qwen2ForCausalLM": Family(qwen2_config, llama_model, llama_layer),
    "Qwen3ForCausalLM": Family(qwen3_config, llama_model, llama_layer),
}
CAPPED: Final = frozenset({"Gemma2ForCausalLM"})
"""Architectures whose attention scores pass a tanh, which no attention of this engine computes."""


def family_of(raw: Raw) -> tuple[str, Family]:
    """The architecture's name and its family.

    Raises CheckpointError where the config names no supported architecture, and for quantised weights.
    """
    names = raw.get("architectures")
    architecture = names[0] if isinstance(names, list) and names and isinstance(names[0], str) else ""
    supported = ", ".join(sorted(FAMILIES))
    if not architecture:
        raise CheckpointError(f"config.json names no architecture; supported are {supported}.")
    if architecture in CAPPED:
        raise CheckpointError(
            f"The architecture {architecture} is not supported: it caps attention scores and logits (soft-capping)."
        )
    if architecture not in FAMILIES:
        raise CheckpointError(f"The architecture {one_line(architecture)} is not supported; supported are {supported}.")
    if raw.get("quantization_config") is not None:
        method = one_line(fields(raw, "quantization_config").get("quant_method", "unknown"))
        raise CheckpointError(f"The weights are quantised ({method}); only float32, bfloat16 and float16 can be read.")
    return architecture, FAMILIES[architecture]


# --- reading config.json --------------------------------------------------------------------------------------------


def common(raw: Raw, positions: str = "max_position_embeddings", tied: bool = False) -> dict[str, Any]:
    """The fields that every family has; `tied` is the default where the config has no `tie_word_embeddings`."""
    dtype = word(raw, "dtype", "") or word(raw, "torch_dtype", "")
    return {
        "architecture": raw["architectures"][0],
        "vocab": integer(raw, "vocab_size"),
        "max_positions": integer(raw, positions),
        "tied": flag(raw, "tie_word_embeddings", tied),
        "bos_token_id": next(iter(token_ids(raw, "bos_token_id")), None),
        "eos_token_ids": token_ids(raw, "eos_token_id"),
        "dtype": {"bfloat16": torch.bfloat16, "float16": torch.float16}.get(dtype, torch.float32),
    }


def rope_of(raw: Raw) -> Rope:
    """Rotary settings: `rope_parameters` as transformers 5 writes them, or `rope_theta` with `rope_scaling`."""
    given = fields(raw, "rope_parameters")
    scaling = given or fields(raw, "rope_scaling")
    theta = number(given, "rope_theta", number(raw, "rope_theta", 10_000.0))
    kind = word(scaling, "rope_type", "") or word(scaling, "type", "") or "default"
    kinds: dict[str, RopeKind] = {"default": "none", "linear": "linear", "llama3": "llama3"}
    if kind == "factors":
        return Rope(
            theta, "factors", factors=numbers(scaling, "factors"), magnitude=number(scaling, "attention_factor", 1.0)
        )
    if kind not in kinds:
        raise CheckpointError(
            f"The rope scaling {quoted(kind)} is not supported; supported are {', '.join(sorted(kinds))}."
        )
    if number(scaling, "partial_rotary_factor", number(raw, "partial_rotary_factor", 1.0)) != 1.0:
        raise CheckpointError("Rotating only a part of each head (partial_rotary_factor) is not supported.")
    low, high = number(scaling, "low_freq_factor", 1.0), number(scaling, "high_freq_factor", 4.0)
    if kind == "llama3" and low >= high:
        raise CheckpointError(
            f"config.json gives {low} as low_freq_factor, which must be below high_freq_factor, {high}."
        )
    return Rope(
        theta,
        kinds[kind],
        number(scaling, "factor", 1.0),
        low,
        high,
        integer(scaling, "original_max_position_embeddings", 8192),
    )


def activation_of(name: str) -> Activation:
    """The activation function for the name that transformers gives it."""
    known: dict[str, Activation] = {
        "silu": "silu", "swish": "silu", "gelu": "gelu", "gelu_new": "gelu_tanh", "gelu_pytorch_tanh": "gelu_tanh",
    }  # fmt: skip
    if name not in known:
        raise CheckpointError(
            f"The activation {quoted(name)} is not supported; supported are {', '.join(sorted(known))}."
        )
    return known[name]
