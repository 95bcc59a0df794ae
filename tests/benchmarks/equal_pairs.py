"""Pairs of runs that are equal, recorded step by step in turn in one process, as `compare` is tested on them."""

from __future__ import annotations

from time import perf_counter_ns
from typing import Final

from engine.core.settings import LoadSpec, Observation, RequestSpec, RunSpec, Switches
from engine.decode.capabilities import unavailable_for
from engine.decode.engine import Engine
from engine.model.loader import LoadedModel, load_model
from engine.session.store import Session

TOKENS: Final = 250
"""Steps of each run, one token each."""


def demo_model() -> LoadedModel:
    """The demo model on one thread: the other core is left to whatever else runs."""
    return load_model(LoadSpec("demo", threads=1), lambda _stage, _fraction: None)


class OwnTime:
    """The time of one run: it stands still while the other runs, so that neither sees the other as a gap."""

    def __init__(self) -> None:
        self._held_ns = 0
        self._since_ns = perf_counter_ns()

    def __call__(self) -> int:
        return perf_counter_ns() - self._held_ns

    def hold(self) -> None:
        self._since_ns = perf_counter_ns()

    def go_on(self) -> None:
        self._held_ns += perf_counter_ns() - self._since_ns


class Run:
    """One run of one request, and the session that it fills."""

    def __init__(self, model: LoadedModel, switches: Switches, tokens: int) -> None:
        self.session = Session()
        requests = (RequestSpec("The cat sits on", tokens, ignore_eos=True),)
        spec = RunSpec(requests, switches, Observation("phase"))
        self._clock = OwnTime()
        unavailable = unavailable_for(model, has_draft=False)
        self._engine = Engine(model, spec, unavailable, self.session.apply, clock=self._clock)
        self._engine.begin(self._clock())
        self._clock.hold()

    @property
    def done(self) -> bool:
        return self._engine.done

    def steps(self, many: int) -> None:
        """Run so many steps, or as many as there are."""
        self._clock.go_on()
        for _ in range(many):
            if not self._engine.done:
                self._engine.step()
        self._clock.hold()


def in_turn(
    model: LoadedModel, a: Switches, b: Switches, tokens: int = TOKENS, block: int = 1
) -> tuple[Session, Session]:
    """Record two runs, `block` steps of one and then of the other, so that both meet the same load of the machine."""
    runs = (Run(model, a, tokens), Run(model, b, tokens))
    while not all(run.done for run in runs):
        for run in runs:
            run.steps(block)
    return runs[0].session, runs[1].session
