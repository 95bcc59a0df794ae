"""Runs that are measured one after the other and kept as one session, by the window and by `bench`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from engine.core.settings import RunSpec
from engine.figures.improvements import IMPROVEMENTS, TOKENS, reason, suite_runs, unavailable_label
from engine.host import protocol
from engine.session import schema
from engine.session.joining import Joiner

END: Final = "measured"
"""The kind of the mark that ends a suite."""


@dataclass(frozen=True, slots=True)
class WantedSuite:
    """A suite that is put together when it begins: what it runs depends on the model, which may still be loading."""

    make: Callable[[Mapping[str, str], Mapping[str, Any]], Suite]
    """Of what cannot run with the loaded model (`RunState.unavailable`) and of its config (`RunState.model_config`)."""


class SuiteRun(Protocol):
    """One run of a suite; if one is left out, so are all later runs with its key."""

    @property
    def key(self) -> str: ...

    @property
    def label(self) -> str:
        """The label of the mark with which it begins in the session: key, side and number, separated by spaces."""

    @property
    def run(self) -> RunSpec: ...


class Suite:
    """Knows which run is next, and moves its events behind those of the runs before."""

    def __init__(self, runs: Sequence[SuiteRun], unavailable: Mapping[str, str]) -> None:
        self._left = list(runs)
        self.total = len(self._left)
        self.done = 0
        self.joiner = Joiner()
        self._notes = [(one.key, why) for one in IMPROVEMENTS if not one.runs and (why := reason(one, unavailable))]
        self.begun = False
        """Whether its session has begun."""
        if self._left:
            self.joiner.begin(self._left[0].label)

    @classmethod
    def of_improvements(
        cls, prompt: str, unavailable: Mapping[str, str], model: Mapping[str, Any], tokens: int = TOKENS
    ) -> Suite:
        """The suite of every improvement that can run here with a model of this config (`RunState.model_config`).

        A request generates `tokens` tokens after `prompt`; those of a batch generate multiples of that
        (`improvements.SHARES`). Mixed and long loads have their own requests (`engine/figures/loads.py`).
        """
        return cls(suite_runs(prompt, unavailable, model, tokens), unavailable)

    @property
    def now(self) -> SuiteRun | None:
        """The run that goes on or comes next; None at the end."""
        return self._left[0] if self._left else None

    def command(self) -> protocol.Start:
        """The command that starts the next run."""
        assert self._left
        return protocol.Start(self._left[0].run, f"measure {self._left[0].label}")

    def advance(self) -> bool:
        """The run is over; returns whether there is another."""
        self._left.pop(0)
        self.done += 1
        return self._begin_next()

    def skip(self, why: str) -> bool:
        """The run was refused or failed: leave its improvement out, and note why; returns whether a run is left."""
        key = self._left[0].key
        self._notes.append((key, why))
        before = len(self._left)
        self._left = [one for one in self._left if one.key != key]
        self.done += before - len(self._left)
        return self._begin_next()

    def notes(self) -> list[schema.AnyEvent]:
        """Marks that say which improvements cannot run and why, for those found since the last call."""
        notes, self._notes = self._notes, []
        return [self.joiner.note(unavailable_label(key, why)) for key, why in notes]

    def end_mark(self, word: str) -> schema.AnyEvent:
        """The mark that ends the suite."""
        return schema.Mark(self.joiner.latest_ns, END, word)

    def _begin_next(self) -> bool:
        if self._left:
            self.joiner.begin(self._left[0].label)
        return bool(self._left)
