"""Where a compiled step finds the K and V of each span: the numbers that `kernels.cpu.step` reads, by kind of cache."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from engine.cache.block_cache import BlockKv
from engine.cache.contiguous import RegionKv
from engine.cache.none import OwnRowsKv
from engine.core.batch import Batch, Span
from engine.core.kv_cache import StepKv
from engine.core.positions import PADDING_REQUEST

WITHOUT_CACHE = [0] * 9
"""The place of a span that no cache holds: the step keeps its K and V itself."""


class Places:
    """The places of a step's spans; `numbers` int64 [spans, SPAN] point into memory that this object keeps alive."""

    def __init__(self, batch: Batch, kv: StepKv) -> None:
        """Raises TypeError for a view of a cache that a compiled step cannot read."""
        self._kept: list[object] = []
        place = self._place_in(kv)
        numbers: list[int] = []
        for span in batch.spans:
            own = WITHOUT_CACHE if span.request_id == PADDING_REQUEST else place(span)
            numbers += (span.row, span.length, span.first, *own)
        self.numbers: Tensor = torch.tensor(numbers, dtype=torch.int64).view(len(batch.spans), -1)

    def _place_in(self, kv: StepKv) -> Callable[[Span], Sequence[int]]:
        if isinstance(kv, BlockKv):
            return self._blocks(kv)
        if isinstance(kv, RegionKv):
            return lambda span: region(kv.memory_of(span.request_id))
        if isinstance(kv, OwnRowsKv):
            return lambda span: WITHOUT_CACHE
        raise TypeError(f"A compiled step cannot read K and V from {type(kv).__name__}.")

    def _blocks(self, kv: BlockKv) -> Callable[[Span], Sequence[int]]:
        memory = kv.memory
        addresses = array("q", [layer.data_ptr() for layer in memory])
        self._kept.append(addresses)
        values, block, position, head, _ = (stride * memory[0].itemsize for stride in memory[0].stride())
        size = memory[0].shape[2]

        def place(span: Span) -> Sequence[int]:
            table = array("i", kv.table(span.request_id))
            self._kept.append(table)
            return 0, values, block, position, head, size, table.buffer_info()[0], 0, addresses.buffer_info()[0]

        return place


def region(memory: Tensor) -> Sequence[int]:
    """The place of a request whose memory is [layers, 2, kv_heads, capacity, head_dim]."""
    layer, values, head, position, _ = (stride * memory.itemsize for stride in memory.stride())
    return memory.data_ptr(), values, 0, position, head, memory.shape[3], 0, layer, 0
