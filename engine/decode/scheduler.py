"""The interface that decides which requests a step computes, and how much of each; `policies.py` implements it."""

from __future__ import annotations

from typing import Protocol

from engine.core.kv_cache import KVCache, OutOfKvMemory
from engine.core.request import Queue, Request
from engine.core.scheduled_chunk import ScheduledChunk


class Scheduler(Protocol):
    """Admits requests from the queue and says what the next step computes."""

    name: str

    def schedule(self, queue: Queue, cache: KVCache, admit: bool = True) -> list[ScheduledChunk]:
        """The chunks of the next step, without positions that the cache holds; empty when no request waits or runs.

        With `admit` False no request enters, because memory has just run out. Raises OutOfKvMemory where a request that
        is alone cannot be admitted.
        """

    def admits(self, queue: Queue) -> bool:
        """Whether a waiting request could enter beside the running ones."""

    def pad(self, queue: Queue, chunks: list[ScheduledChunk]) -> list[ScheduledChunk]:
        """The chunks, and the padding that the policy computes beside them."""

    def retire(self, queue: Queue, cache: KVCache) -> None:
        """Remove finished requests and free their memory, as soon as the policy allows."""


def chunk_of(request: Request, cache: KVCache) -> ScheduledChunk:
    """The chunk of all known tokens of a request that the cache does not hold."""
    return ScheduledChunk(request, cache.length(request.id), request.known, request.slot)


def admit_next(queue: Queue, cache: KVCache) -> bool:
    """Admit the first waiting request at the lowest free slot; False where there is no room beside the running ones.

    Raises OutOfKvMemory where the cache has no room for it even though no request runs.
    """
    request = queue.waiting[0]
    try:
        cache.admit(request.id, request.limit, request.tokens)
    except OutOfKvMemory:
        if not queue.running:
            raise
        return False
    taken = {running.slot for running in queue.running}
    request.slot = next(slot for slot in range(len(taken) + 1) if slot not in taken)
    queue.running.append(queue.waiting.popleft())
    return True


def retire_finished(queue: Queue, cache: KVCache) -> None:
    """Remove finished requests at once, and free their memory."""
    finished = [request for request in queue.running if request.finished]
    for request in finished:
        cache.free(request.id)
    if finished:
        queue.running = [request for request in queue.running if not request.finished]
