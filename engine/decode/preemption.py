"""Preemption: which requests wait when a KV cache is full, and the check that no request waits for ever."""

from __future__ import annotations

from collections.abc import Iterable

from engine.core.kv_cache import KVCache, OutOfKvMemory
from engine.core.request import Queue, Request
from engine.decode.scheduler import retire_finished
from engine.errors import DecodeScopeError


def readmit(queue: Queue, cache: KVCache) -> None:
    """Admit the running requests to a new cache; requests without room wait.

    A static batch keeps its finished requests in their slots as long as others run. Where no request was admitted, the
    finished ones leave, because no request could enter beside them.
    """
    going_on = [request for request in queue.running if not request.finished]
    admitted = 0
    try:
        for request in going_on:
            cache.admit(request.id, request.limit, request.tokens)
            admitted += 1
    except OutOfKvMemory:
        preempt(queue, cache, reversed(going_on[admitted:]))
        if not admitted:
            retire_finished(queue, cache)


def preempt(queue: Queue, cache: KVCache, requests: Iterable[Request]) -> None:
    """Free the memory of running requests, keep their tokens, and put them at the head of the waiting queue.

    Their positions will be computed again (preemption by recompute). `requests` are sorted newest first.
    """
    for request in requests:
        cache.free(request.id)
        queue.running.remove(request)
        queue.waiting.appendleft(request)


def give_way(queue: Queue, cache: KVCache) -> bool:
    """Free the memory of finished requests, or else preempt the newest; False where one request runs alone."""
    running = len(queue.running)
    retire_finished(queue, cache)
    if len(queue.running) == running:
        if running <= 1:
            return False
        newest = max(queue.running, key=lambda request: (request.arrived_ns, request.id))
        preempt(queue, cache, [newest])
    return True


def check_idle(queue: Queue) -> None:
    """Raise DecodeScopeError where requests are in the queue but nothing can be computed.

    A request that waits alone is admitted, or refused with an error, and a running request always has a position left
    to compute. So only a fault of the program leads here, and without the error the run would never end.
    """
    left = [request.id for request in (*queue.running, *queue.waiting)]
    if left:
        raise DecodeScopeError(
            f"Nothing can be computed, and request {left[0]} is still in the queue (with {len(left) - 1} others): "
            "this is a fault of the program; please report it with the settings of this run."
        )
