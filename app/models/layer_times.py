"""The layers of the steps in view, in the order in which they run; older steps are read from the file."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from app.core.reading import Reading
from engine.figures.chronology import Chronology, chronology
from engine.figures.told import told
from engine.session.patience import Patience
from engine.session.store import Session

KEPT: Final = 256
"""How many steps stay laid out."""
Tables = list[tuple[int, NDArray[np.float32] | None]]
"""(step, its phases [layers + 1, PHASES] in µs)."""


class LayerTimes:
    """The order of single steps of one session; a step that is not in memory is asked of `reading`."""

    def __init__(self, session: Session, reading: Reading | None = None) -> None:
        self._session = session
        self._reading = reading
        self._known: dict[int, Chronology | None] = {}

    @property
    def recorded(self) -> bool:
        """Whether the session was recorded with times by layer."""
        return self._session.meta.get("detail") == "layer" and told(self._session, "phases")

    def of(self, step: int) -> Chronology | None:
        """The order of a step that `read` has given; None where it has no times by layer, or none yet."""
        return self._known.get(step)

    def read(self, first: int, end: int) -> bool:
        """Have the steps [first, end) laid out; returns whether they are. Raises SessionFileError."""
        missing = [step for step in range(first, end) if step not in self._known]
        details = self._session.details
        here = [step for step in missing if details.step_in_memory(step)]
        self._take([(step, _table(self._session, step)) for step in here])
        asked = tuple(step for step in missing if step not in here)
        if not asked:
            return True
        if self._reading is None:
            self._take([(step, _table(self._session, step)) for step in asked])
            return True
        answer = self._reading.answer(
            self._session, asked, lambda patience: [(step, _table(self._session, step, patience)) for step in asked]
        )
        if answer is None:
            return False
        self._take(answer.value)
        return True

    def _take(self, tables: Tables) -> None:
        steps = self._session.steps
        for step, table in tables:
            wall_us = float(steps["end_ns"][step] - steps["start_ns"][step]) / 1000
            self._known[step] = None if table is None else chronology(table, wall_us)
        while len(self._known) > KEPT + len(tables):
            del self._known[next(iter(self._known))]


def _table(session: Session, step: int, patience: Patience | None = None) -> NDArray[np.float32] | None:
    detail = session.details.step(step, patience)
    return None if detail is None else detail[0]
