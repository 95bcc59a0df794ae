"""Which requests a step computes, and how much of each; one small interface, one file a policy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from engine.cache.base import KVCache
from engine.decode.request import Queue, Request
from engine.decode.settings import Switches


@dataclass(frozen=True, slots=True)
class Share:
    """One request's share of a step: indices [first, end) of its known tokens, in row `slot` of the batch.

    `request` None is padding: rows computed for no token.
    """

    request: Request | None
    first: int
    end: int
    slot: int

    @property
    def length(self) -> int:
        return self.end - self.first

    @property
    def complete(self) -> bool:
        """Whether the share reaches the last known token, so that its last row gives the next one."""
        return self.request is not None and self.end >= self.request.known


class Scheduler(Protocol):
    """Admits requests from the queue and says what the next step computes."""

    name: str

    def schedule(self, queue: Queue, cache: KVCache) -> list[Share]:
        """The shares of the next step; empty when nothing waits or runs. Never computes what the cache holds."""

    def retire(self, queue: Queue, cache: KVCache) -> None:
        """Let requests that have finished leave, and free what they held, as soon as the policy allows."""


class SingleScheduler:
    """One request at a time, first come first served."""

    name = "single"

    def schedule(self, queue: Queue, cache: KVCache) -> list[Share]:
        if not queue.running:
            if not queue.waiting:
                return []
            request = queue.waiting.popleft()
            cache.admit(request.id, request.limit)
            queue.running.append(request)
        request = queue.running[0]
        return [Share(request, cache.length(request.id), request.known, 0)]

    def retire(self, queue: Queue, cache: KVCache) -> None:
        retire_finished(queue, cache)


def retire_finished(queue: Queue, cache: KVCache) -> None:
    """Let finished requests leave at once, and their memory with them."""
    for request in queue.running:
        if request.finished:
            cache.free(request.id)
    queue.running = [request for request in queue.running if not request.finished]


def make_scheduler(switches: Switches) -> Scheduler:
    """The scheduler the switches ask for."""
    return SingleScheduler()
