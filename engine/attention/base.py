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
