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


@runtime_checkable
class TakesScratch(Protocol):
    """A back end whose kernel takes memory of its own, outside of tensors."""

    @property
    def scratch_bytes(self) -> int:
        """Bytes that the last call took so, of all threads."""


class AttentionProbe(Protocol):
    """Observes one layer's attention; its time belongs to no phase.

    A pass operation by operation shows it the layer's inputs (`observe`). A pass as one native call computes the rows
    that it asks for itself, and hands them over (`take_maps`).
    """

    layer: int
    heads: range
    """The observed heads, adjacent."""

    def rows_of(self, batch: Batch) -> list[tuple[int, int]]:
        """The spans of a batch whose rows are observed: (index in the batch, position of the first such row)."""

    def observe(self, q: Tensor, kv: StepKv, batch: Batch, attention: Attention) -> None:
        """q [P, heads, head_dim] (rotated) of the layer, right after `attention` ran over it."""

    def take_maps(self, span: Span, first: int, maps: bytes) -> None:
        """Of a span's positions from `first` on: float16 [n, len(heads), span.end]."""

    def add_cost(self, ns: float) -> None:
        """The host spent so much on observing this step."""
