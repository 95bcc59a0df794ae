"""The names of tensors in a GGUF file and in a Hugging Face checkpoint of the same model."""

from __future__ import annotations

import re
from typing import Final

LLAMA: Final = {
    "input_layernorm": "attn_norm", "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output", "post_attention_layernorm": "ffn_norm",
    "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down",
}  # fmt: skip
HEAD_NORMS: Final = {"self_attn.q_norm": "attn_q_norm", "self_attn.k_norm": "attn_k_norm"}
GEMMA2: Final = LLAMA | {
    "post_attention_layernorm": "post_attention_norm", "pre_feedforward_layernorm": "ffn_norm",
    "post_feedforward_layernorm": "post_ffw_norm",
}  # fmt: skip
PHI3: Final = {
    "input_layernorm": "attn_norm", "self_attn.qkv_proj": "attn_qkv", "self_attn.o_proj": "attn_output",
    "post_attention_layernorm": "ffn_norm", "mlp.gate_up_proj": "ffn_up", "mlp.down_proj": "ffn_down",
}  # fmt: skip
GPT2: Final = {
    "ln_1": "attn_norm", "attn.c_attn": "attn_qkv", "attn.c_proj": "attn_output", "ln_2": "ffn_norm",
    "mlp.c_fc": "ffn_up", "mlp.c_proj": "ffn_down",
}  # fmt: skip
LAYER_PARTS: Final = {
    "llama": LLAMA, "qwen2": LLAMA, "qwen3": LLAMA | HEAD_NORMS, "gemma2": GEMMA2, "gemma3": GEMMA2 | HEAD_NORMS,
    "phi3": PHI3, "gpt2": GPT2,
}  # fmt: skip
"""GGUF's name of each part of a layer by its Hugging Face name, for each of GGUF's architectures."""
OUTSIDE: Final = {"model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output"}
GPT2_OUTSIDE: Final = {
    "transformer.wte": "token_embd", "transformer.wpe": "position_embd", "transformer.ln_f": "output_norm",
    "lm_head": "output",
}  # fmt: skip
NAME: Final = re.compile(r"(?:(?P<layers>blk|model\.layers|transformer\.h)\.(?P<layer>\d{1,6})\.)?(?P<part>.+)")
KINDS: Final = ("weight", "bias")


def gguf_name(architecture: str, name: str) -> str | None:
    """GGUF's name of the tensor that a Hugging Face checkpoint calls `name`; None where GGUF holds no such tensor."""
    layers, _ = _layers(architecture)
    return _translated(name, layers, "blk", LAYER_PARTS[architecture], _outside(architecture))


def checkpoint_name(architecture: str, name: str) -> str | None:
    """The name in a Hugging Face checkpoint of GGUF's tensor `name`; None where a checkpoint holds no such tensor."""
    layers, parts = _layers(architecture)
    outside = {gguf: own for own, gguf in _outside(architecture).items()}
    return _translated(name, "blk", layers, parts, outside)


def _layers(architecture: str) -> tuple[str, dict[str, str]]:
    """What stands before a layer's number in a checkpoint, and the names of its parts by GGUF's."""
    prefix = "transformer.h" if architecture == "gpt2" else "model.layers"
    return prefix, {gguf: own for own, gguf in LAYER_PARTS[architecture].items()}


def _outside(architecture: str) -> dict[str, str]:
    return GPT2_OUTSIDE if architecture == "gpt2" else OUTSIDE


def _translated(name: str, before: str, after: str, parts: dict[str, str], outside: dict[str, str]) -> str | None:
    """A name with its part looked up, and the word before a layer's number exchanged; `.weight` or `.bias` is kept."""
    stem, _, kind = name.rpartition(".")
    match = NAME.fullmatch(stem)
    if match is None or kind not in KINDS:
        return None
    if match["layers"] is None:
        own = outside.get(stem)
        return None if own is None else f"{own}.{kind}"
    part = parts.get(match["part"]) if match["layers"] == before else None
    return None if part is None else f"{after}.{match['layer']}.{part}.{kind}"
