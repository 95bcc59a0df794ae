"""What tells a busy machine from a quiet one, from readings that are given."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from engine.measure import load
from engine.measure.load import LoadMeter, ThisMachine, is_quiet, judged, spread_of
from tests.engine.measure.fake_load import FakeMachine


def test_a_quiet_machine_is_quiet() -> None:
    meter = LoadMeter(FakeMachine(others=0.05, stolen=0.01, running=0, spread=0.05))
    meter.sample()
    found = meter.conditions()
    assert (found.busy, found.others_cores, found.stolen_cores, found.waiting_threads) == (False, 0.05, 0.01, 0.0)
    assert (found.spread, found.cpus) == (0.05, 2)


@pytest.mark.parametrize(
    "machine",
    [
        FakeMachine(others=1.0),  # another process on the other processor: nothing waits, but it uses the memory
        FakeMachine(stolen=0.3),
        FakeMachine(running=1),
        FakeMachine(spread=1.0),
    ],
    ids=["others", "stolen", "waiting", "spread"],
)
def test_each_reading_alone_makes_it_busy(machine: FakeMachine) -> None:
    assert LoadMeter(machine).conditions().busy


def test_one_process_of_many_processors_is_no_load() -> None:
    assert not LoadMeter(FakeMachine(others=1.0, running=1, cpus=64)).conditions().busy
    assert LoadMeter(FakeMachine(others=8.0, cpus=64)).conditions().busy


def test_what_a_system_does_not_report_is_none_and_does_not_count() -> None:
    found = LoadMeter(FakeMachine(others=None, stolen=None, running=None)).conditions()
    assert (found.others_cores, found.stolen_cores, found.waiting_threads, found.busy) == (None, None, None, False)


def test_the_worse_of_two_pinned_runs_counts() -> None:
    machine = FakeMachine()
    spreads = iter([0.02, 0.8])
    machine.pinned_spread = lambda: next(spreads)  # type: ignore[method-assign]
    assert LoadMeter(machine).conditions().spread == 0.8


def test_a_glance_tells_the_same() -> None:
    assert is_quiet(FakeMachine(), glance_s=0.0)
    assert not is_quiet(FakeMachine(others=1.0), glance_s=0.0)


def test_a_spread_is_the_mean_over_the_shortest() -> None:
    assert spread_of([1.0, 1.0, 1.0, 2.0]) == pytest.approx(0.25)
    assert spread_of([2.0, 2.0]) == 0.0
    assert spread_of([]) == 0.0
    assert not judged(2, None, None, None, None).busy


def test_this_machine_is_read_and_left_as_it_was() -> None:
    machine = ThisMachine()
    before = os.sched_getaffinity(0) if sys.platform == "linux" else set()
    assert machine.pinned_spread() >= 0
    assert not before or os.sched_getaffinity(0) == before
    counters = machine.counters()
    assert counters.others_s is not None
    if sys.platform == "linux":
        assert load.own_running_threads() >= 1  # the one that asks
        running = machine.running_threads()
        assert running is not None
        assert running >= 0


def test_a_thread_of_ours_that_falls_asleep_meanwhile_is_none_of_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """The system counts three that run, and one of our two sleeps before it is asked for."""
    own = [2, 1]
    monkeypatch.setattr(load, "own_running_threads", lambda: own.pop(0))
    monkeypatch.setattr(Path, "read_text", lambda self, **_: "0.00 0.00 0.00 3/100 7")
    assert load.ThisMachine().running_threads() == 1
