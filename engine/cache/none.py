"""No cache: every step computes all known tokens again, and K and V are kept only while their layer is computed."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from torch import Tensor

from engine.core.batch import Batch, Span
from engine.core.kv_cache import BlockEvent


class OwnRowsKv:
    """K and V of the step's own rows, only of the layer that was written last."""

    def __init__(self) -> None:
        self._k: Tensor | None = None  # [kv_heads, P, head_dim]
        self._v: Tensor | None = None

    def write(self, layer: int, k: Tensor, v: Tensor) -> None:
        self._k, self._v = k.transpose(0, 1), v.transpose(0, 1)

    def slot_mapping(self, layer: int) -> None:
        """None: nothing is kept, so there are no slots."""
        return

    def keys_values(self, layer: int, span: Span) -> tuple[Tensor, Tensor]:
        assert self._k is not None
        assert self._v is not None
        return self._k[:, span.rows], self._v[:, span.rows]


class NoCache:
    """Keeps nothing between steps, so `length` is always 0 and every span starts at index 0."""

    name = "none"

    def __init__(self, layers: int, position_bytes: int) -> None:
        """`position_bytes`: bytes of K and V of one position in one layer, while that layer is computed."""
        self.position_bytes = position_bytes
        self._layers = layers

    def length(self, request_id: int) -> int:
        return 0

    def admit(self, request_id: int, capacity: int, tokens: Sequence[int] = ()) -> None:
        pass

    def begin(self, batch: Batch) -> OwnRowsKv:
        return OwnRowsKv()

    def commit(self, request_id: int, tokens: Sequence[int]) -> None:
        pass

    def truncate(self, request_id: int, length: int) -> None:
        pass

    def free(self, request_id: int) -> None:
        pass

    def layer_bytes(self, ended: Collection[int] = ()) -> list[tuple[int, int]]:
        return [(0, 0)] * self._layers

    def held_bytes(self, ended: Collection[int] = ()) -> tuple[int, int]:
        return 0, 0

    @property
    def evictable_bytes(self) -> int:
        return 0

    def drain_events(self) -> list[BlockEvent]:
        return []
