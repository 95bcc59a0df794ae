"""A request's state in the engine, and the queue of requests."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from engine.core.positions import Computed
from engine.core.settings import RequestSpec
from engine.session.schema import FinishReason


class Detokenizer(Protocol):
    """Turns tokens into text one by one; what one token leaves unfinished (half a character) comes with a later one."""

    def push(self, token_id: int) -> str:
        """The text that this token completes, perhaps none."""

    def flush(self) -> str:
        """What is left when no token follows."""


@dataclass(slots=True, eq=False)
class Request:
    """A request's state: its known tokens, and how far they have been computed.

    The engine's one idea: *computed tokens catch up with known tokens*. What the cache holds need not be computed
    again; a step computes what is known and not held, so that prefill, decoding, computing again after a switch of
    caches and having no cache at all are one mechanism.
    """

    id: int
    spec: RequestSpec
    tokens: list[int]
    """Known tokens: the prompt, then what was generated."""
    prompt_tokens: int
    limit: int
    """Most tokens it may come to, prompt included."""
    arrived_ns: int
    detokenizer: Detokenizer
    stream: np.random.Generator
    """Uniforms of this request alone, seeded by (seed, id): what it is batched with changes nothing."""
    computed: Computed = field(default_factory=Computed)
    """Indices that have been computed at least once (rejected drafts aside)."""
    prompt: str = ""
    """The prompt as it is encoded: what a chat template made of it."""
    text: str = ""
    """The generated text so far."""
    finish_reason: FinishReason | None = None
    scheduled: bool = False
    slot: int = 0
    """Its row in the batch, from admission until it leaves."""

    @property
    def known(self) -> int:
        return len(self.tokens)

    @property
    def generated(self) -> int:
        return len(self.tokens) - self.prompt_tokens

    @property
    def finished(self) -> bool:
        return self.finish_reason is not None


@dataclass(slots=True)
class Queue:
    """Requests by state: not arrived yet (by arrival), waiting (first come, first served), running (by batch slot)."""

    coming: deque[Request] = field(default_factory=deque)
    waiting: deque[Request] = field(default_factory=deque)
    running: list[Request] = field(default_factory=list)

    @property
    def empty(self) -> bool:
        return not (self.coming or self.waiting or self.running)

    def clear(self) -> None:
        """Forget all requests."""
        self.coming.clear()
        self.waiting.clear()
        self.running.clear()

    def arrive(self, now_ns: int) -> list[Request]:
        """Move requests whose time has come into the queue and return them."""
        arrived = []
        while self.coming and self.coming[0].arrived_ns <= now_ns:
            arrived.append(self.coming.popleft())
        self.waiting += arrived
        return arrived


def stream_of(seed: int, request_id: int) -> np.random.Generator:
    """The stream of uniforms of one request."""
    return np.random.Generator(np.random.Philox(np.random.SeedSequence((seed, request_id))))


def in_order(requests: Iterable[Request]) -> list[Request]:
    """Requests by arrival, then as they were stated."""
    return sorted(requests, key=lambda request: (request.arrived_ns, request.id))
