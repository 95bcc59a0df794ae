"""The pace of a run, without a process and without waiting: what comes when, and what the marks make of the rests."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from engine.core.settings import LoadSpec, RequestSpec, RunSpec, Switches
from engine.errors import InputError
from engine.figures import metrics
from engine.figures.gaps import itl_seconds
from engine.figures.pauses import pauses_of
from engine.host import protocol, service
from engine.host.pacing import Pacing
from engine.host.service import Service
from engine.session.paced import pace_label, pace_of
from engine.session.schema import AnyEvent, Mark, Refused, RunEnded, StateChanged, Step
from engine.session.writer import SessionWriter
from tests.engine.drive import Clock, session_of

SLOW = 0.01
"""Tokens a second: 100 s between two steps."""


class Bench:
    """A service with a model whose clock jumps over the rests."""

    def __init__(self, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.events: list[AnyEvent] = []
        self.clock = Clock()
        make = service.Engine
        monkeypatch.setattr(service, "Engine", lambda *args, **named: make(*args, **named, clock=self.clock))
        monkeypatch.setattr(service, "time", SimpleNamespace(perf_counter_ns=self.clock, time_ns=lambda: 1))
        self.service = Service(self.events.extend)
        self.send(protocol.Load(LoadSpec(str(model), device="cpu", dtype="float32")))

    def send(self, command: protocol.AnyCommand) -> list[AnyEvent]:
        before = len(self.events)
        self.service.receive(protocol.encode(command))
        return self.events[before:]

    def start(self, pace: float, tokens: int = 5, paused: bool = False, **switches: Any) -> None:
        requests = (RequestSpec("ab", tokens, ignore_eos=True),)
        run = RunSpec(requests, Switches(**switches), pace_tokens_per_s=pace)
        self.send(protocol.Start(run, paused=paused))

    def rest(self) -> None:
        """Let the time pass until the next step may begin."""
        rest_s = self.service.work()
        assert rest_s
        self.clock.skipped_ns += round(rest_s * 1e9)

    def finish(self) -> None:
        while self.service.running:
            if rest_s := self.service.work():
                self.clock.skipped_ns += round(rest_s * 1e9)

    def of(self, kind: type) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]


@pytest.fixture
def bench(tiny_llama: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    bench = Bench(tiny_llama, monkeypatch)
    yield bench
    bench.send(protocol.Stop())


def test_a_step_follows_when_the_pace_lets_it_and_no_work_is_done_before(bench: Bench) -> None:
    bench.start(SLOW)
    assert bench.service.work() == pytest.approx(100, abs=1)
    assert len(bench.of(Step)) == 1
    assert bench.service.work() == pytest.approx(100, abs=1)
    assert len(bench.of(Step)) == 1
    bench.rest()
    bench.service.work()
    first, second = bench.of(Step)
    assert second.start_ns - first.start_ns == pytest.approx(100e9, rel=0.01)


def test_the_rests_of_a_pace_are_one_pause_and_no_time_of_any_figure(bench: Bench) -> None:
    bench.start(SLOW)
    bench.finish()
    marks = bench.of(Mark)
    assert [(mark.kind, mark.label) for mark in marks] == [("pause", "paced at 0.01 tokens/s"), ("resume", "")]
    session = session_of(bench.events)
    steps = session.steps
    walls_s = float((steps["end_ns"] - steps["start_ns"]).sum()) / 1e9
    summary = metrics.summarise(session)
    assert summary.paces == [SLOW]
    assert max(summary.wall_s, walls_s) < 50
    assert summary.requests[0].latency_s is not None
    assert summary.requests[0].latency_s < 50
    assert itl_seconds(session, np.arange(5)).max() < 50
    timeline = metrics.timeline_figures(session)
    assert timeline.paused_s == pytest.approx(400, abs=5)
    assert timeline.idle_s == 0.0
    assert metrics.gaps_s(session).tolist() == [0.0] * 4
    assert metrics.summarise(session, (2, 2)).paces == [SLOW]


def test_a_new_pace_holds_at_once_and_for_the_rest_that_goes_on(bench: Bench) -> None:
    bench.start(SLOW)
    bench.service.work()
    assert bench.send(protocol.SetPace(0.02)) == [*bench.of(Mark)[1:]]
    assert bench.service.work() == pytest.approx(50, abs=1)
    bench.send(protocol.SetPace(0.0))
    assert bench.service.work() == 0.0
    bench.finish()
    kinds = [(mark.kind, mark.label) for mark in bench.of(Mark)]
    assert kinds == [
        ("pause", "paced at 0.01 tokens/s"), ("resume", ""), ("pause", "paced at 0.02 tokens/s"), ("resume", "")
    ]  # fmt: skip
    assert metrics.summarise(session_of(bench.events)).paces == [0.01, 0.02]
    assert metrics.summarise(session_of(bench.events), (3, 4)).paces == []


def test_stop_pause_and_a_single_step_are_answered_within_a_rest(bench: Bench) -> None:
    bench.start(SLOW)
    bench.service.work()
    assert bench.send(protocol.Pause())[-1] == StateChanged("paused")
    assert bench.service.work() is None
    bench.send(protocol.StepOnce())
    assert bench.service.work() == 0.0
    assert len(bench.of(Step)) == 2
    assert bench.send(protocol.Resume())[-1] == StateChanged("running")
    assert bench.service.work() == pytest.approx(100, abs=1)
    assert RunEnded("stopped") in bench.send(protocol.Stop())
    labels = [mark.label for mark in bench.of(Mark) if mark.kind == "pause"]
    assert labels == ["paced at 0.01 tokens/s", "", "paced at 0.01 tokens/s"]
    assert [mark.kind for mark in bench.of(Mark)][-2:] == ["stop", "resume"]  # what comes after is no rest


def test_a_paused_run_that_goes_on_has_the_pace_it_was_given_meanwhile(bench: Bench) -> None:
    bench.start(0.0, paused=True)
    bench.send(protocol.SetPace(SLOW))
    assert bench.service.work() is None
    bench.send(protocol.Resume())
    assert bench.service.work() == pytest.approx(100, abs=1)


def test_the_view_of_the_file_gives_the_same_pieces(bench: Bench, tmp_path: Path) -> None:
    bench.start(SLOW)
    bench.service.work()
    bench.send(protocol.Pause())
    bench.send(protocol.Resume())
    bench.finish()
    with SessionWriter(tmp_path / "run.dscope") as writer:
        writer.append(bench.events)
    db = sqlite3.connect(tmp_path / "run.dscope")
    rows = db.execute("SELECT since_ns, until_ns FROM pauses WHERE until_ns > since_ns ORDER BY since_ns").fetchall()
    db.close()
    pauses = pauses_of(session_of(bench.events))
    assert rows == list(zip(pauses.since_ns.tolist(), pauses.until_ns.tolist(), strict=True))


def test_a_step_of_several_tokens_is_followed_by_as_long_a_rest() -> None:
    told: list[tuple[str, str]] = []
    account = SimpleNamespace(now_ns=lambda: 0, most_tokens=3, mark=lambda *mark: told.append(mark))
    engine: Any = SimpleNamespace(account=account, launches_ahead=True)
    pacing = Pacing(engine, 2.0, paused=False)
    assert pacing.rest_s == 0.0  # the first step begins at once
    pacing.stepped(0)
    assert pacing.rest_s == pytest.approx(1.5)
    account.most_tokens = 0
    pacing.stepped(0)
    assert pacing.rest_s == pytest.approx(0.5)
    assert not engine.launches_ahead  # else a device would work in what is recorded as a pause
    pacing.set_pace(0.0)
    assert engine.launches_ahead
    pacing.pause()
    assert not engine.launches_ahead
    assert told == [("pause", "paced at 2 tokens/s"), ("resume", ""), ("pause", "")]


def test_the_tokens_of_a_batch_do_not_add_up(bench: Bench) -> None:
    requests = tuple(RequestSpec(prompt, 4, ignore_eos=True) for prompt in ("ab", "ba", "aa"))
    bench.send(protocol.Start(RunSpec(requests, Switches(batching="continuous"), pace_tokens_per_s=SLOW)))
    bench.rest()
    assert bench.service.work() == pytest.approx(100, abs=1)
    assert len(bench.of(Step)) == 2


@pytest.mark.parametrize("pace", [-1.0, 0.001, 1e6, float("nan"), float("inf")])
def test_a_pace_that_cannot_be_kept_is_refused(bench: Bench, pace: float) -> None:
    with pytest.raises(InputError):
        RunSpec((), pace_tokens_per_s=pace)
    bench.start(0.0)
    (refused,) = bench.send(protocol.SetPace(pace))
    assert isinstance(refused, Refused)
    assert refused.command == "SetPace"
    assert bench.service.work() == 0.0


def test_a_label_names_its_pace() -> None:
    assert pace_of(pace_label(2.5)) == 2.5
    assert [pace_of(label) for label in ("", "between runs", "paced at x tokens/s")] == [None] * 3
