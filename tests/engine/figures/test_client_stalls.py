"""A late token of a stream is blamed on our own client where that did not read, and on nobody else."""

from __future__ import annotations

import math

import numpy as np

from engine.figures.client_stalls import ClientStalls
from engine.figures.delays import CAUSES, delays_of
from engine.session import schema
from engine.session.serving import Serving, as_fact
from engine.session.store import Session

MS = 1_000_000


def stall(until_ms: int, length_ms: int) -> schema.MetricSample:
    return schema.MetricSample(until_ms * MS, "probe", schema.CLIENT_STALLED, "", length_ms / 1000)


def streamed(moments_ms: list[int], *stalls: schema.MetricSample) -> Session:
    """One request of which a token came at each of these moments; no steps are told."""
    session = Session()
    serving = as_fact(Serving("vLLM", "", "http://localhost", ("probe",), {"steps": "Not told."}))
    events: list[schema.AnyEvent] = [
        schema.SessionStarted({"serving": serving}),
        schema.RequestArrived(0, "a", [1], ["a"], "{}", 0, "probe"),
    ]
    for number, moment in enumerate(moments_ms):
        events.append(
            schema.Token(
                number, 0, -1, 1 + number, 5, "x", math.nan, math.nan, "target", moment * MS, b"", moment * MS, "probe"
            )
        )
    session.apply([*events, *stalls])
    return session


def test_the_time_of_stalls_within_a_span() -> None:
    session = streamed([], stall(100, 50), stall(300, 100))
    spans = [(0, 400), (0, 60), (60, 80), (90, 250), (150, 200), (250, 260), (310, 400)]
    since, until = (np.array(side, np.int64) * MS for side in zip(*spans, strict=True))
    assert (ClientStalls(session).between(since, until) / MS).tolist() == [150, 10, 20, 60, 0, 10, 0]
    assert ClientStalls(streamed([])).between(since, until).tolist() == [0] * len(spans)


def test_stalls_that_overlap_count_once() -> None:
    session = streamed([], stall(100, 50), stall(120, 60))
    found = ClientStalls(session).between(np.array([0]), np.array([200 * MS]))
    assert found.tolist() == [70 * MS]


def test_a_gap_with_a_stall_is_the_clients_and_one_without_is_not() -> None:
    moments = [*range(10, 200, 10), 300, *range(310, 400, 10), 500, *range(510, 600, 10)]
    session = streamed(moments, stall(299, 95))
    delays = delays_of(session)
    totals = delays.totals(delays.within(session))
    assert totals.main == {**dict.fromkeys(CAUSES, 0), "client": 1, "unexplained": 1}
    assert totals.seconds["client"] == 0.095
    assert math.isclose(totals.seconds["unexplained"], 0.105, abs_tol=1e-6)
