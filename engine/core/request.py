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
    """Turns tokens into text one by one; an unfinished part (half a character) comes with a later token."""

    def push(self, token_id: int) -> str:
        """The text that this token completes; it may be empty."""

    def flush(self) -> str:
        """The remaining text, once no token follows."""


@dataclass(slots=True, eq=False)
class Request:
    """A request's state: its known tokens, and how far they have been computed.

    The engine's central idea: *computed tokens catch up with known tokens*. Tokens that the cache holds are not
    computed again; a step computes the known tokens that are not held. So prefill, decoding, recomputation after a
    switch of caches, and running without a cache are one mechanism.
    """

    id: int
    spec: RequestSpec
    tokens: list[int]
    """Known tokens: the prompt, then what was generated."""
    prompt_tokens: int
    limit: int
    """The most tokens that the request may have, prompt included."""
    arrived_ns: int
    detokenizer: Detokenizer
    stream: np.random.Generator
    """Uniform numbers of this request alone, seeded by (seed, id): other requests of the batch do not change them."""
    computed: Computed = field(default_factory=Computed)
    """Indices that have been computed at least once (without rejected drafts)."""
    prompt: str = ""
    """The prompt text that is encoded; with a chat template, its output."""
    text: str = ""
    """The generated text so far; kept only where stop texts are searched for in it."""
    finish_reason: FinishReason | None = None
    scheduled: bool = False
    slot: int = 0
    """The request's batch slot, from admission until it leaves."""

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
        """Move the requests that have arrived by `now_ns` from `coming` to `waiting`, and return them."""
        arrived = []
        while self.coming and self.coming[0].arrived_ns <= now_ns:
            arrived.append(self.coming.popleft())
        self.waiting += arrived
        return arrived


def stream_of(seed: int, request_id: int) -> np.random.Generator:
    """The stream of uniform numbers of one request."""
    return np.random.Generator(np.random.Philox(np.random.SeedSequence((seed, request_id))))


def in_order(requests: Iterable[Request]) -> list[Request]:
    """Requests sorted by arrival, then by id."""
    return sorted(requests, key=lambda request: (request.arrived_ns, request.id))
