"""Where K and V of one span lie in a layer, as the C code reads it (`KvPlace` of attention.h): PLACE numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import torch
from torch import Tensor

PLACE: Final = 7
"""The numbers of a place: the address of K, the bytes from K to V, between blocks, between positions and between heads,
the positions of a block, and the address of the block table, or 0."""

Place = tuple[int, int, int, int, int, int, int]


def region_place(memory: Tensor, layer: int = 0) -> Place:
    """The place in a layer of a span that has a memory of its own, [layers, 2, kv_heads, capacity, head_dim]."""
    apart, values, head, position, _ = (stride * memory.itemsize for stride in memory.stride())
    return memory.data_ptr() + layer * apart, values, 0, position, head, memory.shape[3], 0


def block_place(pool: Tensor, table: int) -> Place:
    """The place of a span whose K and V lie in blocks of a layer's pool [2, blocks, block_size, kv_heads, head_dim].

    The pool's last dimension is contiguous; `table` is the address of the span's block table int32, which must live as
    long as the place is used.
    """
    values, block, position, head, _ = (stride * pool.itemsize for stride in pool.stride())
    return pool.data_ptr(), values, block, position, head, pool.shape[2], table


def row_place(k: Tensor, v: Tensor, start: int) -> Place:
    """The place of a span whose K and V are the rows from `start` on of the batch itself, [P, kv_heads, head_dim].

    Raises ValueError where k and v differ in their strides, or where the last of them is not 1.
    """
    if k.stride() != v.stride() or k.stride(2) != 1:
        raise ValueError("K and V need the same strides, the last 1")
    position, head = k.stride(0) * k.itemsize, k.stride(1) * k.itemsize
    return k.data_ptr() + start * position, v.data_ptr() - k.data_ptr(), 0, position, head, k.shape[0], 0


def region_places(memories: Sequence[Tensor]) -> Tensor:
    """`region_place` of each memory in layer 0, int64 [spans, PLACE]; their capacities may differ."""
    return torch.tensor([region_place(memory) for memory in memories])


def block_places(pool: Tensor, tables: Tensor) -> Tensor:
    """`block_place` of each of the tables int32 [spans, n], which are contiguous: int64 [spans, PLACE]."""
    first, row = tables.data_ptr(), tables.shape[1] * tables.itemsize
    return torch.tensor([block_place(pool, first + number * row) for number in range(len(tables))])


def row_places(k: Tensor, v: Tensor, starts: Sequence[int]) -> Tensor:
    """`row_place` of each start, int64 [spans, PLACE]."""
    return torch.tensor([row_place(k, v, start) for start in starts])
