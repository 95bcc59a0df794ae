"""K and V as a captured step sees them: memory that never moves, and tensors that say where each row lies."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from engine.cache.block_cache import BlockCache
from engine.core.batch import Span


@dataclass(frozen=True, slots=True)
class Rows:
    """`rows` rows of `width` positions each, as fixed tensors.

    `tables` int32 [rows, blocks] (unused entries: null block), `firsts` int64 [rows]: the index of a row's first
    position, `lengths` int32 [rows]: firsts + width, `positions` int64 [rows · width], `starts` int32 [rows + 1]: where
    each row begins among the positions.
    """

    width: int
    tables: Tensor
    firsts: Tensor
    lengths: Tensor
    positions: Tensor
    starts: Tensor

    @property
    def rows(self) -> int:
        return self.tables.shape[0]


class CapturedKv:
    """A block cache as a captured step sees it: where its rows are written, and the rows that attention reads.

    `slots` int64 [rows · width] is the slot each position is written to: the null block's first slot for padding.
    """

    def __init__(self, memory: BlockCache, rows: Rows, slots: Tensor) -> None:
        self.rows = rows
        self._memory = memory
        self._slots = slots

    def blocks_of(self, layer: int) -> Tensor:
        """A layer's blocks, [2, blocks, block_size, kv_heads, head_dim]: K and V."""
        return self._memory.blocks_of(layer)

    def slot_mapping(self, layer: int) -> tuple[Tensor, Tensor]:
        """A layer's memory [2, slots, kv_heads, head_dim] and the slot of each position."""
        return self._memory.blocks_of(layer).flatten(1, 2), self._slots

    def write(self, layer: int, k: Tensor, v: Tensor) -> None:
        """Store k and v, each [rows · width, kv_heads, head_dim]."""
        memory, slots = self.slot_mapping(layer)
        memory[0].index_copy_(0, slots, k)
        memory[1].index_copy_(0, slots, v)

    def keys_values(self, layer: int, span: Span) -> tuple[Tensor, Tensor]:
        """Raises TypeError: a captured step has rows of fixed tensors, and no spans on the host."""
        raise TypeError("A captured step reads K and V by its rows, not by spans.")
