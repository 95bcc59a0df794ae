"""Tokens a second, defined once: generated tokens over the time from the first arrival to the last emission.

The time of a run, and of any range of its steps, is without pauses and without the teacher-forced passes in it:

- it begins with the first arrival between the end of the step before the range's first generating step and the start of
  that step; without such an arrival, as usual in mid-run, it begins with the start of that step;
- it ends with the last emission of the range, or with the end of its last generating step where it emitted nothing.

So all steps of a session have the rate of the session, and those of one run of a suite the rate of that run alone.
A session without steps (a server that does not tell them) has one time: from the first arrival to the last emission. A
trace that names no steps has one, too: from its first kernel or range to the end of the last.
"""

from __future__ import annotations

import numpy as np

from engine.figures.pauses import pauses_of
from engine.figures.step_range import TEACHER
from engine.figures.told import told
from engine.session.store import Session


def wall_ns(session: Session, first: int, end: int) -> int:
    """ns that the generating steps among [first, end) took, as this file defines it; 0 where there are none.

    Of a session whose steps are not told, it is the time of the whole session.
    """
    if not told(session, "steps"):
        return _streamed_ns(session) if told(session, "tokens") else _traced_ns(session)
    steps = session.steps
    rows = first + np.flatnonzero(steps["kind"][first:end] != TEACHER)
    if not len(rows):
        return 0
    first_row, last_row = int(rows[0]), int(rows[-1])
    since_ns = begin_ns(session, first_row)
    a, b = _token_rows(session, first, end)
    until_ns = int(session.tokens["emitted_ns"][b - 1]) if b > a else int(steps["end_ns"][last_row])
    taught = first_row + np.flatnonzero(steps["kind"][first_row : last_row + 1] == TEACHER)
    taught_ns = int((steps["end_ns"][taught] - steps["start_ns"][taught]).sum())
    return max(0, until_ns - since_ns - taught_ns - pauses_of(session).within(since_ns, until_ns))


def tokens_per_s(session: Session, first: int, end: int) -> float | None:
    """Tokens that the steps [first, end) emitted over `wall_ns`; None where that is 0, or where none are told."""
    if not told(session, "tokens"):
        return None
    a, b = _token_rows(session, first, end) if told(session, "steps") else (0, len(session.tokens))
    passed_ns = wall_ns(session, first, end)
    return (b - a) / (passed_ns / 1e9) if passed_ns else None


def _streamed_ns(session: Session) -> int:
    """ns from the first arrival to the last emission, pauses left out; 0 without a token."""
    if not len(session.tokens):
        return 0
    since_ns = min(request.arrived_ns for request in list(session.requests.values()))
    until_ns = int(session.tokens["emitted_ns"].max())
    return max(0, until_ns - since_ns - pauses_of(session).within(since_ns, until_ns))


def _traced_ns(session: Session) -> int:
    """ns from the first kernel or range of a trace to the end of the last."""
    tables = [table for table in (session.kernels, session.ranges) if len(table)]
    if not tables:
        return 0
    return int(max(table["end_ns"].max() for table in tables) - min(table["start_ns"][0] for table in tables))


def begin_ns(session: Session, first: int) -> int:
    """When the time of a range begins, ns; `first` is its first generating step."""
    start_ns = int(session.steps["start_ns"][first])
    before_ns = int(session.steps["end_ns"][first - 1]) if first else -1
    arrivals = (request.arrived_ns for request in list(session.requests.values()))
    return min((ns for ns in arrivals if before_ns < ns <= start_ns), default=start_ns)


def _token_rows(session: Session, first: int, end: int) -> tuple[int, int]:
    """Rows [a, b) of the tokens that these steps emitted; they stand in the order of their steps."""
    a, b = np.searchsorted(session.tokens["step_id"], (first, end)).tolist()
    return a, b
