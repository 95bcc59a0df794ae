"""Why tokens of the real engine were late, where one cause at a time is put in.

The engine schedules, evicts, switches and captures as it does; only its clock is the test's. A step takes time by its
rows and positions and a little noise, and a capture takes 80 ms, so that nothing depends on how busy the machine is.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from engine.core.settings import RequestSpec, RunSpec, SwitchChange, Switches
from engine.decode.engine import Engine
from engine.decode.step_runner import LandedStep, LaunchedStep, StepRunner
from engine.figures.culprits import TokenDelay
from engine.figures.delays import delays_of
from engine.figures.first_tokens import first_token
from engine.graphs.device import GraphDevice, PlainDevice
from engine.graphs.steps import GraphedSteps
from engine.model.loader import LoadedModel
from engine.session.schema import AnyEvent
from engine.session.store import Session
from tests.engine.figures.late_causes import blamed, late_tokens

MS = 1_000_000
STEP_NS, ROW_NS, POSITION_NS, CALL_NS, CAPTURE_NS, NOISE_NS = 6 * MS, MS // 2, MS // 10, 1000, 80 * MS, MS // 4
Paced = Callable[..., Session]


@pytest.fixture
def paced(tiny_model: LoadedModel, monkeypatch: pytest.MonkeyPatch) -> Paced:
    """Runs the engine with the clock described above, and returns the session."""
    passed, draw = [0], np.random.default_rng(0)

    def clock() -> int:
        passed[0] += CALL_NS
        return passed[0]

    land, capture = StepRunner.land, GraphedSteps.capture

    def slow_land(runner: StepRunner, launched: LaunchedStep) -> LandedStep:
        rows, positions = len(launched.chunks), sum(chunk.length for chunk in launched.chunks)
        passed[0] += STEP_NS + ROW_NS * rows + POSITION_NS * (positions - rows) + int(draw.integers(NOISE_NS))
        return land(runner, launched)

    def slow_capture(steps: GraphedSteps, variant: object) -> tuple[int, float]:
        passed[0] += CAPTURE_NS
        return capture(steps, variant)  # type: ignore[arg-type]

    monkeypatch.setattr(StepRunner, "land", slow_land)
    monkeypatch.setattr(GraphedSteps, "capture", slow_capture)

    def run(requests: list[RequestSpec], *flips: SwitchChange, graph_device: GraphDevice | None = None,
            **switches: object) -> Session:  # fmt: skip
        session, events = Session(), list[AnyEvent]()
        chosen = Switches(**{"kv": "paged", "batching": "continuous", **switches})  # type: ignore[arg-type]
        spec = RunSpec(tuple(requests), chosen, switch_at=flips)
        engine = Engine(tiny_model, spec, {}, events.extend, clock=clock, graph_device=graph_device)
        engine.begin(clock())
        while not engine.done:
            if not engine.step():
                passed[0] += round(1e9 * (engine.next_arrival_s or 0.0))
        session.apply(events)
        return session

    return run


def steady(count: int, tokens: int = 120) -> list[RequestSpec]:
    return [RequestSpec(f"a request {i}", tokens, ignore_eos=True) for i in range(count)]


def touched_by(session: Session, touches: Callable[[range], bool]) -> list[TokenDelay]:
    """The late tokens with a step in their gap that `touches`."""
    found = [late for late, steps in late_tokens(session) if touches(steps)]
    assert found
    return found


def test_a_long_prompt_that_arrives(paced: Paced) -> None:
    arriving = [RequestSpec(150 * "pqr"[i], 2, arrival_s=0.2 + 0.2 * i, ignore_eos=True) for i in range(3)]
    session = paced([*steady(3), *arriving])
    loads = delays_of(session).loads
    found = touched_by(session, lambda steps: bool(loads.prompt[list(steps)].sum() > 50))
    assert len(found) == 9
    for late in found:
        culprit = late.main.culprit
        assert (late.main.cause, culprit.count) == ("prefill", 151)
        assert (culprit.request, culprit.step) in {(request, late.step) for request in (3, 4, 5)}
        assert late.main.seconds == pytest.approx(0.0155, abs=2e-3)
    assert {late.main.culprit.request for late in found} == {3, 4, 5}


def test_too_little_memory(paced: Paced) -> None:
    a_block = 2 * 2 * 16 * 2 * 8 * 4  # K and V, layers, positions, KV heads, numbers, float32
    session = paced(steady(4, 100), kv_memory=20 * a_block)
    rows = delays_of(session).loads.rows
    preempted = {int(rows.request[at]) for at in (rows.again > 0).nonzero()[0].tolist()}
    assert preempted
    loads = delays_of(session).loads
    found = [
        late for late, steps in late_tokens(session)
        if rows.again[loads.rows_of(late.request, steps.start, steps.stop)].any()
    ]  # fmt: skip
    assert {late.request for late in found} == preempted
    assert {(late.main.cause, late.main.culprit.request == late.request) for late in found} == {("preemption", True)}


def test_a_burst_of_requests(paced: Paced) -> None:
    burst = [RequestSpec("a cat", 20, arrival_s=0.3, ignore_eos=True) for _ in range(12)]
    session = paced([*steady(2, 200), *burst], max_batch=8)
    loads = delays_of(session).loads
    found = touched_by(session, lambda steps: loads.decoding[steps[-1]] == 8 and not loads.prompt[list(steps)].any())
    named = [late for late in found if late.request < 2]
    assert len(named) > 50
    assert all((late.main.cause, late.main.culprit.count, late.main.culprit.usual) == ("batch", 8, 2) for late in named)
    waits = [first_token(session, request) for request in range(2, 14)]
    assert all(wait is not None for wait in waits)
    waited = [wait.queue_s / wait.ttft_s for wait in waits if wait is not None]
    assert max(waited[:6]) < 0.5  # there was room for these
    assert min(waited[6:]) > 0.9


def test_a_switch_that_empties_the_cache(paced: Paced) -> None:
    session = paced(steady(3), SwitchChange(70, {"kv": "contiguous"}))
    found = touched_by(session, lambda steps: 70 in steps)
    assert len(found) == 3
    assert all((late.main.cause, late.main.culprit.mark) == ("capture", 0) for late in found)
    assert session.marks[0].label == "kv: paged → contiguous"


def test_a_graph_that_is_captured(paced: Paced) -> None:
    change = SwitchChange(70, {"graphs": True})
    session = paced(steady(3), change, graph_device=PlainDevice(), attention="sdpa")
    loads = delays_of(session).loads
    captured = {step for step in range(loads.steps) if loads.mark[step] >= 0}
    found = touched_by(session, lambda steps: bool(captured & set(steps)))
    assert all(late.main.cause == "capture" for late in found)
    assert any(session.marks[late.main.culprit.mark or 0].kind == "graphs" for late in found)


def test_a_calm_run_blames_nothing(paced: Paced) -> None:
    assert blamed(paced(steady(3, 200))) == 0.0
