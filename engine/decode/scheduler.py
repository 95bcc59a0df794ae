"""Which requests a step computes, and how much of each; one small interface, one file a policy."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from engine.cache.base import KVCache, OutOfKvMemory
from engine.decode.request import Queue, Request
from engine.decode.speculation import NO_PROPOSAL, Proposal


@dataclass(frozen=True, slots=True)
class Share:
    """One request's share of a step: indices [first, end) of its known tokens, then its drafts, in row `slot`.

    `request` None is padding: `end` - `first` positions computed for no token.
    """

    request: Request | None
    first: int
    end: int
    slot: int
    proposal: Proposal = NO_PROPOSAL

    @property
    def drafts(self) -> tuple[int, ...]:
        return self.proposal.tokens

    @property
    def length(self) -> int:
        return self.end - self.first + len(self.drafts)

    @property
    def complete(self) -> bool:
        """Whether the share reaches the last known token, so that its last row gives the next one."""
        return self.request is not None and self.end >= self.request.known


class Scheduler(Protocol):
    """Admits requests from the queue and says what the next step computes."""

    name: str

    def schedule(self, queue: Queue, cache: KVCache, admit: bool = True) -> list[Share]:
        """The shares of the next step; empty when nothing waits or runs. Never computes what the cache holds.

        With `admit` False nobody enters: memory has just run out. Raises OutOfKvMemory where a request that is alone
        cannot be admitted.
        """

    def admits(self, queue: Queue) -> bool:
        """Whether a waiting request could enter beside those who run now."""

    def pad(self, queue: Queue, shares: list[Share]) -> list[Share]:
        """The shares, and the padding that the policy computes beside them."""

    def retire(self, queue: Queue, cache: KVCache) -> None:
        """Let requests that have finished leave, and free what they held, as soon as the policy allows."""


def share_of(request: Request, cache: KVCache) -> Share:
    """All that is known of a request and not held."""
    return Share(request, cache.length(request.id), request.known, request.slot)


def admit_next(queue: Queue, cache: KVCache) -> bool:
    """Let the first waiting request in, at the lowest free slot; False where there is no room for it beside others.

    Raises OutOfKvMemory where it has no room for it alone.
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
    """Let finished requests leave at once, and their memory with them."""
    for request in queue.running:
        if request.finished:
            cache.free(request.id)
    queue.running = [request for request in queue.running if not request.finished]


def preempt(queue: Queue, cache: KVCache, requests: Iterable[Request]) -> None:
    """Take running requests' memory, keep their tokens, and put them back at the head of the queue.

    What they had computed will be computed again (preemption by recompute). Requests are given newest first.
    """
    for request in requests:
        cache.free(request.id)
        queue.running.remove(request)
        queue.waiting.appendleft(request)
