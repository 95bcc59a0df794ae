"""Where a compiled step finds the K and V of each span: the numbers that `kernels.cpu.step` reads, by kind of cache."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from weakref import ref

from torch import Tensor

from engine.cache.block_cache import BlockKv
from engine.cache.contiguous import RegionKv
from engine.cache.none import OwnRowsKv
from engine.core.batch import Batch
from engine.core.kv_cache import StepKv
from engine.core.positions import PADDING_REQUEST
from kernels.cpu.kv_places import block_place, region_place

WITHOUT_CACHE = (0,) * 9
"""The place of a span that no cache holds: the step keeps its K and V itself."""


@dataclass(slots=True)
class KnownTable:
    """A request's block table as it was last read, and its numbers for the native call."""

    blocks: list[int]
    numbers: array[int]


class Places:
    """The places of the spans of one run's steps.

    What a step's numbers point to lives until the next step. A request's place, and the layers of a pool, are worked
    out once and again only when they have changed. The memory of a cache is not kept alive here.
    """

    def __init__(self) -> None:
        self._regions: dict[int, tuple[ref[Tensor], Sequence[int]]] = {}
        self._pool: ref[Tensor] | None = None
        self._pool_numbers: tuple[int, ...] = ()
        self._layers = array("q")
        self._tables: dict[int, KnownTable] = {}

    def of(self, batch: Batch, kv: StepKv) -> array[int]:
        """int64 [spans, SPAN]; raises TypeError for a view of a cache that a compiled step cannot read."""
        if isinstance(kv, BlockKv):
            self._see_pool(kv)
        elif not isinstance(kv, RegionKv | OwnRowsKv):
            raise TypeError(f"A compiled step cannot read K and V from {type(kv).__name__}.")
        numbers: list[int] = []
        for span in batch.spans:
            place: Sequence[int] = WITHOUT_CACHE
            if span.request_id != PADDING_REQUEST:
                if isinstance(kv, RegionKv):
                    place = self._region(kv, span.request_id)
                elif isinstance(kv, BlockKv):
                    place = self._blocks(kv, span.request_id)
            numbers += (span.row, span.length, span.first, *place)
        return array("q", numbers)

    def keep_only(self, batch: Batch) -> None:
        """Forget the requests that this batch does not have."""
        here = {span.request_id for span in batch.spans}
        self._regions = {owner: known for owner, known in self._regions.items() if owner in here}
        self._tables = {owner: known for owner, known in self._tables.items() if owner in here}

    @property
    def requests(self) -> int:
        """How many requests are known."""
        return len(self._regions) + len(self._tables)

    def _region(self, kv: RegionKv, request_id: int) -> Sequence[int]:
        memory = kv.memory_of(request_id)  # [layers, 2, kv_heads, capacity, head_dim]
        known = self._regions.get(request_id)
        if known is not None and known[0]() is memory:
            return known[1]
        numbers = (*region_place(memory), memory.stride(0) * memory.itemsize, 0)
        self._regions[request_id] = ref(memory), numbers
        return numbers

    def _see_pool(self, kv: BlockKv) -> None:
        first = kv.memory[0]
        if self._pool is not None and self._pool() is first:  # a pool that grows replaces the memory of every layer
            return
        self._pool = ref(first)
        self._layers = array("q", [layer.data_ptr() for layer in kv.memory])
        self._pool_numbers = block_place(first, 0)[1:-1]

    def _blocks(self, kv: BlockKv, request_id: int) -> Sequence[int]:
        blocks = kv.table(request_id)
        known = self._tables.get(request_id)
        if known is None or known.blocks != blocks:
            known = self._tables[request_id] = KnownTable(list(blocks), array("i", blocks))
        return 0, *self._pool_numbers, known.numbers.buffer_info()[0], 0, self._layers.buffer_info()[0]
