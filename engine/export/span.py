"""What an export holds of a session: all of it, or a range of its steps.

A range of steps F to L, both included, holds what these steps did and what happened while they ran:

- rows that name a step (work, drafts, blocks, tokens, layer detail, attention rows): those of steps F to L;
- moments (marks, readings of devices and of a server): from the start of step F to the end of step L;
- requests that had arrived by that end and had not finished before that start, each with its own times;
- the settings of the switches that were in force.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.errors import InputError
from engine.figures.metrics import by_id
from engine.figures.step_range import StepRange, step_slice, token_rows
from engine.figures.told import told
from engine.session.event_table import EventTable
from engine.session.schema import Mark
from engine.session.store import Config, RecordedRequest, Session

EXPORTED_STEPS: Final = "exported_steps"
"""The name under which an export of a range says which steps it holds, beside the facts of the session."""
ALWAYS: Final = 2**63 - 1
MOST_DIGITS: Final = 19
"""Digits of the largest time that a trace can hold, `ALWAYS`."""


@dataclass(frozen=True, slots=True)
class Span:
    """The part of a session from step `steps[0]` to step `steps[1]`, both included; all of it where `steps` is None."""

    session: Session
    steps: StepRange = None

    @property
    def facts(self) -> dict[str, str]:
        """The facts of the session, and for a range which steps these are."""
        if self.steps is None:
            return dict(self.session.meta)
        return {**self.session.meta, EXPORTED_STEPS: f"{self.steps[0]}:{self.steps[1]}"}

    @property
    def zero_ns(self) -> int | None:
        """The session's zero in UTC ns since 1970, also of a range; None where the session does not tell it."""
        told = self.session.meta.get("epoch_ns", "")
        zero_ns = int(told) if told.isascii() and told.isdecimal() and len(told) <= MOST_DIGITS else 0
        return zero_ns if 0 < zero_ns <= ALWAYS else None

    @property
    def step_ids(self) -> range:
        """The steps that the session has of the span."""
        rows = step_slice(self.session, self.steps)
        return range(rows.start, rows.stop)

    @property
    def times_ns(self) -> tuple[int, int]:
        """The first and the last moment of the span, ns from the session's zero; without bounds for a whole session."""
        rows = step_slice(self.session, self.steps)
        if self.steps is None or rows.start >= rows.stop:
            return -ALWAYS, ALWAYS
        steps = self.session.steps
        return int(steps["start_ns"][rows.start]), int(steps["end_ns"][rows.stop - 1])

    def rows(self, table: EventTable) -> NDArray[np.int64]:
        """The rows of a table that lie in the span: by their step, or by their moment where the table has no steps."""
        count = len(table)  # first: a session that is recorded grows meanwhile
        if self.steps is None:
            return np.arange(count)
        if table in self.session.precision:  # of a text that was given, not of any step
            return np.empty(0, np.int64)
        if table is self.session.tokens:
            return token_rows(self.session, self.steps)
        if "step_id" in table.names:
            values, (low, high) = table["step_id"][:count], self.steps
        elif table is self.session.steps:
            values, (low, high) = table["id"][:count], self.steps
        else:
            values, (low, high) = table["t_ns"][:count], self.times_ns
        return np.flatnonzero((values >= low) & (values <= high))

    def holds_step(self, step_id: int) -> bool:
        """Whether a row that names this step lies in the span."""
        return self.steps is None or self.steps[0] <= step_id <= self.steps[1]

    def requests(self) -> Iterator[RecordedRequest]:
        """The requests that waited or ran meanwhile, in the order in which they were given."""
        since_ns, until_ns = self.times_ns
        for request in by_id(self.session):
            over = request.finished_ns is not None and request.finished_ns < since_ns
            if request.arrived_ns <= until_ns and not over:
                yield request

    def tokens_of(self, request: RecordedRequest) -> list[int]:
        """The rows of `session.tokens` that the steps of the span emitted for a request."""
        rows = list(request.token_rows)
        if self.steps is None:
            return rows
        step_ids = self.session.tokens["step_id"]  # after the rows: a session that is recorded grows meanwhile
        return [row for row in rows if self.holds_step(int(step_ids[row]))]

    def configs(self) -> list[Config]:
        """The settings of the switches that were in force, in order."""
        configs = list(self.session.configs)
        if self.steps is None:
            return configs
        first, last = self.steps
        before = [config for config in configs if config.step_id <= first]
        return before[-1:] + [config for config in configs if first < config.step_id <= last]

    def marks(self) -> list[Mark]:
        """The marks, in order."""
        since_ns, until_ns = self.times_ns
        return [mark for mark in list(self.session.marks) if since_ns <= mark.t_ns <= until_ns]


def check_steps(session: Session, steps: StepRange) -> None:
    """Raise InputError unless the session has all steps of the range."""
    if steps is not None and not told(session, "steps"):
        raise InputError("--steps: this session has no steps to choose from, because its server does not tell them.")
    count = len(session.steps)
    if steps is None or steps[1] < count:
        return
    there_are = f"steps 0 to {count - 1}" if count else "no steps"
    raise InputError(f"--steps {steps[0]}:{steps[1]} reaches beyond the session, which has {there_are}.")
