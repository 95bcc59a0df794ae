"""The profiler's own cost: every part counts where it lengthens a step, and at the price of the timer that ran."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch

from engine.core.settings import Observation, RequestSpec, RunSpec, Switches
from engine.core.timing import NoTimer
from engine.graphs.device import PlainDevice, PlainEvent
from engine.graphs.in_flight import InFlightTimes
from engine.graphs.pace import TwinPace
from engine.measure import timers
from engine.measure.host_timer import HostTimer
from engine.measure.overhead import OverheadMeter
from engine.measure.timers import DeviceTimer, make_timer, span_cost_ns
from engine.model.loader import LoadedModel
from engine.session.schema import PHASES, Overhead
from tests.engine.drive import drive
from tests.engine.fake_cuda import FakeCuda


@pytest.fixture(autouse=True)
def fresh_prices() -> Iterator[None]:
    timers.event_cost_ns.cache_clear()
    yield
    timers.event_cost_ns.cache_clear()


def test_it_is_told_once_a_second_of_steps() -> None:
    meter = OverheadMeter()
    assert meter.add(600_000_000, 1_000_000, 2_000_000, 5_000_000) is None
    told = meter.add(600_000_000, 1_000_000, 2_000_000, 5_000_000)
    assert told is not None
    assert told.share == pytest.approx(6e6 / 1.2e9)  # what a run at detail "off" does not pay
    assert told.records == pytest.approx(10e6 / 1.2e9)  # what it pays as well
    assert meter.add(600_000_000, 0, 0, 0) is None


def test_a_run_is_told_as_a_whole_however_short_it_was() -> None:
    meter = OverheadMeter()
    assert meter.whole() is None
    meter.add(100_000_000, 1_000_000, 2_000_000, 5_000_000)
    assert meter.whole() == Overhead(0.03, 0.05)
    meter.add(1_100_000_000, 1_000_000, 0, 1_000_000)  # told
    meter.add(800_000_000, 0, 0, 2_000_000)
    assert meter.whole() == Overhead(4e6 / 2e9, 8e6 / 2e9)


def test_work_beside_the_next_step_costs_only_where_the_device_had_to_wait_for_it() -> None:
    meter = OverheadMeter()
    meter.add(400_000_000, 0, 1_000_000, 3_000_000, beside=True)
    meter.add(400_000_000, 0, 1_000_000, 5_000_000, beside=True, late=True)  # the first one's record held it up
    told = meter.add(400_000_000, 0, 2_000_000, 7_000_000, beside=False, late=False)  # the second one's did not
    assert told is not None
    assert told.share == pytest.approx((1e6 + 2e6) / 1.2e9)
    assert told.records == pytest.approx((3e6 + 7e6) / 1.2e9)


def test_a_step_is_priced_by_the_timer_that_ran() -> None:
    host = HostTimer(2, by_layer=True, span_ns=100.0)
    fake = FakeCuda()
    device = DeviceTimer(2, True, lambda: fake.Event(enable_timing=True), event_ns=3000.0, span_ns=100.0)
    for timer in (host, device):
        timer.begin()
        with timer("prepare"):
            pass
        for phase in ("norm", "qkv", "ffn"):
            with timer(phase):
                pass
        timer.pause()
    assert host.cost_ns == 4 * 100.0
    assert device.cost_ns == (3 + 1) * 3000.0 + 100.0  # an event a phase, one at the end, and a span of the host's
    assert NoTimer().cost_ns == 0


def test_on_a_gpu_the_price_is_that_of_its_events(monkeypatch: pytest.MonkeyPatch) -> None:
    """An event that takes 50 µs to record makes a boundary cost that, whatever a span of the host's clock costs."""
    fake = FakeCuda()
    monkeypatch.setattr(torch, "cuda", fake)
    now = [0]
    monkeypatch.setattr(timers, "perf_counter_ns", lambda: now[0])
    original = type(fake.Event(enable_timing=True)).record

    def slow(self: object, stream: object = None) -> None:
        now[0] += 50_000
        original(self, stream)  # type: ignore[arg-type]

    monkeypatch.setattr("tests.engine.fake_cuda.FakeEvent.record", slow)
    timer = make_timer("phase", 2, torch.device("cuda", 0))
    with timer("ffn"):
        pass
    timer.pause()
    assert timer.cost_ns == pytest.approx(2 * 50_000)


def test_the_price_waits_until_the_device_has_reached_the_last_event() -> None:
    waited: list[int] = []
    assert span_cost_ns(HostTimer(1, by_layer=True), lambda: waited.append(1), spans=10) > 0
    assert len(waited) == 7


def test_a_twin_costs_what_it_takes_longer_than_a_plain_replay() -> None:
    pace = TwinPace()
    assert pace.extra_ns(900) == 0  # nothing to compare with yet
    for busy_ns in (700, 800, 900):
        pace.note(busy_ns, timed=False)
    assert pace.extra_ns(1000) == 200
    assert pace.extra_ns(500) == 0
    times = InFlightTimes(np.zeros((1, len(PHASES))), 1000, HostTimer(1, False, 100.0), apart=True, extra_ns=200.0)
    assert times.cost_ns == 200.0


def test_a_step_and_what_it_cost_are_counted_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """The host was held up for long while it read one step's times, and the step after it was short."""
    monkeypatch.setattr("engine.measure.overhead.TELL_EVERY_NS", 100)
    meter = OverheadMeter()
    assert meter.add(1000, 10, 800, 90, beside=True) is None  # what it cost is known with the next step
    told = meter.add(120, 0, 20, 10, beside=True, late=True)
    assert told is not None
    assert (told.share, told.records) == (810 / 1000, 90 / 1000)
    last = meter.add(120, 6, 0, 0, beside=False, late=False)
    assert last is not None
    assert (last.share, last.records) == (6 / 240, 0.0)
    whole = meter.whole()
    assert whole is not None
    assert (whole.share, whole.records) == (816 / 1240, 90 / 1240)


def test_what_watching_cost_before_its_step_began_counts_in_the_step_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.measure.overhead.TELL_EVERY_NS", 100)
    meter = OverheadMeter()
    assert meter.add(1000, 0, 0, 0, beside=True) is None
    told = meter.add(200, 500, 0, 0, beside=True)
    assert told is not None
    assert told.share == 300 / 1000
    last = meter.add(200, 0, 0, 0, beside=False)
    assert last is not None
    assert last.share == 200 / 400


@pytest.mark.parametrize("graphs", [False, True])
def test_a_run_tells_its_own_cost(tiny_model: LoadedModel, monkeypatch: pytest.MonkeyPatch, graphs: bool) -> None:
    monkeypatch.setattr("engine.measure.overhead.TELL_EVERY_NS", 5_000_000)
    spec = RunSpec((RequestSpec("a", 100, ignore_eos=True),), Switches(kv="paged", graphs=graphs), Observation("layer"))
    told = [event.share for event in drive(tiny_model, spec, graph_device=PlainDevice()) if isinstance(event, Overhead)]
    assert told
    assert [share for share in told if not 0 < share < 1] == []


def test_a_device_that_is_never_waited_for_hides_the_account(
    tiny_model: LoadedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same run costs less where each step is still on its way when the host comes for it."""
    monkeypatch.setattr("engine.measure.overhead.TELL_EVERY_NS", 10**15)
    added: list[tuple[bool, bool]] = []
    original = OverheadMeter.add

    def add(self: OverheadMeter, *args: float, beside: bool = False, late: bool = True) -> Overhead | None:
        added.append((beside, late))
        return original(self, *args, beside=beside, late=late)  # type: ignore[arg-type]

    monkeypatch.setattr(OverheadMeter, "add", add)
    monkeypatch.setattr(PlainEvent, "past", lambda self: False)
    spec = RunSpec((RequestSpec("a", 6, ignore_eos=True),), Switches(kv="paged", graphs=True))
    drive(tiny_model, spec, graph_device=PlainDevice())
    assert added[0] == (False, True)  # the prompt
    assert added[1:] == [(True, False)] * (len(added) - 2) + [(False, False)]
