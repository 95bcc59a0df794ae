"""The one interface of the attention back ends; `reference`, `sdpa` and `triton` stand behind it."""

from __future__ import annotations

from typing import Protocol

from torch import Tensor

from engine.cache.base import KVCache
from engine.model.batch import Batch


class Attention(Protocol):
    """Causal attention of a flat batch over its cached keys and values."""

    name: str

    @property
    def kernel(self) -> str:
        """The kernel that really ran last, for the step's record (`sdpa:flash`, `reference`, ...)."""

    def __call__(self, q: Tensor, cache: KVCache, layer: int, batch: Batch) -> Tensor:
        """q [P, heads, head_dim] (rotated) to [P, heads, head_dim]; each row sees indices 0..its own position."""


class AttentionProbe(Protocol):
    """Looks at what one layer's attention is given, outside every phase."""

    def wants(self, layer: int) -> bool:
        """Whether this layer is observed in this step."""

    def observe(self, layer: int, q: Tensor, cache: KVCache, batch: Batch) -> None:
        """q [P, heads, head_dim] (rotated), after the layer's K and V of the batch were written to the cache."""
