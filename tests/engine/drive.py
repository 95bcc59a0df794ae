"""Drive an engine without a process or a wait: its clock jumps to the next arrival."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter_ns

from dataclasses import replace

from engine.core.settings import RunSpec
from engine.decode.capabilities import unavailable_for
from engine.decode.engine import Engine
from engine.graphs.device import GraphDevice
from engine.model.loader import LoadedModel
from engine.session.schema import AnyEvent, Token
from engine.session.store import Session


class Clock:
    """The real clock, and what was skipped of it."""

    def __init__(self) -> None:
        self.skipped_ns = 0

    def __call__(self) -> int:
        return perf_counter_ns() + self.skipped_ns


def drive(
    model: LoadedModel,
    run: RunSpec,
    before_step: Callable[[Engine, int], None] | None = None,
    draft: LoadedModel | None = None,
    graph_device: GraphDevice | None = None,
) -> list[AnyEvent]:
    """Every event of a run; `before_step(engine, n)` is called before the n-th call of `step`.

    With `graph_device` graphs can be had, whatever the device.
    """
    events: list[AnyEvent] = []
    clock = Clock()
    unavailable = unavailable_for(model, has_draft=draft is not None)
    if graph_device is not None:
        unavailable.pop("graphs=True", None)
        if run.switches.attention == "auto":  # as on a GPU
            run = replace(run, switches=run.switches.changed(attention="sdpa"))
    engine = Engine(model, run, unavailable, events.extend, draft=draft, clock=clock, graph_device=graph_device)
    engine.begin(clock())
    calls = 0
    while not engine.done:
        if before_step is not None:
            before_step(engine, calls)
        calls += 1
        if not engine.step():
            clock.skipped_ns += round(1e9 * (engine.next_arrival_s or 0.0))
        assert calls < 100_000, "The engine does not come to an end."
    return events


def session_of(events: list[AnyEvent]) -> Session:
    """The session that these events make."""
    session = Session()
    session.apply(events)
    return session


def tokens_of(events: list[AnyEvent]) -> dict[int, list[int]]:
    """Generated token ids by request."""
    tokens: dict[int, list[int]] = {}
    for event in events:
        if isinstance(event, Token):
            tokens.setdefault(event.request_id, []).append(event.token_id)
    return tokens
