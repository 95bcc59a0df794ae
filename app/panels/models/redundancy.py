"""Which positions were computed when, and how often: the step × position map and its running totals."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.session.columns import Columns
from engine.session.store import Session

CLASSES: Final = ("rejected", "new", "padding", "recomputed", "reused")
"""Classes of positions, in the order in which one shows where several share a pixel."""
BIT: Final = {name: np.uint8(1 << index) for index, name in enumerate(CLASSES)}
MOST_COLUMNS: Final = 2048
MOST_ROWS: Final = 1024


class WorkRows:
    """Rows of Session.work as intervals of positions by class."""

    def __init__(self, session: Session, first: int, end: int) -> None:
        table = session.work
        part = slice(first, end)
        self.request = table["request_id"][part]
        self.step = table["step_id"][part]
        self._first, self._new_from = table["first"][part], table["new_from"][part]
        self._end, self._rejected, self._reused = table["end"][part], table["rejected"][part], table["reused"][part]

    def interval(self, name: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """[low, high) of one class for each row; empty where low >= high."""
        real = self.request >= 0
        kept = self._end - self._rejected
        match name:
            case "new":
                return self._new_from, np.where(real, kept, 0)
            case "recomputed":
                return self._first, np.where(real, np.minimum(self._new_from, kept), 0)
            case "rejected":
                return kept, np.where(real, self._end, 0)
            case "padding":
                return self._first, np.where(real, 0, self._end)
            case _:
                return np.maximum(self._first - self._reused, 0), self._first


class ClassMap:
    """A step × position map of classes, pooled by powers of two so that it never outgrows a screen.

    `cells` is uint8 [columns, rows] of BIT flags: a cell of a pooled map holds every class that is present in its
    steps and positions. Only rows of work that are new since the last `update` are read.
    """

    def __init__(self, session: Session, steps: tuple[int, int] | None = None, request: int | None = None) -> None:
        self.session = session
        self.steps = steps
        self.request = request
        self.step_pool = 1
        self.position_pool = 1
        self.first_step = steps[0] if steps else 0
        self.end_step = self.first_step
        self.positions = 0
        """How many positions the map reaches up to."""
        self.version = 0
        """Grows whenever a cell changed, so that a picture of the map need not be made again otherwise."""
        self._cells = np.zeros((64, 64), np.uint8)
        self._seen = 0
        if steps is not None:
            self._seen = int(np.searchsorted(session.work["step_id"], steps[0]))

    @property
    def cells(self) -> NDArray[np.uint8]:
        columns = -(-(self.end_step - self.first_step) // self.step_pool)
        rows = -(-self.positions // self.position_pool)
        return self._cells[:columns, :rows]

    @property
    def extent(self) -> tuple[int, int]:
        """(steps, positions) that the cells stand for; those of a pooled map may reach past the newest."""
        columns, rows = self.cells.shape
        if not self.pooled:
            return max(self.end_step - self.first_step, 1), max(self.positions, 1)
        return max(columns, 1) * self.step_pool, max(rows, 1) * self.position_pool

    @property
    def pooled(self) -> bool:
        return self.step_pool > 1 or self.position_pool > 1

    def update(self) -> bool:
        """Take in the work of steps that are new; says whether there was any."""
        n_steps = len(self.session.steps)
        if self.steps is not None:
            n_steps = min(n_steps, self.steps[1] + 1)
        end = int(np.searchsorted(self.session.work["step_id"], n_steps))
        if end <= self._seen and n_steps <= self.end_step:
            return False
        work = WorkRows(self.session, self._seen, end)
        self._seen = max(end, self._seen)
        self.end_step = max(self.end_step, n_steps)
        keep = None if self.request is None else (work.request == self.request)
        bounds = {name: work.interval(name) for name in CLASSES}
        for _, high in bounds.values():
            reach = high if keep is None else high[keep]
            self.positions = max(self.positions, int(reach.max(initial=0)))
        self._make_room()
        for name, (low, high) in bounds.items():
            valid = low < high if keep is None else (low < high) & keep
            if valid.any():
                self._paint(BIT[name], work.step[valid], low[valid], high[valid])
        return True

    def _make_room(self) -> None:
        while (self.end_step - self.first_step) > MOST_COLUMNS * self.step_pool:
            self._cells = _merge(self._cells, 0)
            self.step_pool *= 2
        while self.positions > MOST_ROWS * self.position_pool:
            self._cells = _merge(self._cells, 1)
            self.position_pool *= 2
        columns = -(-(self.end_step - self.first_step) // self.step_pool)
        rows = -(-self.positions // self.position_pool)
        if columns > self._cells.shape[0] or rows > self._cells.shape[1]:
            shape = (_grown(columns, self._cells.shape[0]), _grown(rows, self._cells.shape[1]))
            larger = np.zeros(shape, np.uint8)
            larger[: self._cells.shape[0], : self._cells.shape[1]] = self._cells
            self._cells = larger

    def _paint(self, bit: np.uint8, step: NDArray[np.int64], low: NDArray[np.int64], high: NDArray[np.int64]) -> None:
        column = (step - self.first_step) // self.step_pool
        left, right = int(column[0]), int(column[-1]) + 1
        rows = self._cells.shape[1]
        bottom = low // self.position_pool
        top = -(-high // self.position_pool)
        base = (column - left) * (rows + 1)
        size = (right - left) * (rows + 1)
        change = np.bincount(base + bottom, minlength=size) - np.bincount(base + top, minlength=size)
        covered = np.cumsum(change.reshape(right - left, rows + 1).astype(np.int32), axis=1)[:, :rows] > 0
        painted = self._cells[left:right] | (covered.astype(np.uint8) * bit)
        if not np.array_equal(painted, self._cells[left:right]):
            self._cells[left:right] = painted
            self.version += 1


class RunningTotals:
    """Cumulative counts by step: positions computed, FLOPs, and what the two theories say for the same tokens.

    Theory for a request of P prompt tokens whose context has reached T: without a cache T(T+1)/2 − P(P−1)/2 positions
    (one pass over everything a token; T(T+1)/2 for a prompt of one token), with a cache T.
    """

    NAMES: Final = ("computed", "new", "recomputed", "padding", "rejected", "reused", "flops")

    def __init__(self, session: Session) -> None:
        self.session = session
        self.n = 0
        self._table = Columns(dict.fromkeys(self.columns, np.int64))
        self._work_seen = 0

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of all running totals, the two theories among them."""
        return (*self.NAMES, "without_cache", "with_cache")

    def __getitem__(self, name: str) -> NDArray[np.int64]:
        """Running total after each step, int64 [steps]."""
        return self._table[name][: self.n]

    def update(self) -> bool:
        """Take in the steps that are new; says whether there were any."""
        n = len(self.session.steps)
        if n == self.n:
            return False
        part = slice(self.n, n)
        steps = self.session.steps
        source = {name: f"positions_{name}" for name in self.NAMES if name != "flops"} | {"flops": "flops"}
        columns = {name: steps[column][part].astype(np.int64) for name, column in source.items()}
        columns["without_cache"], columns["with_cache"] = self._theory(self.n, n)
        for name, values in columns.items():
            before = self._table[name][self.n - 1] if self.n else 0
            columns[name] = before + np.cumsum(values)
        self._table.extend_columns(columns)
        self.n = n
        return True

    def between(self, name: str, first: int, last: int) -> int:
        """The total of the steps [first, last]."""
        if self.n == 0 or first >= self.n:
            return 0
        table = self._table[name]
        return int(table[min(last, self.n - 1)]) - (int(table[first - 1]) if first > 0 else 0)

    def _theory(self, first: int, end: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        stop = int(np.searchsorted(self.session.work["step_id"], end))
        work = WorkRows(self.session, self._work_seen, stop)
        self._work_seen = stop
        low, high = work.interval("new")  # a request's context grows from `low` to `high`
        real = (work.request >= 0) & (low < high)
        step, request, low, high = work.step[real] - first, work.request[real], low[real], high[real]
        prompts = {r.id: max(r.prompt_tokens, 1) for r in list(self.session.requests.values())}
        ids = np.array(sorted(prompts) or [0], np.int64)
        lengths = np.array([prompts.get(int(i), 1) for i in ids], np.int64)
        prompt = lengths[np.minimum(np.searchsorted(ids, request), len(ids) - 1)]
        without = _without_cache(high, prompt) - _without_cache(low, prompt)
        size = end - first
        return (
            np.rint(np.bincount(step, without, size)).astype(np.int64),
            np.rint(np.bincount(step, high - low, size)).astype(np.int64),
        )


def _without_cache(context: NDArray[np.int64], prompt: NDArray[np.int64]) -> NDArray[np.int64]:
    """Positions computed without a cache until a context of this length was run."""
    whole = context * (context + 1) // 2 - prompt * (prompt - 1) // 2
    return np.where(context <= prompt, context, whole)


def _merge(cells: NDArray[np.uint8], axis: int) -> NDArray[np.uint8]:
    """Halve one axis: each cell takes the flags of the two it came from."""
    if cells.shape[axis] % 2:
        cells = np.concatenate([cells, np.zeros_like(cells.take([0], axis))], axis)
    if axis == 0:
        return np.ascontiguousarray(cells[0::2] | cells[1::2])
    return np.ascontiguousarray(cells[:, 0::2] | cells[:, 1::2])


def _grown(needed: int, now: int) -> int:
    return now if needed <= now else max(needed, 2 * now)
