"""The same requests under static and under continuous batching, in one session: time, tokens a second, TTFT."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

import numpy as np

from engine.figures import metrics, rates
from engine.figures.request_times import ttft_s
from engine.figures.slots import BatchPart, SlotFigures, SlotTotals, batch_parts
from engine.session.store import Session

Policy = Literal["static", "continuous"]
POLICIES: Final[tuple[Policy, Policy]] = ("static", "continuous")


@dataclass(frozen=True, slots=True)
class PolicyFigures:
    """One list of requests under one policy; times are None while there is no token."""

    first: int
    last: int
    """The steps, both ends included."""
    first_request: int
    requests: int
    """How many requests these steps computed; their ids follow each other from `first_request` on."""
    tokens: int
    wall_s: float
    """From the first arrival to the last token (`rates.wall_ns`)."""
    tokens_per_s: float | None
    ttft_mean_s: float | None
    """Mean time from a request's arrival to its first token; the wait in the queue is part of it."""
    ttft_longest_s: float | None
    slots: SlotFigures

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {**asdict(self), "slots": self.slots.to_json()}


@dataclass(frozen=True, slots=True)
class BatchComparison:
    """Both policies over the same requests. The factors say how many times better continuous batching is."""

    static: PolicyFigures
    continuous: PolicyFigures
    complete: bool
    """Whether all requests of both have ended; until then there are no factors."""

    @property
    def offset(self) -> int:
        """A request's id in the continuous run less that of the same request in the static one."""
        return self.continuous.first_request - self.static.first_request

    @property
    def time_factor(self) -> float | None:
        return self._factor(self.static.wall_s, self.continuous.wall_s)

    @property
    def rate_factor(self) -> float | None:
        return self._factor(self.continuous.tokens_per_s, self.static.tokens_per_s)

    @property
    def ttft_factor(self) -> float | None:
        return self._factor(self.static.ttft_mean_s, self.continuous.ttft_mean_s)

    @property
    def longest_ttft_factor(self) -> float | None:
        return self._factor(self.static.ttft_longest_s, self.continuous.ttft_longest_s)

    @property
    def steps_factor(self) -> float | None:
        return self._factor(self.static.slots.steps, self.continuous.slots.steps)

    def _factor(self, over: float | None, under: float | None) -> float | None:
        return over / under if self.complete and over and under else None

    def to_json(self) -> dict[str, Any]:
        """Plain values, with the factors."""
        return {
            "static": self.static.to_json(),
            "continuous": self.continuous.to_json(),
            "complete": self.complete,
            "offset": self.offset,
            "factors": {
                "steps": self.steps_factor,
                "time": self.time_factor,
                "tokens_per_s": self.rate_factor,
                "ttft_mean": self.ttft_factor,
                "ttft_longest": self.longest_ttft_factor,
            },
        }


def compared_parts(parts: list[BatchPart]) -> tuple[BatchPart, BatchPart] | None:
    """The last static and the last continuous part; None where there are not both."""
    last = {part.batching: part for part in parts}
    static, continuous = (last.get(policy) for policy in POLICIES)
    return (static, continuous) if static is not None and continuous is not None else None


def batch_comparison(session: Session, totals: SlotTotals | None = None) -> BatchComparison | None:
    """The comparison of a session that ran the same requests under both policies, one after the other; else None.

    They are the same if prompts and lengths are, in the order of their ids. While the second run goes on, it may have
    fewer. `totals` are those of a caller that keeps them up to date.
    """
    if session.serving is not None:
        return None
    found = compared_parts(batch_parts(session))
    if found is None:
        return None
    if totals is None:
        totals = SlotTotals(session)
        totals.update()
    ids = [_requests_of(session, part) for part in found]
    if not all(ids) or any(one != list(range(one[0], one[0] + len(one))) for one in ids):
        return None
    asked = [[_asked(session, request) for request in one] for one in ids]
    shorter = min(map(len, asked))
    if asked[0][:shorter] != asked[1][:shorter] or not _apart(session, found, ids):
        return None
    reasons = [session.requests[request].finish_reason for one in ids for request in one]
    complete = len(ids[0]) == len(ids[1]) and not {None, "cancelled"} & set(reasons)
    static, continuous = (_figures(session, part, own, totals) for part, own in zip(found, ids, strict=True))
    return BatchComparison(static, continuous, complete)


def _requests_of(session: Session, part: BatchPart) -> list[int]:
    """The requests that were computed for the first time in these steps."""
    since_ns, until_ns = int(session.steps["start_ns"][part.first]), int(session.steps["end_ns"][part.last])
    return sorted(
        request.id
        for request in list(session.requests.values())
        if request.scheduled_ns is not None and since_ns <= request.scheduled_ns < until_ns
    )


def _apart(session: Session, parts: tuple[BatchPart, BatchPart], ids: list[list[int]]) -> bool:
    """Whether the requests of the earlier part had ended when the later one began."""
    (_, earlier), (later, _) = sorted(zip(parts, ids, strict=True), key=lambda one: one[0].first)
    begins_ns = int(session.steps["start_ns"][later.first])
    ends = (session.requests[request].finished_ns for request in earlier)
    return all(end is not None and end <= begins_ns for end in ends)


def _asked(session: Session, request: int) -> tuple[str, Any]:
    one = session.requests[request]
    return one.prompt, one.params.get("max_new_tokens")


def _figures(session: Session, part: BatchPart, requests: list[int], totals: SlotTotals) -> PolicyFigures:
    steps = (part.first, part.last)
    found = (ttft_s(session, session.requests[request]) for request in requests)
    times = [one for one in found if one is not None]
    begin, end = np.searchsorted(session.tokens["step_id"], (part.first, part.last + 1)).tolist()
    return PolicyFigures(
        first=part.first,
        last=part.last,
        first_request=requests[0],
        requests=len(requests),
        tokens=end - begin,
        wall_s=rates.wall_ns(session, part.first, part.last + 1) / 1e9,
        tokens_per_s=metrics.tokens_per_s(session, steps),
        ttft_mean_s=sum(times) / len(times) if times else None,
        ttft_longest_s=max(times, default=None),
        slots=totals.between(*steps),
    )
