"""Phases add up to the wall time, whichever clock they come from."""

from __future__ import annotations

from time import perf_counter_ns

import numpy as np
import pytest
import torch

from engine.core.timing import NoTimer
from engine.measure.host_timer import HostTimer
from engine.measure.phase_table import OTHER
from engine.measure.timers import DeviceTimer, make_timer
from engine.session.schema import PHASES
from tests.engine.measure.phase_tables import table_of

CPU = torch.device("cpu")
FFN, NORM, SAMPLE, SCHEDULE = (PHASES.index(name) for name in ("ffn", "norm", "sample", "schedule"))


def spin(us: float) -> None:
    end = perf_counter_ns() + us * 1e3
    while perf_counter_ns() < end:
        pass


class FakeStream:
    """A device that has reached everything that was put on it, and says when."""

    def __init__(self) -> None:
        self.ms = 0.0
        self.synchronised = 0

    def event(self) -> FakeEvent:
        return FakeEvent(self)


class FakeEvent:
    def __init__(self, stream: FakeStream) -> None:
        self.stream = stream
        self.at_ms = -1.0

    def record(self) -> None:
        self.at_ms = self.stream.ms

    def elapsed_time(self, end_event: FakeEvent) -> float:
        return end_event.at_ms - self.at_ms

    def synchronize(self) -> None:
        self.stream.synchronised += 1


def run_layers(timer: HostTimer | DeviceTimer) -> None:
    for layer in range(2):
        timer.layer(layer)
        with timer("norm"):
            spin(100)
        with timer("ffn"):
            spin(300)
    timer.layer(2)
    with timer("sample"):
        spin(50)


@pytest.mark.parametrize("by_layer", [True, False])
def test_host_phases_and_other_make_the_wall_time(by_layer: bool) -> None:
    timer = HostTimer(2, by_layer)
    timer.begin()
    start = perf_counter_ns()
    run_layers(timer)
    spin(100)
    wall_us = (perf_counter_ns() - start) / 1e3
    phases = table_of(timer.read_phases(wall_us))
    assert phases.shape == (3 if by_layer else 1, len(PHASES))
    assert phases.sum() == pytest.approx(wall_us, rel=1e-5)
    assert phases[:, FFN].sum() >= 600
    assert phases[:, NORM].sum() >= 200
    assert phases[-1, OTHER] >= 100
    if by_layer:
        assert (phases[:2, FFN] >= 300).all()
        assert phases[2, SAMPLE] >= 50
        assert phases[2, FFN] == 0
    assert timer.spans == 5


def test_a_new_step_starts_from_nothing() -> None:
    timer = HostTimer(2, by_layer=True)
    run_layers(timer)
    timer.begin()
    assert table_of(timer.read_phases(0.0)).sum() == 0


def test_other_is_never_negative() -> None:
    timer = HostTimer(2, by_layer=True)
    run_layers(timer)
    assert table_of(timer.read_phases(1.0))[-1, OTHER] == 0


def test_device_phases_lie_between_boundaries() -> None:
    stream = FakeStream()
    timer = DeviceTimer(2, by_layer=True, make_event=stream.event)
    timer.begin()
    with timer("schedule"):
        spin(20)
    for layer in range(2):
        timer.layer(layer)
        with timer("norm"):
            stream.ms += 0.25
        with timer("ffn"):
            stream.ms += 1.0 + layer
    timer.layer(2)
    with timer("sample"):
        stream.ms += 0.5
        timer.pause()
    assert stream.synchronised == 0
    phases = table_of(timer.read_phases(wall_us=5000.0))
    assert phases[0, NORM] == pytest.approx(250)
    assert phases[:2, FFN].tolist() == pytest.approx([1000, 2000])
    assert phases[2, SAMPLE] == pytest.approx(500)
    assert phases[2, SCHEDULE] >= 20
    assert phases.sum() == pytest.approx(5000, rel=1e-5)
    assert timer.device_ns == 4_000_000


def test_device_events_are_made_once_and_used_again() -> None:
    stream = FakeStream()
    made: list[FakeEvent] = []

    def make() -> FakeEvent:
        made.append(stream.event())
        return made[-1]

    timer = DeviceTimer(1, by_layer=False, make_event=make)
    for _ in range(3):
        timer.begin()
        with timer("ffn"):
            stream.ms += 1.0
        timer.pause()
        assert table_of(timer.read_phases(2000.0))[0, FFN] == pytest.approx(1000)
    assert len(made) == 2


def test_levels_of_detail() -> None:
    assert isinstance(make_timer("off", 2, CPU), NoTimer)
    assert isinstance(make_timer("step", 2, CPU), NoTimer)
    assert table_of(make_timer("phase", 2, CPU).read_phases(10.0)).shape == (1, len(PHASES))
    assert table_of(make_timer("layer", 2, CPU).read_phases(10.0)).shape == (3, len(PHASES))
    assert make_timer("off", 2, CPU).read_phases(10.0) == b""
    assert table_of(make_timer("phase", 2, CPU).read_phases(10.0)).dtype == np.float32
