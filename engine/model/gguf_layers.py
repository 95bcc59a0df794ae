"""The weights of a GGUF file in the decoder's form, by the names that llama.cpp gives them.

They lie in the files in an order of their own: Llama's q and k with the channels of a rotated pair side by side, as the
decoder wants them, those of the other families in halves; Gemma's norms with 1 added; GPT-2's projections as [out, in].
Only rows are ever moved, which quantised weights allow: their blocks lie within a row.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol

import torch
from torch import Tensor

from engine.model.config import ModelConfig
from engine.model.config_values import Raw
from engine.model.families import Affine, Family, LayerWeights, ModelWeights, family_of
from engine.model.quantised import Projection, Quantised, Weight, joined, kept
from engine.model.rope import interleave_pairs
from kernels.cpu.kinds import StoredRows


class ReadWeight(Protocol):
    """Returns the tensor of this name after checking its shape: plain, or rows of a quantised kind."""

    def __call__(self, name: str, *shape: int) -> Tensor | StoredRows: ...


@dataclass(frozen=True, slots=True)
class Layout:
    """How the files of one family hold the weights of a layer."""

    halves: bool = True
    """Whether channel i of a head is rotated with channel i + head_dim / 2, and not with its neighbour."""
    fused: bool = False
    """Whether q, k and v are one tensor, and gate and up as well."""
    post_norms: bool = False
    head_norms: bool = False


LLAMA: Final = Layout(halves=False)
LAYOUTS: Final = {
    "GPT2LMHeadModel": Layout(halves=False, fused=True),
    "Gemma3ForCausalLM": Layout(post_norms=True, head_norms=True),
    "LlamaForCausalLM": LLAMA,
    "MistralForCausalLM": LLAMA,
    "Phi3ForCausalLM": Layout(fused=True),
    "Qwen2ForCausalLM": Layout(),
    "Qwen3ForCausalLM": Layout(head_norms=True),
}


def gguf_family_of(raw: Raw) -> tuple[str, Family]:
    """The architecture's name and its family, with the weights as a GGUF file holds them; raises as `family_of`."""
    name, family = family_of(raw)
    layout = LAYOUTS[name]

    def layer(read: ReadWeight, config: ModelConfig, index: int) -> LayerWeights:
        return gguf_layer(layout, read, config, index)

    return name, Family(family.config, gguf_model, layer, family.layers)


def gguf_model(read: ReadWeight, config: ModelConfig) -> ModelWeights:
    """The weights outside the layers."""
    hidden = config.hidden
    learned = config.positions == "learned"
    return ModelWeights(
        embedding=read("token_embd.weight", config.vocab, hidden),
        positions=plain(read("position_embd.weight", config.max_positions, hidden)) if learned else None,
        final_norm=norm_of(read, config, "output_norm"),
        head=None if config.tied else kept(read("output.weight", config.vocab, hidden)),
    )


def gguf_layer(layout: Layout, read: ReadWeight, config: ModelConfig, index: int) -> LayerWeights:
    """Layer `index`."""
    prefix, hidden, head_dim, ffn = f"blk.{index}", config.hidden, config.head_dim, config.ffn
    q_rows, kv_rows = config.heads * head_dim, config.kv_heads * head_dim

    def projection(name: str, rows: int, columns: int, bias: bool) -> Projection:
        weight = kept(read(f"{prefix}.{name}.weight", rows, columns))
        return weight, plain(read(f"{prefix}.{name}.bias", rows)) if bias else None

    def rotated(one: Projection) -> Projection:
        weight, bias = one
        if not layout.halves:
            return one
        return paired(weight, head_dim), None if bias is None else interleave_pairs(bias, head_dim)

    def head_norm(name: str) -> Tensor:
        return interleave_pairs(plain(read(f"{prefix}.{name}.weight", head_dim)), head_dim)

    if layout.fused:
        whole = projection("attn_qkv", q_rows + 2 * kv_rows, hidden, config.qkv_bias)
        qk, v = cut(whole, q_rows + kv_rows)
        qkv = joined(rotated(qk), v) if layout.halves else whole
    else:
        q, k, v = (
            projection(f"attn_{one}", rows, hidden, config.qkv_bias)
            for one, rows in (("q", q_rows), ("k", kv_rows), ("v", kv_rows))
        )
        qkv = joined(rotated(q), rotated(k), v)
    if config.mlp == "gelu":
        up = projection("ffn_up", ffn, hidden, config.mlp_bias)
    elif layout.fused:
        up = joined(*cut(projection("ffn_up", 2 * ffn, hidden, config.mlp_bias), ffn))
    else:
        up = joined(*(projection(f"ffn_{one}", ffn, hidden, config.mlp_bias) for one in ("gate", "up")))
    return LayerWeights(
        attention_norm=norm_of(read, config, f"{prefix}.attn_norm"),
        qkv=qkv,
        qk_norm=(
            (head_norm("attn_q_norm").float() * config.query_factor, head_norm("attn_k_norm"))
            if layout.head_norms else None
        ),
        out=projection("attn_output", hidden, q_rows, config.o_bias),
        ffn_norm=norm_of(read, config, f"{prefix}.ffn_norm"),
        up=up,
        down=projection("ffn_down", hidden, ffn, config.mlp_bias),
        attention_post_norm=norm_of(read, config, f"{prefix}.post_attention_norm") if layout.post_norms else None,
        ffn_post_norm=norm_of(read, config, f"{prefix}.post_ffw_norm") if layout.post_norms else None,
    )  # fmt: skip


def norm_of(read: ReadWeight, config: ModelConfig, name: str) -> Affine:
    """A norm's weight, and its bias where the family has LayerNorms."""
    bias = plain(read(f"{name}.bias", config.hidden)) if config.norm == "layernorm" else None
    return plain(read(f"{name}.weight", config.hidden)), bias


def plain(tensor: Tensor | StoredRows) -> Tensor:
    """A tensor that is used as it is; what a file holds quantised is unpacked."""
    return tensor if isinstance(tensor, Tensor) else Quantised((tensor,)).unpacked()


def paired(weight: Weight, head_dim: int) -> Weight:
    """`interleave_pairs` for a weight of one slab, quantised or not."""
    if isinstance(weight, Tensor):
        return interleave_pairs(weight, head_dim)
    (slab,) = weight.slabs
    order = interleave_pairs(torch.arange(slab.shape[0], device=slab.bytes.device), head_dim)
    return Quantised((slab[order],))


def cut(one: Projection, rows: int) -> tuple[Projection, Projection]:
    """The first rows of a projection of one slab, and the others."""
    weight, bias = one
    first = None if bias is None else bias[:rows]
    rest = None if bias is None else bias[rows:]
    if isinstance(weight, Tensor):
        return (weight[:rows], first), (weight[rows:], rest)
    (slab,) = weight.slabs
    return (Quantised((slab[:rows],)), first), (Quantised((slab[rows:],)), rest)
