"""Pauses by hand: what they take from rates, gaps, waits and idle time, in Python and by the view of the file."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import numpy as np
import pytest

from engine.export.chrome import events as trace_events
from engine.export.span import Span
from engine.figures import metrics
from engine.figures.device_series import DeviceSeries, joules_per_token
from engine.figures.gaps import gap_ns, itl_seconds
from engine.figures.latency import LatencySeries
from engine.figures.pauses import pauses_of
from engine.figures.token_facts import token_facts
from engine.session import schema
from engine.session.joining import Joiner
from engine.session.store import Session
from engine.session.tables import NEVER_NS
from engine.session.writer import SessionWriter
from tests.engine.session.synthetic import synthetic_events

MS = 10**6
S = 10**9


def step(index: int, start_ns: int, end_ns: int, kind: schema.StepKind = "decode") -> schema.Step:
    return schema.Step(
        index, 0, kind, start_ns, end_ns, -1, 1, 1, 0, 0, 0, 0, 0 if kind == "teacher" else 1, 10, 20,
        0, 0, 0, 1, 0, "sdpa", b"", b"",
    )  # fmt: skip


def token(index: int, step_id: int, emitted_ns: int, request: int = 0) -> schema.Token:
    return schema.Token(index, request, step_id, 1 + index, 1, "a", -1.0, 1.0, "target", emitted_ns, b"")


def held_events(resumed: bool = True) -> list[schema.AnyEvent]:
    """Steps of 8 ms, 10 ms apart: one, 20 s of pause in which one more runs by itself, then (`resumed`) a third."""
    events: list[schema.AnyEvent] = [
        schema.RequestArrived(0, "x", [1], ["x"], json.dumps({}), 0), schema.RequestScheduled(0, 1 * MS),
        step(0, 2 * MS, 10 * MS), token(0, 0, 9 * MS),
        schema.Mark(11 * MS, "pause", ""),
        step(1, 10 * S, 10 * S + 8 * MS), token(1, 1, 10 * S + 7 * MS),
    ]  # fmt: skip
    if resumed:
        events += [
            schema.Mark(20 * S, "resume", ""),
            step(2, 20 * S + 1 * MS, 20 * S + 9 * MS), token(2, 2, 20 * S + 8 * MS),
        ]  # fmt: skip
    return events


def held(resumed: bool = True) -> Session:
    session = Session()
    session.apply(held_events(resumed))
    return session


def test_a_step_run_by_itself_cuts_a_pause_in_two() -> None:
    pauses = pauses_of(held())
    assert pauses.since_ns.tolist() == [11 * MS, 10 * S + 8 * MS]
    assert pauses.until_ns.tolist() == [10 * S, 20 * S]
    assert pauses.within(0, 20 * S + 9 * MS) == 20 * S - 11 * MS - 8 * MS
    assert pauses.within(10 * S, 10 * S + 8 * MS) == 0
    assert pauses.within(5 * S, 6 * S) == S


def test_a_pause_that_nothing_ended_takes_what_came_after_but_no_step() -> None:
    pauses = pauses_of(held(resumed=False))
    assert pauses.until_ns.tolist() == [10 * S, NEVER_NS]
    figures = metrics.summarise(held(resumed=False))
    assert figures.wall_s == pytest.approx((11 + 7) * 1e-3)
    assert len(pauses_of(Session())) == 0


def test_rates_gaps_waits_and_idle_time_are_without_pauses() -> None:
    session = held()
    figures = metrics.summarise(session)
    # 11 ms until the pause, 8 ms of the step in it, 8 ms from its end to the last emission
    assert figures.wall_s == pytest.approx(27e-3)
    assert figures.tokens_per_s == pytest.approx(3 / 27e-3)
    gaps = [(11 - 9 + 7) * 1e-3, (1 + 8) * 1e-3]
    assert itl_seconds(session, np.arange(3)).tolist() == pytest.approx(gaps)
    assert [gap_ns(session, row) for row in range(3)] == [None, 9 * MS, 9 * MS]
    assert token_facts(session, 2, {}).gap_s == pytest.approx(9e-3)
    assert figures.itl_s["p50"] == pytest.approx(9e-3)
    (request,) = figures.requests
    assert (request.ttft_s, request.latency_s, request.waited_s) == (9e-3, pytest.approx(27e-3), 1e-3)
    assert request.tpot_s == pytest.approx(9e-3)
    timeline = metrics.timeline_figures(session)
    assert timeline.paused_s == pytest.approx(20 - 11e-3 - 8e-3)
    assert timeline.idle_s == pytest.approx(2e-3)  # 1 ms before the pause, 1 ms after it
    assert timeline.span_s == pytest.approx(3 * 8e-3 + timeline.paused_s + timeline.idle_s)
    assert metrics.timeline_figures(session, (2, 2)).idle_before_s == pytest.approx(1e-3)
    assert metrics.gaps_s(session).tolist() == pytest.approx([1e-3, 1e-3])
    series = LatencySeries(session)
    series.update()
    assert series.figures().gap_s == pytest.approx(2e-3)
    assert series.figures().itl.mean_s == pytest.approx(9e-3)


def test_a_wait_is_without_the_pause_in_it() -> None:
    """Paused before its first step, as a run that is started step by step is."""
    session = Session()
    session.apply(
        [
            schema.Mark(0, "pause", ""),
            schema.RequestArrived(0, "x", [1], ["x"], json.dumps({}), 0), schema.RequestScheduled(0, 5 * S),
            step(0, 5 * S, 5 * S + 8 * MS), token(0, 0, 5 * S + 8 * MS),
        ]
    )  # fmt: skip
    figures = metrics.summarise(session)
    assert figures.wall_s == pytest.approx(8e-3)
    assert (figures.requests[0].ttft_s, figures.requests[0].waited_s) == (pytest.approx(8e-3), 0.0)


def test_a_growing_session_tells_what_a_whole_one_tells() -> None:
    live = Session()
    series = LatencySeries(live)
    for event in held_events():
        live.apply([event])
        series.update()
    whole = LatencySeries(held())
    whole.update()
    assert series.figures() == whole.figures()
    assert metrics.summarise(live).to_json() == metrics.summarise(held()).to_json()


def test_the_energy_of_a_pause_is_no_tokens() -> None:
    session = held()
    for t_ns, joules in ((0, 0.0), (11 * MS, 1.0), (10 * S, 500.0), (10 * S + 8 * MS, 501.0), (20 * S, 900.0),
                         (20 * S + 9 * MS, 901.0)):  # fmt: skip
        session.apply([schema.DeviceSample(t_ns, "cuda", "energy_joules", joules)])
    series = DeviceSeries(session)
    series.update()
    assert joules_per_token(series) == pytest.approx(3.0 / 3)


def test_a_range_is_told_like_a_session_of_its_own() -> None:
    session = held()
    assert metrics.run_wall_s(session, (0, 2)) == metrics.run_wall_s(session)
    assert metrics.run_wall_s(session, (1, 1)) == pytest.approx(7e-3)  # from the start of its step
    assert metrics.run_wall_s(session, (1, 2)) == pytest.approx(16e-3)
    assert metrics.tokens_per_s(session, (1, 2)) == pytest.approx(2 / 16e-3)


def test_a_range_begins_with_the_arrival_that_its_first_step_was_the_first_to_see() -> None:
    session = Session()
    session.apply(
        [
            schema.RequestArrived(0, "x", [1], ["x"], "{}", 0), step(0, 2 * MS, 10 * MS), token(0, 0, 9 * MS),
            schema.RequestArrived(1, "x", [1], ["x"], "{}", 30 * MS),  # the queue was empty before
            step(1, 32 * MS, 40 * MS), token(1, 1, 39 * MS, request=1),
            step(2, 41 * MS, 49 * MS, "teacher"), step(3, 50 * MS, 58 * MS), token(2, 3, 57 * MS, request=1),
        ]
    )  # fmt: skip
    assert metrics.run_wall_s(session, (1, 1)) == pytest.approx(9e-3)
    assert metrics.run_wall_s(session, (1, 3)) == pytest.approx((57 - 30 - 8) * 1e-3)  # without the pass in it
    assert metrics.run_wall_s(session) == pytest.approx((57 - 8) * 1e-3)  # waiting for an arrival is no pause
    assert metrics.run_wall_s(session, (2, 2)) == 0.0
    assert metrics.tokens_per_s(session, (2, 2)) is None


def test_what_passes_between_two_runs_of_a_session_is_a_pause() -> None:
    session, joiner = Session(), Joiner()
    for index, label in enumerate(("kv off 1", "kv on 1")):
        joiner.begin(label)
        for batch in synthetic_events(6):
            moved = joiner.rewrite(
                schema.SessionStarted({**e.meta, "epoch_ns": str(1_790_000_000_000_000_000 + index * 60 * S)})
                if isinstance(e, schema.SessionStarted)
                else e
                for e in batch
            )
            session.apply(moved)
    alone = Session()
    for batch in synthetic_events(6):
        alone.apply(batch)
    [span] = list(zip(pauses_of(session).since_ns.tolist(), pauses_of(session).until_ns.tolist(), strict=True))
    assert span[1] == 60 * S
    after_last_ns = span[0] - int(alone.tokens["emitted_ns"][-1])  # until the run said that its request is done
    assert metrics.run_wall_s(session) == pytest.approx(2 * metrics.run_wall_s(alone) + after_last_ns / 1e9)
    assert metrics.run_wall_s(session, (6, 11)) == pytest.approx(metrics.run_wall_s(alone))


def test_a_run_that_ended_paused_and_the_next_one_have_one_pause_between_them() -> None:
    joiner, session = Joiner(), Session()
    for label in ("kv off 1", "kv on 1"):
        joiner.begin(label)
        for event in (schema.SessionStarted({"epoch_ns": "0"}), *held_events(resumed=False)):
            session.apply(joiner.rewrite([event]))
    kinds = [mark.kind for mark in session.marks]
    assert kinds == ["measure", "pause", "resume", "measure", "pause"]


@pytest.mark.parametrize("resumed", [True, False])
def test_the_view_of_the_file_gives_the_same_pieces(tmp_path: Path, resumed: bool) -> None:
    with SessionWriter(tmp_path / "run.dscope") as writer:
        writer.append([schema.SessionStarted({"epoch_ns": "0"}), *held_events(resumed)])
    db = sqlite3.connect(tmp_path / "run.dscope")
    rows = db.execute("SELECT since_ns, until_ns FROM pauses ORDER BY since_ns").fetchall()
    db.close()
    pauses = pauses_of(held(resumed))
    assert rows == list(zip(pauses.since_ns.tolist(), pauses.until_ns.tolist(), strict=True))


def test_a_trace_shows_each_pause_as_a_slice() -> None:
    slices = [event for event in trace_events(Span(held())) if event.get("cat") == "pause"]
    assert [(one["ts"], one["dur"]) for one in slices] == [(11e3, 1e7 - 11e3), (1e7 + 8e3, 1e7 - 8e3)]
    (_, open_end) = [event for event in trace_events(Span(held(resumed=False))) if event.get("cat") == "pause"]
    assert open_end["dur"] == 0.0  # nothing came after it
