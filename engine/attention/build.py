"""Makes the attention back end that the switches name."""

from __future__ import annotations

from engine.attention.native import NativeAttention
from engine.attention.reference import ReferenceAttention
from engine.attention.sdpa import SdpaAttention
from engine.core.attention import Attention
from engine.model.config import ModelConfig


def make_attention(name: str, config: ModelConfig | None = None) -> Attention:
    """The back end `name`; `config` says which layers have a sliding window (None: no layer has one)."""
    if name == "reference":
        return ReferenceAttention(config)
    if name == "sdpa":
        return SdpaAttention(config)
    if name == "native":
        return NativeAttention(config)
    from engine.attention.triton import TritonAttention  # noqa: PLC0415 - Triton may be missing

    return TritonAttention(config)
