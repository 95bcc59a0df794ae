"""A span's price is measured among the work it times, and what the profiler says it costs is what it costs."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from types import FrameType
from typing import Any

import pytest

from engine.core.settings import Observation, Probe, RequestSpec, RunSpec, Switches
from engine.core.timing import StepTimer
from engine.decode.capabilities import unavailable_switches
from engine.decode.engine import Engine
from engine.graphs import compiled
from engine.measure import host_timer, overhead, probe, timers
from engine.measure.host_timer import FIRST_PRICED, PRICED_EVERY, HostTimer
from engine.measure.overhead import OverheadMeter
from engine.model.loader import LoadedModel
from engine.sampling import alternatives_cost
from engine.session.schema import PHASES, AnyEvent
from kernels.cpu.step import CompiledStep

TraceFunction = Callable[[FrameType, str, Any], Any]
STEPS = 200
"""At each level, of which four measure what a span costs."""
WATCHED = (Observation("phase"), Observation("layer"), Observation("layer", Probe(layer=1, head=None)))


@dataclass
class Level:
    """An engine's state at one level of detail, to go back to in the same run."""

    observation: Observation
    timer: StepTimer
    probe: Probe | None
    meter: OverheadMeter = field(default_factory=OverheadMeter)

    def put_in_force(self, engine: Engine) -> None:
        """As if the engine had never been at another level."""
        engine.runner.observation, engine.runner.timer, engine.runner.probe = self.observation, self.timer, self.probe
        engine.account.overhead = self.meter


class Instructions:
    """A clock that goes on by 10 ns with each instruction the interpreter executes in this thread, by 50 when read."""

    def __init__(self) -> None:
        self.now_ns = 0

    def __call__(self) -> int:
        self.now_ns += 50
        return self.now_ns

    @contextmanager
    def counting(self) -> Iterator[None]:
        """Where the clock runs, in functions that are called from here."""
        before = sys.gettrace()
        sys.settrace(self._trace)
        try:
            yield
        finally:
            sys.settrace(before)

    def _trace(self, frame: FrameType, event: str, _: object) -> TraceFunction | None:
        if frame.f_code is Instructions.__call__.__code__:
            return None
        if event == "call":
            frame.f_trace_opcodes, frame.f_trace_lines = True, False
        elif event == "opcode":
            self.now_ns += 10
        return self._trace


class Clock:
    """A clock that goes on by a fixed time whenever it is read: reading it is all that a span costs."""

    def __init__(self, step_ns: int) -> None:
        self.now_ns, self.step_ns = 0, step_ns

    def __call__(self) -> int:
        self.now_ns += self.step_ns
        return self.now_ns


def steps_of(timer: HostTimer, count: int, spans: int) -> None:
    for _ in range(count):
        timer.begin()
        for _ in range(spans):
            with timer("ffn"):
                pass


def test_a_span_costs_what_was_measured_among_the_spans(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each span reads the clock twice, so it costs two readings, whatever it was thought to cost beforehand."""
    monkeypatch.setattr(host_timer, "perf_counter_ns", Clock(100))
    timer = HostTimer(1, by_layer=True, span_ns=5.0)
    steps_of(timer, FIRST_PRICED - 1, 20)
    assert timer.cost_ns == 20 * 5.0
    steps_of(timer, 2, 20)
    assert timer.span_ns == 200.0
    assert timer.cost_ns == 20 * 200.0


def test_measuring_the_price_is_a_cost_and_no_phase(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(100)
    monkeypatch.setattr(host_timer, "perf_counter_ns", clock)
    timer = HostTimer(1, by_layer=False, span_ns=200.0)
    priced = []
    for step in range(PRICED_EVERY + 4):
        timer.begin()
        for _ in range(10):
            with timer("ffn"):
                pass
        assert timer.spent_us().sum() == pytest.approx(10 * 0.1)  # from one reading to the next
        if timer.cost_ns > 10 * 200.0:
            priced.append(step + 1)
    assert priced == [FIRST_PRICED, FIRST_PRICED + PRICED_EVERY]


def test_phases_and_rows_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host_timer, "perf_counter_ns", Clock(1000))
    timer = HostTimer(2, by_layer=True)
    timer.begin()
    with timer("embed"):
        pass
    for layer, phases in enumerate((["norm", "ffn", "ffn"], ["ffn"])):
        timer.layer(layer)
        for phase in phases:
            with timer(phase):
                pass
    timer.layer(2)
    with timer("sample"):
        pass
    table = timer.spent_us()
    found = {(row, PHASES[column]): table[row, column] for row, column in zip(*table.nonzero(), strict=True)}
    assert found == {(2, "embed"): 1, (0, "norm"): 1, (0, "ffn"): 2, (1, "ffn"): 1, (2, "sample"): 1}


@dataclass(frozen=True)
class Pair:
    """What steps took at `off` and with something watched, and what the profiler said that this cost; ns."""

    off_ns: int
    watched_ns: int
    said_ns: float

    @property
    def cost_ns(self) -> int:
        """What it did cost."""
        return self.watched_ns - self.off_ns


@pytest.mark.parametrize("watched", WATCHED, ids=lambda one: f"{one.detail}{' and attention' if one.probe else ''}")
def test_what_is_shown_is_what_a_pair_of_runs_measures(
    tiny_model: LoadedModel, monkeypatch: pytest.MonkeyPatch, watched: Observation
) -> None:
    pair = pair_of(tiny_model, monkeypatch, watched)
    assert pair.said_ns == pytest.approx(pair.cost_ns, rel=1 / 3)


def test_what_attention_adds_is_shown_to_be_added(tiny_model: LoadedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    without, with_attention = (pair_of(tiny_model, monkeypatch, watched) for watched in WATCHED[1:])
    added_ns = with_attention.watched_ns - without.watched_ns
    assert with_attention.said_ns - without.said_ns == pytest.approx(added_ns, rel=1 / 3)


def pair_of(model: LoadedModel, monkeypatch: pytest.MonkeyPatch, watched: Observation) -> Pair:
    """One run, in turn a step at this level and one at `off`.

    Time is what the interpreter executes: what one level executes more than the other is known to the last
    instruction. By the clock of a machine that is shared it is not known to a half; `python -m tests.benchmarks
    detail_cost` tells it for a quiet one.
    """
    clock = Instructions()
    for module in (alternatives_cost, compiled, host_timer, probe, timers):
        monkeypatch.setattr(module, "perf_counter_ns", clock)
    monkeypatch.setattr(
        CompiledStep, "watched_ns", 0
    )  # what the native call measures by itself, the interpreter has not
    monkeypatch.setattr(overhead, "TELL_EVERY_NS", 10**18)
    for module, name in ((alternatives_cost, "_prices"), (timers, "host_span_ns")):  # not as the clock had it
        priced = getattr(module, name)
        monkeypatch.setattr(module, name, cache(priced.__wrapped__))
    engine, levels = engine_of(model, watched, clock)
    took = dict.fromkeys(levels, 0)
    for _ in range(STEPS):
        for level, state in levels.items():
            state.put_in_force(engine)
            with clock.counting():
                before = clock()
                engine.step()
                took[level] += clock() - before
    assert not engine.done
    off, said = levels["off"].meter.whole(), levels["watched"].meter.whole()
    assert off is not None
    assert said is not None
    assert off.share == 0
    assert levels["watched"].meter._wall_ns > 0.8 * took["watched"]  # what comes after a step's record is nobody's
    return Pair(took["off"], took["watched"], said.share * took["watched"])


def engine_of(model: LoadedModel, watched: Observation, clock: Instructions) -> tuple[Engine, dict[str, Level]]:
    """An engine with more steps before it than are needed, and its state at `off` and at what is watched."""
    events: list[AnyEvent] = []
    requests = tuple(RequestSpec("a", 60, ignore_eos=True) for _ in range(2 * STEPS // 50))
    spec = RunSpec(requests, Switches(kv="paged"), watched)
    unavailable = unavailable_switches("cpu", has_draft=False)
    engine = Engine(model, spec, unavailable, lambda _: events.clear(), clock=clock)
    levels = {}
    for name, observation in (("off", Observation("off")), ("watched", watched)):
        with clock.counting():
            engine.observe(observation)
        levels[name] = Level(engine.runner.observation, engine.runner.timer, engine.runner.probe)
    engine.begin(clock())
    return engine, levels
