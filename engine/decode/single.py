"""One request at a time, first come first served."""

from __future__ import annotations

from engine.cache.base import KVCache
from engine.decode.request import Queue
from engine.decode.scheduler import Share, admit_next, retire_finished, share_of


class SingleScheduler:
    """Computes the first running request until it is finished, then lets the next one in."""

    name = "single"

    def schedule(self, queue: Queue, cache: KVCache, admit: bool = True) -> list[Share]:
        if not queue.running and queue.waiting and admit:
            admit_next(queue, cache)
        return [share_of(queue.running[0], cache)] if queue.running else []

    def admits(self, queue: Queue) -> bool:
        return not queue.running

    def pad(self, queue: Queue, shares: list[Share]) -> list[Share]:
        return shares

    def retire(self, queue: Queue, cache: KVCache) -> None:
        retire_finished(queue, cache)
