"""What delayed the first token of a request over the computation of its prompt: the queue, and what no cache held."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.figures.request_times import ttft_s, waited_s
from engine.figures.step_range import StepRange
from engine.session.store import Session


@dataclass(frozen=True, slots=True)
class FirstToken:
    """What passed from a request's arrival to its first token; seconds without pauses."""

    ttft_s: float
    queue_s: float
    """From arrival to the first step that computed anything for it."""
    positions: int
    """Positions that steps computed for it until then."""
    reused: int
    """Positions of its prompt that came from a cache instead."""


def first_token(session: Session, request_id: int) -> FirstToken | None:
    """What passed until a request's first token; None where it is not known, or where no step is told that began it."""
    request = session.requests[request_id]
    waited, passed = waited_s(session, request), ttft_s(session, request)
    if waited is None or passed is None or request.scheduled_ns is None:
        return None
    table = session.work
    last = int(session.tokens["step_id"][request.token_rows[0]])
    first = int(np.searchsorted(session.steps["end_ns"], request.scheduled_ns))
    low, high = np.searchsorted(table["step_id"], (first, last + 1)).tolist()
    rows = low + np.flatnonzero(table["request_id"][low:high] == request_id)
    positions = table["end"][rows] - table["rejected"][rows] - table["first"][rows]
    return FirstToken(
        ttft_s=max(passed, 0.0),
        queue_s=min(max(waited, 0.0), max(passed, 0.0)),
        positions=int(positions.sum()),
        reused=int(table["reused"][rows[0]]) if len(rows) else 0,
    )


def first_tokens(session: Session, steps: StepRange = None) -> list[FirstToken]:
    """Those of the requests whose first token a range of steps emitted, and of which a step is told that began them."""
    step_ids = session.tokens["step_id"]
    found = (
        first_token(session, request.id)
        for request in sorted(session.requests.values(), key=lambda one: one.id)
        if request.token_rows and (steps is None or steps[0] <= step_ids[request.token_rows[0]] <= steps[1])
    )
    return [one for one in found if one is not None]
