"""The facts that decide the size of a KV cache, and the formula for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class KvShape:
    """The facts that decide the size of a KV cache: layers, KV heads, head dimension, and bytes per element."""

    layers: int
    kv_heads: int
    head_dim: int
    itemsize: int

    def layer_bytes(self, positions: int) -> int:
        """Bytes of one layer: K and V of every position."""
        return 2 * positions * self.kv_heads * self.head_dim * self.itemsize

    def total_bytes(self, positions: int) -> int:
        """Bytes of the whole cache: 2 · layers · positions · kv_heads · head_dim · itemsize."""
        return self.layers * self.layer_bytes(positions)


def kv_shape_of(facts: dict[str, Any]) -> KvShape | None:
    """The shape in a session's `model_config`; None where a fact is missing."""
    try:
        return KvShape(*(int(facts[name]) for name in ("layers", "kv_heads", "head_dim", "itemsize")))
    except KeyError:
        return None
