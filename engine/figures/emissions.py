"""The emissions of a session that end a gap: when the request's last one was, and in which step each came.

As in `gaps.py`: tokens of a request that came at the same moment are one emission, and a gap does not include pauses.
Where a client says when it received the tokens, a gap is what that client waited.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.figures.client_stalls import ClientStalls
from engine.figures.pauses import pauses_of
from engine.figures.plain_steps import spread_of
from engine.figures.step_loads import Floats, Ints, StepLoads
from engine.session.store import Session


@dataclass(frozen=True, slots=True)
class Emissions:
    """The emissions that end a gap, in the order of requests, then of time; arrays are [gaps]."""

    tokens: int
    """How many tokens of the session were read."""
    row: Ints
    """The first token of the emission, as a row of `session.tokens`."""
    before: Ints
    """The first token of the request's emission before."""
    request: Ints
    """A number for its request, counted from 0."""
    step: Ints
    """The step that emitted it; -1 where none is told."""
    step_before: Ints
    place: Ints
    """The row of `StepLoads.rows` that computed it; -1 where none is told."""
    place_before: Ints
    gap_s: Floats
    client_s: Floats
    """The part of the gap that came after the emission: by how much later than usual the client received it. Where no
    steps are told, the time in which our client did not read."""


def emissions_of(session: Session, loads: StepLoads) -> Emissions:
    """The emissions among the tokens of the steps that are read."""
    tokens = session.tokens
    beyond = np.flatnonzero(tokens["step_id"] >= loads.steps)  # a token's events may arrive a moment before its step's
    count = int(beyond[0]) if len(beyond) else len(tokens["step_id"])
    order = np.argsort(tokens["request_id"][:count], kind="stable")
    request, emitted = tokens["request_id"][:count][order], tokens["emitted_ns"][:count][order]
    another = np.diff(request, prepend=request[:1] - 1) != 0
    heads = np.flatnonzero(another | (np.diff(emitted, prepend=emitted[:1]) != 0))
    first = another[heads]
    row, emitted, number = order[heads], emitted[heads], np.cumsum(another)[heads] - 1
    ends = np.flatnonzero(~first)
    moments, late_s = _received(session, row, emitted)
    since, until = moments[ends - 1], moments[ends]
    step = tokens["step_id"][:count][row]
    place = _places(session, loads, row, step)
    return Emissions(
        tokens=count,
        row=row[ends],
        before=row[ends - 1],
        request=number[ends],
        step=step[ends],
        step_before=step[ends - 1],
        place=place[ends],
        place_before=place[ends - 1],
        gap_s=np.maximum(until - since - pauses_of(session).between(since, until), 0) / 1e9,
        client_s=np.where(
            step[ends] < 0,
            ClientStalls(session).between(since, until) / 1e9,
            _beyond_noise(late_s[ends] - late_s[ends - 1]),
        ),
    )


def median_of(request: Ints, values: Floats) -> Floats:
    """For each value the median of its request's values; requests are numbers in any order."""
    if not len(values):
        return np.empty(0)
    order = np.lexsort((values, request))
    ordered = values[order]
    starts = np.flatnonzero(np.diff(request[order], prepend=-1))
    counts = np.diff(np.append(starts, len(order)))
    medians = (ordered[starts + (counts - 1) // 2] + ordered[starts + counts // 2]) / 2
    found = np.empty(len(values))
    found[order] = np.repeat(medians, counts)
    return found


def _received(session: Session, row: Ints, emitted: Ints) -> tuple[Ints, Floats]:
    """When each emission was there for who waits for it, ns, and by how many seconds that was after its emission."""
    received = session.tokens["received_ns"][row]
    told = received >= 0
    moments = np.where(told, received, emitted)
    return moments, np.where(told, np.maximum(received - emitted, 0), 0) / 1e9


def _places(session: Session, loads: StepLoads, row: Ints, step: Ints) -> Ints:
    """The row of `loads.rows` of each emission, by its request and step; -1 where there is none."""
    rows = loads.rows
    if not len(rows) or not len(row):
        return np.full(len(row), -1, np.int64)
    index = np.searchsorted(loads.requests, session.tokens["request_id"][row])
    key = index * loads.steps + step
    place = np.minimum(np.searchsorted(rows.key, key), len(rows) - 1)
    found: Ints = np.where((rows.key[place] == key) & (step >= 0), place, -1)
    return found


def _beyond_noise(seconds: Floats) -> Floats:
    """What is more than the usual spread of these differences; 0 for the others."""
    return np.where(seconds > spread_of(seconds), seconds, 0.0)
