"""The requests of a recorded server: what is known of each, their lanes, and the events of their coming and end."""

from __future__ import annotations

from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import Final

import msgspec

from engine.core.positions import Computed
from engine.plain_text import one_line
from engine.serving.recorder.recorded_ids import client_id
from engine.serving.recorder.recorder_wire import Ended, RequestAdded, RequestFacts
from engine.session import schema
from engine.session.schema import FinishReason

TOLD_BY: Final = "recorder"
REASONS: Final[dict[str, FinishReason]] = {"length": "length", "repetition": "stop"}
"""By vLLM's word; `stop` is the end-of-text token unless vLLM says which other token it was. All else was cancelled:
aborted by its client, or in error. A stop text is found by vLLM's front end, which then aborts the request.
"""


@dataclass(slots=True, eq=False)
class ServedRequest:
    """A request as far as the recorder has told of it."""

    id: int
    prompt_tokens: int
    known: int
    """Tokens of the prompt and generated ones."""
    computed: Computed = field(default_factory=Computed)
    length: int = 0
    """Positions that the cache holds of it."""
    lane: int = -1
    """Its batch slot on our side while it runs, -1 while it waits."""
    scheduled: bool = False
    finished: str = ""
    """vLLM's word for why it ended."""

    @property
    def dropped(self) -> bool:
        """Whether what a step still computes for it is thrown away: it has ended by its own tokens."""
        return self.finished not in ("", "abort")


class Lanes:
    """Numbers for the running requests: each gets the lowest that is free."""

    def __init__(self) -> None:
        self._free: list[int] = []
        self._count = 0

    def enter(self, request: ServedRequest) -> None:
        """Give a request a lane, if it has none."""
        if request.lane >= 0:
            return
        if self._free:
            request.lane = heappop(self._free)
        else:
            request.lane = self._count
            self._count += 1

    def leave(self, request: ServedRequest) -> None:
        """Take a request's lane."""
        if request.lane >= 0:
            heappush(self._free, request.lane)
            request.lane = -1


def arrival(
    facts: RequestAdded | RequestFacts, request: ServedRequest, arrived_ns: int, begun_before: bool
) -> schema.RequestArrived:
    """The event of a request that came at `arrived_ns`, which is below 0 before the session's zero.

    The texts of its prompt are not told, and empty; ids of embeddings are -1.
    """
    count = facts.prompt_tokens
    params = {
        "max_new_tokens": facts.max_tokens or 0,
        "client_id": one_line(client_id(facts.id)),
        "priority": facts.priority,
    }
    ids = facts.prompt if facts.prompt is not None and len(facts.prompt) == count else [-1] * count
    text = msgspec.json.encode(params).decode()
    return schema.RequestArrived(
        request.id, "", ids, [""] * count, text, max(0, arrived_ns), told_by=TOLD_BY,
        before_ns=max(0, -arrived_ns), begun_before=int(begun_before),
    )  # fmt: skip


def finish_reason(ended: Ended) -> FinishReason:
    """The session's word for why a request ended."""
    if ended.reason == "stop":
        return "eos" if ended.stop is None else "stop"
    return REASONS.get(ended.reason, "cancelled")
