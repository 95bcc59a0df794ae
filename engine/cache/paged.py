"""A paged cache: one pool of blocks for all requests, and a block table per request for the places of its positions.

The pool grows by a quarter when it is full, up to its limit, so that its memory stays close to the memory in use. On a
CPU it has address space for its limit from the start, to which the system gives memory where it is written: moving a
pool of some GB would hold up a step for a second.
Requests that start with the same tokens hold the same blocks (engine/cache/blocks.py).
"""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from contextlib import suppress
from typing import Final

import torch

from engine.cache.block_cache import BlockCache
from engine.cache.blocks import BlockPool, Table
from engine.core.batch import Batch
from engine.core.kv_cache import BlockEvent, OutOfKvMemory
from engine.model.config import ModelConfig
from engine.model.device import free_bytes

GROWTH: Final = 1.25
FIRST_BLOCKS: Final = 4
FREE_SHARE: Final = 0.8
"""The share of the free memory that the pool may take where no limit is given."""


class PagedCache(BlockCache):
    """K and V in blocks of `block_size` positions; no memory is reserved for a request's future positions."""

    name = "paged"

    def __init__(
        self, config: ModelConfig, device: torch.device, dtype: torch.dtype, block_size: int, limit: int | None = None,
        reserve: int | None = None,
    ) -> None:  # fmt: skip
        """`limit` in bytes bounds the pool; None: most of the device's free memory at this time.

        With `reserve` the pool allocates blocks for that many positions at once (or as many as the limit allows), and
        one more, the null block. It then never moves, which captured steps need.
        """
        self._limit_bytes = free_memory(device) if limit is None else limit
        blocks = self._limit_bytes // (block_size * config.kv_bytes_per_position(dtype.itemsize))
        taken = 0
        if reserve is not None:
            blocks = max(0, min(blocks - 1, -(-reserve // block_size)))
            self.null_block = blocks
            taken = blocks + 1
        self.pool = BlockPool(block_size, blocks)
        super().__init__(config, device, dtype, block_size, taken)
        if reserve is None and device.type == "cpu" and os.name == "posix":
            with suppress(RuntimeError):  # where the system promises no more than it has, the memory moves
                self._kv = [layer.new_empty(2, blocks, *layer.shape[2:]) for layer in self._kv]
        self._tables: dict[int, Table] = {}

    def length(self, request_id: int) -> int:
        table = self._tables.get(request_id)
        return 0 if table is None else table.length

    def admit(self, request_id: int, capacity: int, tokens: Sequence[int] = ()) -> None:
        """Share the held blocks of a prefix of `tokens`; raises OutOfKvMemory where there is no room for the rest now.

        It is raised too where `capacity` positions exceed the limit.
        """
        needed = -(-capacity // self.block_size)
        if needed > self.pool.limit:
            raise OutOfKvMemory(
                f"{capacity} positions need {needed * self._block_bytes} bytes, and the limit is {self._limit_bytes}."
            )
        table = self.pool.share(request_id, tokens)
        if self.pool.missing(table, len(tokens) + 1) > self.pool.available:
            self.pool.release(request_id, table)
            raise OutOfKvMemory(f"There is no room for {len(tokens)} tokens beside those who run.")
        self._tables[request_id] = table

    def reserve(self, batch: Batch) -> None:
        """Give each span's request its blocks; raises OutOfKvMemory, and gives none, where there are too few."""
        spans = batch.request_spans
        missing = sum(self.pool.missing(self._tables[span.request_id], span.end) for span in spans)
        if missing > self.pool.available:
            raise OutOfKvMemory(f"The step needs {missing} more blocks, and {self.pool.available} are left.")
        for span in spans:
            table = self._tables[span.request_id]
            if span.first > table.length:
                raise ValueError(f"indices [{span.first}, {span.end}) do not follow the {table.length} that are held")
            if span.first < table.length:  # computed again: these positions are forgotten first
                self.pool.truncate(span.request_id, table, span.first)
            self.pool.extend(span.request_id, table, span.end)
        self._grow()

    def table(self, request_id: int) -> list[int]:
        return self._tables[request_id].blocks

    def commit(self, request_id: int, tokens: Sequence[int]) -> None:
        self.pool.commit(self._tables[request_id], tokens)

    def truncate(self, request_id: int, length: int) -> None:
        self.pool.truncate(request_id, self._tables[request_id], length)

    def free(self, request_id: int) -> None:
        table = self._tables.pop(request_id, None)
        if table is not None:
            self.pool.release(request_id, table)

    def layer_bytes(self, ended: Collection[int] = ()) -> list[tuple[int, int]]:
        live = self.pool.live - sum(self.pool.blocks[index].filled for index in self._only_of(ended))
        used = live * self.position_bytes
        return [(used, self._layer_bytes)] * len(self._kv)

    def held_bytes(self, ended: Collection[int] = ()) -> tuple[int, int]:
        kept = len(self._only_of(ended))
        return (self.pool.held - kept) * self._block_bytes, kept * self._block_bytes

    @property
    def evictable_bytes(self) -> int:
        return self.pool.cached * self._block_bytes

    def drain_events(self) -> list[BlockEvent]:
        events = self.pool.events
        self.pool.events = []
        return events

    def _only_of(self, request_ids: Collection[int]) -> list[int]:
        """The blocks that only these requests hold, each once."""
        tables = [table for request_id in request_ids if (table := self._tables.get(request_id)) is not None]
        return self.pool.only_of(tables)

    def _grow(self) -> None:
        """Take memory for all blocks in use, and for a quarter more than before."""
        have, need = self._allocated, len(self.pool.blocks)
        if need <= have:
            return
        blocks = min(self.pool.limit, max(need, FIRST_BLOCKS, int(have * GROWTH)))
        for layer, old in enumerate(self._kv):  # one after another, so that only one exists twice at a time
            if blocks > old.shape[1]:
                larger = old.new_empty(2, blocks, *old.shape[2:])
                larger[:, :have] = old
                self._kv[layer] = larger
        self._count(blocks)


def free_memory(device: torch.device) -> int:
    """Bytes that the pool may take on a device: `FREE_SHARE` of the memory that is free there now."""
    return int(FREE_SHARE * free_bytes(device))
