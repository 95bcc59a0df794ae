"""A span's price is measured among the work it times, and what the profiler says it costs is what it costs."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field
from time import perf_counter_ns, thread_time_ns

import pytest

from engine.decode.capabilities import unavailable_switches
from engine.decode.engine import Engine
from engine.decode.settings import Detail, Observation, RequestSpec, RunSpec, Switches
from engine.measure import host_timer, overhead
from engine.measure.host_timer import FIRST_PRICED, PRICED_EVERY, HostTimer
from engine.measure.overhead import OverheadMeter
from engine.measure.timers import StepTimer
from engine.model.loader import LoadedModel
from engine.session.schema import PHASES, AnyEvent

STEPS = 10
"""Of a block, in which one level of detail runs on."""
LEAST_PAIRS, MOST_PAIRS = 80, 600


@dataclass
class Level:
    """An engine's state at one level of detail, to go back to in the same run."""

    observation: Observation
    timer: StepTimer
    meter: OverheadMeter = field(default_factory=OverheadMeter)


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


@pytest.mark.parametrize("detail", ["phase", "layer"])
def test_what_is_shown_is_what_a_pair_of_runs_measures(
    tiny_model: LoadedModel, monkeypatch: pytest.MonkeyPatch, detail: Detail
) -> None:
    """One run, in turn a block of steps at this level and one at `off`, by the processor's time of its thread.

    It goes on until the difference is known to an eighth; what is shown may be off by a third of it, and by what is not
    known of it. What others take of the processor lengthens the wall time that the share is of, and neither the price
    of a span nor what the pair measures: so the cost stands here over the processor's time of the same steps.
    """
    monkeypatch.setattr(overhead, "TELL_EVERY_NS", 10**18)
    engine, levels = engine_of(tiny_model, detail)
    shares: list[float] = []
    busy_ns = 0
    for pair in range(MOST_PAIRS):
        took = {}
        for level in ("off", detail) if pair % 2 else (detail, "off"):
            engine._observation, engine._timer = levels[level].observation, levels[level].timer
            engine._overhead = levels[level].meter
            before_ns = thread_time_ns()
            engine.step()  # what changes with the level is in no cache yet
            start_ns = thread_time_ns()
            for _ in range(STEPS):
                engine.step()
            end_ns = thread_time_ns()
            took[level] = end_ns - start_ns
            busy_ns += end_ns - before_ns if level == detail else 0
        shares.append(1 - took["off"] / took[detail])
        kept = sorted(shares)[len(shares) // 10 : len(shares) - len(shares) // 10]
        measured = statistics.fmean(kept)
        unknown = statistics.stdev(kept) / len(kept) ** 0.5 if len(kept) > 1 else 1.0
        if pair >= LEAST_PAIRS and 8 * unknown < measured:
            break
    assert not engine.done
    meter = levels[detail].meter
    assert meter._wall_ns > 0.8 * busy_ns  # what one step spends after its record is nobody's
    shown = meter._watching_ns / busy_ns
    assert shown == pytest.approx(measured, abs=abs(measured) / 3 + 2 * unknown)
    assert levels["off"].meter._watching_ns == 0


def engine_of(model: LoadedModel, detail: Detail) -> tuple[Engine, dict[str, Level]]:
    """An engine with more steps before it than are needed, and its state at both levels of detail."""
    events: list[AnyEvent] = []
    requests = tuple(RequestSpec("a", 60, ignore_eos=True) for _ in range(2 * (STEPS + 1) * MOST_PAIRS // 50))
    spec = RunSpec(requests, Switches(kv="paged"), Observation(detail))
    engine = Engine(model, spec, unavailable_switches("cpu", has_draft=False), lambda _: events.clear())
    levels = {}
    for level in ("off", detail):
        engine.observe(Observation(level))  # type: ignore[arg-type] # both are levels
        levels[level] = Level(engine._observation, engine._timer)
    engine.begin(perf_counter_ns())
    return engine, levels
