"""K and V as a captured step sees them: memory that never moves, and where each row lies in it, told by tensors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from torch import Tensor

from engine.core.batch import Batch
from engine.core.kv_cache import KVCache


@runtime_checkable
class FixedMemory(KVCache, Protocol):
    """A cache in blocks whose memory is taken at once and stays where it is.

    It has one block more than it gives out, the null block, where padding is written; that is not usage.
    """

    block_size: int
    null_block: int
    """-1 where the memory may still move, and nothing can be captured."""

    def blocks_of(self, layer: int) -> Tensor:
        """A layer's blocks, [2, blocks, block_size, kv_heads, head_dim]: K and V."""

    def table(self, request_id: int) -> list[int]:
        """The blocks of a request, in order."""

    def make_room(self, batch: Batch) -> None:
        """What `begin` does, but for finding where the batch is read and written; raises OutOfKvMemory."""

    def commit(self, request_id: int, tokens: Sequence[int]) -> None:
        """The next indices of a request are `tokens`, and were written, or will be before anyone reads them."""


@dataclass(frozen=True, slots=True)
class Rows:
    """`rows` rows of `width` positions each, as fixed tensors.

    `tables` int32 [rows, blocks] (null block where nothing lies), `firsts` int64 [rows]: the index of a row's first
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


class FixedKv:
    """The cache of a captured step: writes to the slots, and shows attention its rows.

    `slots` int64 [rows · width] say where each position is written, the null block's first slot for padding. What
    else a cache does happens outside of a captured step, and goes to the memory itself.
    """

    def __init__(self, memory: FixedMemory, rows: Rows, slots: Tensor) -> None:
        self.memory = memory
        self.rows = rows
        self.name = memory.name
        self._slots = slots

    def blocks_of(self, layer: int) -> Tensor:
        """A layer's blocks, [2, blocks, block_size, kv_heads, head_dim]: K and V."""
        return self.memory.blocks_of(layer)

    def slots(self, layer: int) -> tuple[Tensor, Tensor]:
        """A layer's memory [2, slots, kv_heads, head_dim] and the slot of each position."""
        return self.memory.blocks_of(layer).flatten(1, 2), self._slots

    def write(self, layer: int, k: Tensor, v: Tensor) -> None:
        """Store k and v, each [rows · width, kv_heads, head_dim]."""
        memory, slots = self.slots(layer)
        memory[0].index_copy_(0, slots, k)
        memory[1].index_copy_(0, slots, v)
