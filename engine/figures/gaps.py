"""Gaps between the emissions of a request. A gap belongs to the token that ends it, wherever the token before was.

Tokens of a request that came at the same moment (accepted drafts) are one emission. A gap does not include pauses.
"""

from __future__ import annotations

from bisect import bisect_left

import numpy as np
from numpy.typing import NDArray

from engine.figures.pauses import pauses_of
from engine.session.store import Session


def itl_seconds(session: Session, rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """The gap that each emission among `rows` (ascending rows of `session.tokens`) ends, seconds; pauses left out.

    The emission before may lie outside of `rows`; the first one of a request ends no gap.
    """
    return emission_gaps(session, rows)[1]


def emission_gaps(session: Session, rows: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """(the first row of each emission that ends a gap, the gap as in `itl_seconds`), request by request."""
    if not len(rows):
        return np.empty(0, np.int64), np.empty(0)
    low = int(rows[0])
    part = slice(low, int(rows[-1]) + 1)
    order = np.argsort(session.tokens["request_id"][part], kind="stable")
    request, emitted = (session.tokens[name][part][order] for name in ("request_id", "emitted_ns"))
    of_another = np.diff(request, prepend=request[0] - 1) != 0
    begins = np.flatnonzero(of_another | (np.diff(emitted, prepend=emitted[0]) != 0))
    until = emitted[begins]
    since = emitted[begins - 1]  # for a request's first one it is another request's, and replaced below
    known = np.ones(len(begins), bool)
    for place in np.flatnonzero(of_another[begins]).tolist():
        before = _emission_before(session, int(request[begins[place]]), low, int(until[place]))
        known[place] = before is not None
        since[place] = until[place] if before is None else before
    passed = until - since - pauses_of(session).between(since, until)
    chosen = np.zeros(len(order), bool)
    chosen[rows - low] = True
    wanted = np.zeros(len(begins), bool)
    wanted[(np.searchsorted(begins, np.arange(len(order)), "right") - 1)[chosen[order]]] = True
    ends_gap = wanted & known
    gaps: NDArray[np.float64] = passed[ends_gap] / 1e9
    return low + order[begins[ends_gap]], gaps


def gap_ns(session: Session, row: int) -> int | None:
    """ns from the token before, of the same request, to this one, pauses left out; None for a request's first."""
    tokens = session.tokens
    rows = session.requests[int(tokens["request_id"][row])].token_rows
    place = bisect_left(rows, row)
    if place == 0:
        return None
    since, until = int(tokens["emitted_ns"][rows[place - 1]]), int(tokens["emitted_ns"][row])
    return until - since - pauses_of(session).within(since, until)


def _emission_before(session: Session, request: int, row: int, emitted_ns: int) -> int | None:
    """The ns of a request's last emission before `emitted_ns`, among its tokens before `row`; None without one."""
    rows = session.requests[request].token_rows
    times = session.tokens["emitted_ns"]
    for place in range(bisect_left(rows, row) - 1, -1, -1):
        if int(times[rows[place]]) != emitted_ns:
            return int(times[rows[place]])
    return None
