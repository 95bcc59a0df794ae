"""The batching policies: one request at a time, static batches, or continuous batching."""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from engine.core.kv_cache import KVCache
from engine.core.request import Queue
from engine.core.scheduled_chunk import ScheduledChunk
from engine.core.settings import Switches
from engine.decode.scheduler import Scheduler, admit_next, chunk_of, retire_finished


class SingleScheduler:
    """Computes the first running request until it is finished, then admits the next one."""

    name = "single"

    def schedule(self, queue: Queue, cache: KVCache, admit: bool = True) -> list[ScheduledChunk]:
        if not queue.running and queue.waiting and admit:
            admit_next(queue, cache)
        return [chunk_of(queue.running[0], cache)] if queue.running else []

    def admits(self, queue: Queue) -> bool:
        return not queue.running

    def pad(self, queue: Queue, chunks: list[ScheduledChunk]) -> list[ScheduledChunk]:
        return chunks

    def retire(self, queue: Queue, cache: KVCache) -> None:
        retire_finished(queue, cache)


class StaticScheduler:
    """Fills a batch of up to `max_batch` requests, and admits no other until all of them have finished.

    A finished request keeps its slot and its memory until the batch ends; its row is still computed, as padding. Its
    memory counts as kept, not as used, because no running request reads it.
    """

    name = "static"

    def __init__(self, max_batch: int) -> None:
        self._max_batch = max_batch

    def schedule(self, queue: Queue, cache: KVCache, admit: bool = True) -> list[ScheduledChunk]:
        if not queue.running and admit:
            while queue.waiting and len(queue.running) < self._max_batch:
                if not admit_next(queue, cache):
                    break
        return [chunk_of(request, cache) for request in queue.running if not request.finished]

    def admits(self, queue: Queue) -> bool:
        return not queue.running

    def pad(self, queue: Queue, chunks: list[ScheduledChunk]) -> list[ScheduledChunk]:
        width = max((chunk.length for chunk in chunks), default=0)
        active = {chunk.slot: chunk for chunk in chunks}
        padded: list[ScheduledChunk] = []
        for request in queue.running:
            chunk = active.get(request.slot)
            filled = 0
            if chunk is not None:
                padded.append(chunk)
                filled = chunk.length
            if filled < width:
                padded.append(ScheduledChunk(None, 0, width - filled, request.slot))
        return padded

    def retire(self, queue: Queue, cache: KVCache) -> None:
        if all(request.finished for request in queue.running):
            retire_finished(queue, cache)


TOKEN_BUDGET: Final = 512
"""The most positions that a step computes, so that a long prompt does not delay the requests that decode (Sarathi,
Agrawal et al. 2023)."""


class ContinuousScheduler:
    """Schedules running requests (decode before prefill), then admits waiting ones.

    Without a cache a chunk cannot be computed in parts, and the budget does not apply.
    """

    name = "continuous"

    def __init__(self, max_batch: int, token_budget: int = TOKEN_BUDGET) -> None:
        self._max_batch = max_batch
        self._token_budget = token_budget

    def schedule(self, queue: Queue, cache: KVCache, admit: bool = True) -> list[ScheduledChunk]:
        budget = self._token_budget
        chunks: list[ScheduledChunk] = []
        # Python's sort is stable: within decode and within prefill, the request admitted first comes first.
        for chunk in sorted((chunk_of(r, cache) for r in queue.running), key=lambda chunk: chunk.length > 1):
            part = self._within(chunk, budget, cache)
            if part.length:
                chunks.append(part)
                budget -= part.length
        while admit and queue.waiting and len(queue.running) < self._max_batch and budget > 0:
            if not admit_next(queue, cache):
                break
            part = self._within(chunk_of(queue.running[-1], cache), budget, cache)
            chunks.append(part)
            budget -= part.length
        return sorted(chunks, key=lambda chunk: chunk.slot)

    def admits(self, queue: Queue) -> bool:
        return len(queue.running) < self._max_batch

    def pad(self, queue: Queue, chunks: list[ScheduledChunk]) -> list[ScheduledChunk]:
        return chunks

    def retire(self, queue: Queue, cache: KVCache) -> None:
        retire_finished(queue, cache)

    @staticmethod
    def _within(chunk: ScheduledChunk, budget: int, cache: KVCache) -> ScheduledChunk:
        """The part of a chunk that the budget allows; the whole chunk without a cache, which could not keep a part."""
        if chunk.length <= budget or cache.name == "none":
            return chunk
        return replace(chunk, end=chunk.first + max(0, budget))


def make_scheduler(switches: Switches) -> Scheduler:
    """A scheduler of the kind that `switches.batching` names."""
    if switches.batching == "static":
        return StaticScheduler(switches.max_batch)
    if switches.batching == "continuous":
        return ContinuousScheduler(switches.max_batch)
    return SingleScheduler()
