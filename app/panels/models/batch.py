"""Who held which slot of the batch from which step to which, as runs that can be drawn at any width. Needs no Qt."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from app.cli.requests_file import read_requests
from engine.decode.settings import Observation, RunSpec, Sampling, Switches
from engine.session.columns import Columns
from engine.session.metrics import TEACHER
from engine.session.slots import BatchPart
from engine.session.store import Session

PADDING: Final = -1
"""Owner of a slot in which a step computed padding only."""
IDLE: Final = -2
"""Owner of a slot in which a step computed nothing."""
PRESET: Final = Path(__file__).resolve().parents[3] / "assets" / "scenarios" / "lengths-20-10-24-7.jsonl"
"""The brief's four requests of 20, 10, 24 and 7 tokens."""
POLICIES: Final[tuple[Literal["static", "continuous"], ...]] = ("static", "continuous")

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class BatchRun:
    """The brief's requests under one policy, as a run of a suite."""

    key: str
    run: RunSpec

    @property
    def label(self) -> str:
        """The mark under which a session keeps it."""
        return f"batch {self.key} 1"


def preset_runs() -> list[BatchRun]:
    """The brief's requests in one batch, static and then continuous; each emits all of its tokens."""
    requests = read_requests(str(PRESET), 24, True, Sampling())
    return [
        BatchRun(policy, RunSpec(requests, Switches(batching=policy, max_batch=len(requests)), Observation()))
        for policy in POLICIES
    ]


@dataclass(frozen=True, slots=True)
class Preemption:
    """A request that lost its slot after step `step`, and what was kept of it, until it came back in step `back`."""

    request: int
    slot: int
    step: int
    back: int


@dataclass(frozen=True, slots=True)
class Lane:
    """Runs of one slot, in order: steps [start, end) with one owner (a request, or PADDING)."""

    start: Ints
    end: Ints
    owner: Ints

    def owner_at(self, step: int) -> int:
        """Request, PADDING or IDLE."""
        place = int(np.searchsorted(self.start, step, "right")) - 1
        return int(self.owner[place]) if place >= 0 and step < self.end[place] else IDLE


NOTHING: Final = Lane(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.int64))


class SlotRuns:
    """The lanes of a session; only work that is new since the last `update` is read."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.n = 0
        self.preemptions: list[Preemption] = []
        self._seen = 0
        self._closed: dict[int, Columns] = {}
        self._open: dict[int, tuple[int, int, int]] = {}
        self._last: dict[int, tuple[int, int, int]] = {}
        """By request: its last step, the positions held after it, its slot."""

    @property
    def lanes(self) -> int:
        """How many slots were ever used."""
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
        n = len(self.session.steps)
        if n == self.n:
            return False
        work = self.session.work
        stop = int(np.searchsorted(work["step_id"], n))
        part = slice(self._seen, stop)
        rows = {name: work[name][part] for name in ("step_id", "request_id", "slot", "end", "rejected", "reused")}
        generating = self.session.steps["kind"][:n][rows["step_id"]] != TEACHER
        rows = {name: values[generating] for name, values in rows.items()}
        self._seen, self.n = stop, n
        if len(rows["step_id"]):
            self._add_runs(rows["slot"], rows["step_id"], rows["request_id"])
            self._add_preemptions(rows)
        return True

    def _add_runs(self, slot: Ints, step: Ints, request: Ints) -> None:
        order = np.lexsort((-request, step, slot))  # a request stands before the padding that fills up its row
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

    def _add_preemptions(self, rows: dict[str, Ints]) -> None:
        """A request that comes back after steps without it, with less than it held, had been pushed out."""
        real = rows["request_id"] >= 0
        rows = {name: values[real] for name, values in rows.items()}
        order = np.argsort(rows["request_id"], kind="stable")
        request, step, slot = (rows[name][order] for name in ("request_id", "step_id", "slot"))
        held, reused = (rows["end"] - rows["rejected"])[order], rows["reused"][order]
        first = np.append(True, np.diff(request) != 0)[: len(request)]
        found = []
        for place in np.flatnonzero(first).tolist():
            last = self._last.get(int(request[place]))
            if last is not None and step[place] > last[0] + 1 and reused[place] < last[1]:
                found.append(Preemption(int(request[place]), last[2], last[0], int(step[place])))
        again = ~first[1:] & (np.diff(step) > 1) & (reused[1:] < held[:-1])
        found += [
            Preemption(int(request[at]), int(slot[at]), int(step[at]), int(step[at + 1]))
            for at in np.flatnonzero(again).tolist()
        ]
        for at in (np.flatnonzero(np.append(first[1:], True)[: len(request)])).tolist():
            self._last[int(request[at])] = (int(step[at]), int(held[at]), int(slot[at]))
        self.preemptions += sorted(found, key=lambda one: one.step)


def lane_columns(lane: Lane, edges: Floats) -> tuple[Floats, Floats, Ints]:
    """A lane at the screen's width: (share useful, share padding, owner) of each of the columns between `edges`.

    Shares are of the steps that a column stands for, so that nothing narrower than a column is lost; the owner is the
    last request in it, IDLE where there is none. Columns narrower than a step show the one step they lie in.
    """
    columns = len(edges) - 1
    if len(lane.start) == 0 or columns < 1:
        return np.zeros(columns), np.zeros(columns), np.full(columns, IDLE, np.int64)
    wide = edges[1] - edges[0] >= 1.0
    middles = np.floor((edges[:-1] + edges[1:]) / 2)
    shares = []
    for padding in (False, True):
        chosen = (lane.owner == PADDING) == padding
        start, end = lane.start[chosen].astype(np.float64), lane.end[chosen].astype(np.float64)
        if len(start) == 0:
            shares.append(np.zeros(columns))
            continue
        covered = np.append(0.0, np.cumsum(end - start))
        knots = np.stack([start, end], axis=1).ravel()
        heights = np.stack([covered[:-1], covered[1:]], axis=1).ravel()
        if wide:
            shares.append(np.diff(np.interp(edges, knots, heights)) / np.diff(edges))
        else:
            shares.append(np.interp(middles + 1, knots, heights) - np.interp(middles, knots, heights))
    useful = lane.owner != PADDING
    starts, owners = lane.start[useful], lane.owner[useful]
    last = np.searchsorted(starts, edges[1:] if wide else middles + 0.5) - 1
    owner = np.where((shares[0] > 0) & (last >= 0), owners[np.maximum(last, 0)] if len(owners) else IDLE, IDLE)
    return shares[0], shares[1], owner


def waiting_columns(waiting: Ints, edges: Floats) -> Ints:
    """The most requests that waited in any step of each column between `edges` (in steps of `waiting`)."""
    columns, count = len(edges) - 1, len(waiting)
    if count == 0:
        return np.zeros(columns, np.int64)
    low = np.floor(edges[:-1]).astype(np.int64)
    high = np.maximum(np.ceil(edges[1:]).astype(np.int64), low + 1)
    outside = (high <= 0) | (low >= count)
    low, high = np.clip(low, 0, count - 1), np.clip(high, 1, count)
    if edges[1] - edges[0] < 1.0:
        middles = np.clip(np.floor((edges[:-1] + edges[1:]) / 2).astype(np.int64), 0, count - 1)
        return np.where(outside, 0, waiting[middles])
    bounds = np.stack([low, high], axis=1).ravel()
    most = np.maximum.reduceat(np.append(waiting, 0), bounds)[::2]
    return np.where(outside, 0, most)


def shown_parts(parts: list[BatchPart]) -> list[BatchPart]:
    """What is drawn: the last static and the last continuous part where there are both, else all steps as one."""
    last = {part.batching: part for part in parts}
    both = [last[policy] for policy in POLICIES if policy in last]
    if len(both) == len(POLICIES):
        return both
    if not parts:
        return []
    return [BatchPart(parts[0].first, parts[-1].last, " → ".join(dict.fromkeys(part.batching for part in parts)))]


def waiting_requests(session: Session, step: int) -> list[int]:
    """Requests that had arrived and not ended when a step began, and that it did nothing for."""
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
