"""A contiguous cache whose memory never moves: one arena of blocks; each request gets a run of adjacent blocks.

As in the plain contiguous cache, memory for all positions that a request may have is reserved when it enters. But a
captured step (engine/graphs) finds the positions by block tables, as in a paged pool.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import torch

from engine.cache.block_cache import BlockCache
from engine.cache.paged import free_memory
from engine.core.batch import Batch
from engine.core.kv_cache import OutOfKvMemory
from engine.model.config import ModelConfig


@dataclass(slots=True)
class Neighbours:
    """Adjacent blocks of one request, in order, and how many of their positions are held."""

    blocks: list[int]
    length: int = 0


class ArenaCache(BlockCache):
    """Allocates blocks of `reserve` positions at once (or as many as `limit` bytes allow), and one null block more."""

    name = "contiguous"

    def __init__(
        self, config: ModelConfig, device: torch.device, dtype: torch.dtype, block_size: int, reserve: int,
        limit: int | None = None,
    ) -> None:  # fmt: skip
        memory = free_memory(device) if limit is None else limit
        most = memory // (block_size * config.kv_bytes_per_position(dtype.itemsize)) - 1
        self.null_block = max(0, min(most, -(-reserve // block_size)))
        super().__init__(config, device, dtype, block_size, self.null_block + 1)
        self._of: dict[int, Neighbours] = {}

    def length(self, request_id: int) -> int:
        own = self._of.get(request_id)
        return 0 if own is None else own.length

    def admit(self, request_id: int, capacity: int, tokens: Sequence[int] = ()) -> None:
        """Reserve the first free run of blocks that is long enough; raises OutOfKvMemory where there is none."""
        needed = -(-capacity // self.block_size)
        first = 0
        for blocks in sorted(own.blocks for own in self._of.values() if own.blocks):
            if blocks[0] - first >= needed:
                break
            first = blocks[-1] + 1
        if first + needed > self.null_block:
            raise OutOfKvMemory(
                f"{capacity} positions need {needed} blocks side by side, and {self.null_block} is all there are."
            )
        self._of[request_id] = Neighbours(list(range(first, first + needed)))

    def reserve(self, batch: Batch) -> None:
        """Forget positions that are computed again; raises ValueError for a span that does not fit its request."""
        for span in batch.request_spans:
            own = self._of[span.request_id]
            if span.end > len(own.blocks) * self.block_size or span.first > own.length:
                raise ValueError(f"indices [{span.first}, {span.end}) do not follow the {own.length} that are held")
            own.length = span.first

    def table(self, request_id: int) -> list[int]:
        return self._of[request_id].blocks

    def commit(self, request_id: int, tokens: Sequence[int]) -> None:
        self._of[request_id].length += len(tokens)

    def truncate(self, request_id: int, length: int) -> None:
        own = self._of[request_id]
        own.length = min(own.length, length)

    def free(self, request_id: int) -> None:
        self._of.pop(request_id, None)

    def layer_bytes(self, ended: Collection[int] = ()) -> list[tuple[int, int]]:
        held = sum(own.length for request_id, own in self._of.items() if request_id not in ended)
        used = held * self.position_bytes
        return [(used, self._layer_bytes)] * len(self._kv)

    def held_bytes(self, ended: Collection[int] = ()) -> tuple[int, int]:
        kept = sum(len(own.blocks) for request_id, own in self._of.items() if request_id in ended)
        held = sum(len(own.blocks) for own in self._of.values()) - kept
        return held * self._block_bytes, kept * self._block_bytes
