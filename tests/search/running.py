"""Runs a case through the service of the engine process, by a clock that only counts; notices where nothing moves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any
from unittest import mock

import msgspec

from engine.core.settings import RequestSpec, Switches
from engine.decode.capabilities import unavailable_switches
from engine.decode.engine import Engine
from engine.graphs.device import PlainDevice
from engine.host import protocol, service
from engine.host.kept_ceilings import KeptCeilings
from engine.measure.ceilings import Ceilings
from engine.model.loader import LoadedModel
from engine.session.schema import AnyEvent, ConfigChanged, Refused, RunEnded, Step
from tests.search.drawing import Case
from tests.search.models import pair
from tests.search.room import all_fit

TICK_NS = 20_000
"""What passes between two looks at the clock."""
STEPS_A_TOKEN = 30
"""So many steps for each token that may come are more than any order of service, preemption or switching takes."""


class Clock:
    """ns since some moment: each look at it takes a while, and waiting takes no time."""

    def __init__(self) -> None:
        self.ns = 10**9

    def __call__(self) -> int:
        self.ns += TICK_NS
        return self.ns


class NoReadings:
    """In place of the thread that reads devices."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        pass

    def start(self) -> None:
        pass

    def stop(self) -> None:
        pass


class Watched(service.Service):
    """The service, which keeps what ended a run."""

    def __init__(self, target: LoadedModel, draft: LoadedModel, emit: Callable[[list[AnyEvent]], None]) -> None:
        super().__init__(emit)
        self._model, self._draft = target, draft
        self._ceilings = KeptCeilings(Ceilings(1e10, 1e11))
        self._unavailable = unavailable_switches("cpu", has_draft=True)
        self._unavailable.pop("graphs=True", None)
        self.failure: Exception | None = None

    def _fail(self, engine: Engine, error: Exception) -> None:
        self.failure = error
        super()._fail(engine, error)


@dataclass(slots=True)
class Outcome:
    """What a case did: its events in order, and how it ended."""

    case: Case
    target: LoadedModel
    draft: LoadedModel
    events: list[AnyEvent] = field(default_factory=list)
    failure: Exception | None = None
    hang: str = ""
    specs: list[RequestSpec] = field(default_factory=list)
    """Every request that there was, by its id."""
    engine: Engine | None = None
    refusals: list[tuple[protocol.AnyCommand | None, bool, str]] = field(default_factory=list)
    """Of each command: whether it should have been refused, and the sentence if it was."""

    def of(self, kind: type[Any]) -> list[Any]:
        """The events of one kind, in order."""
        return [event for event in self.events if isinstance(event, kind)]


def with_eos(model: LoadedModel, eos: frozenset[int]) -> LoadedModel:
    """The model, its texts ended by other tokens."""
    return replace(model, tokenizer=replace(model.tokenizer, eos_token_ids=eos))


def run_case(case: Case) -> Outcome:
    """Run a case to its end, or until it fails, or until it is plain that it has none."""
    target, draft = pair(case.shape)
    outcome = Outcome(case, with_eos(target, case.eos), draft)
    clock = Clock()

    def make_engine(*arguments: Any, **named: Any) -> Engine:
        outcome.engine = Engine(*arguments, **named, clock=clock, graph_device=PlainDevice() if case.captures else None)
        return outcome.engine

    host = Watched(outcome.target, draft, outcome.events.extend)
    time = SimpleNamespace(perf_counter_ns=clock, time_ns=clock)
    with mock.patch.multiple(service, Engine=make_engine, time=time, DeviceSampler=NoReadings):
        start = protocol.Start(case.run, "search", case.paused)
        if command(outcome, host, start, refused=False):
            work(outcome, host, clock)
    outcome.failure = host.failure
    return outcome


def work(outcome: Outcome, host: Watched, clock: Clock) -> None:
    """Let the service work, and give it the case's commands in between, until the run ends or hangs."""
    orders = list(outcome.case.orders)
    calls = 0
    idle = False
    while not isinstance(outcome.events[-2], RunEnded):  # the state comes last
        while orders and orders[0].call <= calls and not isinstance(outcome.events[-2], RunEnded):
            order = orders.pop(0)
            command(outcome, host, order.command, order.refused)
        if isinstance(outcome.events[-2], RunEnded):
            return
        steps = len(outcome.of(Step)) if calls % 50 == 0 else 0
        most = STEPS_A_TOKEN * sum(min(spec.max_new_tokens, 200) + 2 for spec in outcome.specs) + 100
        if steps > most or calls > 10 * most:
            outcome.hang = f"{steps} steps did not bring the run to its end"
            return
        calls += 1
        before = len(outcome.events)
        wait_s = host.work()
        if wait_s:
            clock.ns += round(1e9 * wait_s)
        elif wait_s is None and not isinstance(outcome.events[-2], RunEnded):
            if orders:  # it waits for a command: the next one comes
                order = orders.pop(0)
                command(outcome, host, order.command, order.refused)
            elif host.paused:
                command(outcome, host, protocol.Resume(), refused=False)
            else:
                outcome.hang = "the engine waits for a command though requests are unfinished"
                return
        elif wait_s == 0.0 and len(outcome.events) == before:
            if idle:  # once is no hang: a request may become due between the step and the question when one does
                outcome.hang = "a step did nothing and told nothing, twice"
                return
            idle = True
            continue
        idle = False


def command(outcome: Outcome, host: Watched, one: protocol.AnyCommand, refused: bool) -> bool:
    """Send one command as the window does; whether it was carried out. Requests without room have to be refused."""
    before = len(outcome.events)
    if isinstance(one, protocol.Start | protocol.AddRequests):
        in_force = one.run.switches if outcome.engine is None else outcome.engine.switches
        refused = refused or not all_fit(outcome.target, one.run.requests, in_force, outcome.case.captures)
    host.receive(protocol.encode(one))
    said = [event for event in outcome.events[before:] if isinstance(event, Refused) and event.command != "Step"]
    outcome.refusals.append((one, refused, said[0].message if said else ""))
    if not said and isinstance(one, protocol.Start | protocol.AddRequests):
        outcome.specs += one.run.requests
    return not said


def switches_of(outcome: Outcome) -> list[tuple[int, Switches]]:
    """The switches that were in force, each with the step from which on."""
    return [(event.step_id, msgspec.json.decode(event.json, type=Switches)) for event in outcome.of(ConfigChanged)]
