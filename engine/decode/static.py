"""Static batching: requests enter together, each step is padded to its longest row, and all wait for the slowest."""

from __future__ import annotations

from engine.cache.base import KVCache
from engine.decode.request import Queue
from engine.decode.scheduler import Share, admit_next, retire_finished, share_of


class StaticScheduler:
    """Fills a batch of up to `max_batch` requests, and lets nobody in before all of them have finished.

    A finished request keeps its slot and its memory until the batch ends: its row is computed on, for nothing. That
    memory is kept, not used: no request that goes on reads it.
    """

    name = "static"

    def __init__(self, max_batch: int) -> None:
        self._max_batch = max_batch

    def schedule(self, queue: Queue, cache: KVCache, admit: bool = True) -> list[Share]:
        if not queue.running and admit:
            while queue.waiting and len(queue.running) < self._max_batch:
                if not admit_next(queue, cache):
                    break
        return [share_of(request, cache) for request in queue.running if not request.finished]

    def admits(self, queue: Queue) -> bool:
        return not queue.running

    def pad(self, queue: Queue, shares: list[Share]) -> list[Share]:
        width = max((share.length for share in shares), default=0)
        active = {share.slot: share for share in shares}
        padded: list[Share] = []
        for request in queue.running:
            share = active.get(request.slot)
            filled = 0
            if share is not None:
                padded.append(share)
                filled = share.length
            if filled < width:
                padded.append(Share(None, 0, width - filled, request.slot))
        return padded

    def retire(self, queue: Queue, cache: KVCache) -> None:
        if all(request.finished for request in queue.running):
            retire_finished(queue, cache)
