"""The common interface of the attention back ends `reference`, `sdpa`, `native` and `triton`."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from torch import Tensor

from engine.core.batch import Batch, Span
from engine.core.kv_cache import StepKv


class Attention(Protocol):
    """Causal attention of a flat batch over its cached keys and values."""

    name: str

    @property
    def kernel(self) -> str:
        """The kernel that really ran last, for the step's record (`sdpa:flash`, `reference`, ...)."""

    def __call__(self, q: Tensor, kv: StepKv, layer: int, batch: Batch) -> Tensor:
        """q [P, heads, head_dim] (rotated) to [P, heads, head_dim]; each row sees indices 0..its own position."""


@runtime_checkable
class RowSource(Protocol):
    """A back end that can give the probabilities of rows after a call, without running the attention again."""

    def rows(self, q: Tensor, kv: StepKv, layer: int, span: Span, first: int, heads: range) -> Tensor:
        """Probabilities float16 [n, len(heads), span.end] of a span's n positions from `first` on.

        q [P, heads, head_dim] and `layer` are those of the last call; `heads` is a range of adjacent heads.
        """


class AttentionProbe(Protocol):
    """Observes the inputs of one layer's attention; its time belongs to no phase."""

    def wants(self, layer: int) -> bool:
        """Whether this layer is observed in this step."""

    def observe(self, layer: int, q: Tensor, kv: StepKv, batch: Batch, attention: Attention) -> None:
        """q [P, heads, head_dim] (rotated), right after `attention` ran over it."""
