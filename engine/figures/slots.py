"""What the slots of a batch did, step by step: useful, padding or idle.

A slot-step is one slot in one step. It is useful where the step computed anything for a request there, padding where
it computed positions of no request, and idle where it computed nothing. Teacher-forced passes are left out.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.figures.new_steps import NewSteps
from engine.figures.step_range import TEACHER
from engine.figures.told import told, total_of
from engine.session.columns import Columns
from engine.session.store import Session


@dataclass(frozen=True, slots=True)
class SlotFigures:
    """Counts of a range of steps; `lanes` is one more than the highest slot that any of them used.

    A server tells no slots: the lanes of its requests are this program's own numbering. `padding` is None where nobody
    told it, and so is what is computed from it.
    """

    lanes: int
    steps: int
    useful: int
    padding: int | None
    positions_computed: int
    positions_padding: int | None
    waiting_peak: int
    """Most requests that waited at once."""

    @property
    def computed(self) -> int | None:
        """Slot-steps in which anything was computed."""
        return None if self.padding is None else self.useful + self.padding

    @property
    def idle(self) -> int:
        """Slot-steps in which nothing was computed, of the slots below `lanes`; where padding was not told, those
        without a request.
        """
        return self.lanes * self.steps - self.useful - (self.padding or 0)

    @property
    def waste(self) -> float | None:
        """Share of the computed slot-steps that was padding; None where nothing was computed."""
        return self.padding / self.computed if self.computed and self.padding is not None else None

    def to_json(self) -> dict[str, Any]:
        """Plain values, with the derived ones."""
        return {**asdict(self), "computed": self.computed, "idle": self.idle, "waste": self.waste}


@dataclass(frozen=True, slots=True)
class BatchPart:
    """Steps that follow each other under one value of the `batching` switch, both ends included."""

    first: int
    last: int
    batching: str


class SlotTotals(NewSteps):
    """Running totals by step; only steps that are new since the last `update` are read."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._table = Columns(dict.fromkeys(("steps", "useful", "padding", "lanes"), np.int64))

    def update(self) -> bool:
        """Take in the steps that are new; says whether there were any."""
        part = self.take()
        if part is None:
            return False
        first, steps = part.first, part.end - part.first
        step, request, slot = (self.session.work[name][part.work] for name in ("step_id", "request_id", "slot"))
        generating = self.session.steps["kind"][first : part.end] != TEACHER
        inside = generating[step - first]
        step, request, slot = step[inside] - first, request[inside], slot[inside]
        width = int(slot.max(initial=0)) + 1
        key = step * width + slot
        # Takes memory for each row, not for each slot number, which may be large.
        useful, computed = (
            np.bincount(_distinct(chosen) // width, minlength=steps) for chosen in (key[request >= 0], key)
        )
        lanes = np.zeros(steps, np.int64)
        np.maximum.at(lanes, step, slot + 1)
        rows = {"steps": generating.astype(np.int64), "useful": useful, "padding": computed - useful}
        for name, values in rows.items():
            rows[name] = (self._table[name][-1] if first else 0) + np.cumsum(values)
        self._table.extend_columns({**rows, "lanes": lanes})
        return True

    def between(self, first: int, last: int) -> SlotFigures:
        """The figures of the steps [first, last], cut to the steps that exist."""
        first, end = max(first, 0), min(last + 1, self.n)
        if first >= end:
            none = 0 if told(self.session, "padding") else None
            return SlotFigures(0, 0, 0, none, 0, none, 0)

        def total(name: str) -> int:
            sums = self._table[name]
            return int(sums[end - 1]) - (int(sums[first - 1]) if first else 0)

        table = self.session.steps
        rows = np.flatnonzero(table["kind"][first:end] != TEACHER) + first
        return SlotFigures(
            lanes=int(self._table["lanes"][first:end].max()),
            steps=total("steps"),
            useful=total("useful"),
            padding=total("padding") if told(self.session, "padding") else None,
            positions_computed=int(table["positions_computed"][rows].sum()),
            positions_padding=total_of(self.session, "positions_padding", rows),
            waiting_peak=int(table["waiting"][rows].max(initial=0)),
        )


def _distinct(values: NDArray[np.int64]) -> NDArray[np.int64]:
    """The different values, ascending. The rows of work nearly ascend: sorting them takes a fraction of the time of
    NumPy's own `unique`, which puts them into a hash table.
    """
    ordered = np.sort(values, kind="stable")
    return ordered[np.append(True, ordered[1:] != ordered[:-1])] if len(ordered) else ordered


def slot_figures(session: Session, steps: tuple[int, int] | None = None) -> SlotFigures:
    """The figures of a whole session, or of a range of its steps (both ends included)."""
    totals = SlotTotals(session)
    totals.update()
    first, last = steps if steps is not None else (0, totals.n - 1)
    return totals.between(first, last)


def batch_parts(session: Session, steps: tuple[int, int] | None = None) -> list[BatchPart]:
    """The parts of a session by the `batching` switch, in order, cut to a range of steps."""
    count = len(session.steps)
    first, last = (0, count - 1) if steps is None else (max(steps[0], 0), min(steps[1], count - 1))
    if first > last:
        return []
    words: list[str] = []
    index = np.zeros(max((config.id for config in session.configs), default=0) + 1, np.int64)
    for config in list(session.configs):
        word = str(config.switches.get("batching", ""))
        if word not in words:
            words.append(word)
        if config.id < len(index):
            index[config.id] = words.index(word)
    value: NDArray[np.int64] = index[np.minimum(session.steps["config_id"][first : last + 1], len(index) - 1)]
    value = np.where(session.steps["kind"][first : last + 1] == TEACHER, -1, value)
    begins = np.flatnonzero(np.diff(value, prepend=value[0] - 1))
    ends = np.append(begins[1:], len(value))
    return [
        BatchPart(first + begin, first + end - 1, words[int(value[begin])] if words else "")
        for begin, end in zip(begins.tolist(), ends.tolist(), strict=True)
        if value[begin] >= 0
    ]
