"""Which request held which batch slot from which step to which, and which requests were preempted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.figures.new_steps import NewSteps
from engine.figures.preemptions import Preemption, PreemptionFinder
from engine.figures.step_range import TEACHER
from engine.session.columns import Columns
from engine.session.store import Session

PADDING: Final = -1
"""Owner of a slot in which a step computed padding only."""
IDLE: Final = -2
"""Owner of a slot in which a step computed nothing."""

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Lane:
    """Runs of one slot, in order: steps [start, end) with one owner (a request, or PADDING)."""

    start: Ints
    end: Ints
    owner: Ints

    def owner_at(self, step: int) -> int:
        """The owner at a step: a request's id, PADDING or IDLE."""
        place = int(np.searchsorted(self.start, step, "right")) - 1
        return int(self.owner[place]) if place >= 0 and step < self.end[place] else IDLE


NOTHING: Final = Lane(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.int64))


class SlotRuns(NewSteps):
    """The lanes of a session; only work that is new since the last `update` is read."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self.preemptions: list[Preemption] = []
        self._closed: dict[int, Columns] = {}
        self._open: dict[int, tuple[int, int, int]] = {}
        self._finder = PreemptionFinder()

    @property
    def slots(self) -> list[int]:
        """The slots that were ever used, ascending. There may be gaps: a file may name only a high slot."""
        return sorted(self._open)

    @property
    def lanes(self) -> int:
        """One more than the highest slot that was ever used."""
        return max(self._open, default=-1) + 1

    def lane(self, slot: int) -> Lane:
        """The runs of one slot."""
        if slot not in self._open:
            return NOTHING
        columns, last = self._closed[slot], self._open[slot]
        parts = [np.append(columns[name], value) for name, value in zip(("start", "end", "owner"), last, strict=True)]
        return Lane(*parts)

    def update(self) -> bool:
        """Take in the steps that are new; says whether there were any."""
        part = self.take()
        if part is None:
            return False
        work = self.session.work
        rows = {name: work[name][part.work] for name in ("step_id", "request_id", "slot", "end", "rejected", "reused")}
        generating = self.session.steps["kind"][: part.end][rows["step_id"]] != TEACHER
        rows = {name: values[generating] for name, values in rows.items()}
        if len(rows["step_id"]):
            self._add_runs(rows["slot"], rows["step_id"], rows["request_id"])
            self.preemptions += self._finder.take(rows)
        return True

    def _add_runs(self, slot: Ints, step: Ints, request: Ints) -> None:
        order = np.lexsort((-request, step, slot))  # a request comes before the padding in its slot
        slot, step, request = slot[order], step[order], request[order]
        own = np.append(True, (np.diff(slot) != 0) | (np.diff(step) != 0))
        slot, step, request = slot[own], step[own], request[own]
        breaks = (np.diff(slot) != 0) | (np.diff(step) != 1) | (np.diff(request) != 0)
        begins = np.append(0, np.flatnonzero(breaks) + 1)
        ends = np.append(begins[1:], len(slot)) - 1
        runs = np.stack([step[begins], step[ends] + 1, request[begins]])
        of_slot = slot[begins]
        for one in np.unique(of_slot).tolist():
            first, stop = np.searchsorted(of_slot, (one, one + 1)).tolist()
            self._extend(one, runs[:, first:stop].copy())

    def _extend(self, slot: int, runs: Ints) -> None:
        columns = self._closed.setdefault(slot, Columns(dict.fromkeys(("start", "end", "owner"), np.int64), 64))
        before = self._open.get(slot)
        if before is not None:
            if before[1] == runs[0, 0] and before[2] == runs[2, 0]:
                runs[0, 0] = before[0]
            else:
                columns.append(before)
        columns.extend_columns({"start": runs[0, :-1], "end": runs[1, :-1], "owner": runs[2, :-1]})
        start, end, owner = runs[:, -1].tolist()
        self._open[slot] = (start, end, owner)


def waiting_requests(session: Session, step: int) -> list[int]:
    """Requests that had arrived when a step began and had not ended at its end, and for which it computed nothing."""
    if step >= len(session.steps):
        return []
    start = int(session.steps["start_ns"][step])
    first, end = np.searchsorted(session.work["step_id"], (step, step + 1)).tolist()
    served = set(session.work["request_id"][first:end].tolist())
    return [
        request.id
        for request in list(session.requests.values())
        if request.arrived_ns <= start
        and request.id not in served
        and (request.finished_ns is None or request.finished_ns > int(session.steps["end_ns"][step]))
    ]
