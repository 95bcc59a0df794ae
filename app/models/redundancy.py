"""The step × position map: when and how often each position was computed, and its class in each step."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.figures.running_totals import WorkRows
from engine.session.store import Session

CLASSES: Final = ("rejected", "new", "padding", "recomputed", "reused")
"""Classes of positions; their order is the order of the stripes where several classes share a pixel."""
BIT: Final = {name: np.uint8(1 << index) for index, name in enumerate(CLASSES)}
MOST_COLUMNS: Final = 2048
MOST_ROWS: Final = 1024


class ClassMap:
    """A step × position map of classes, pooled by powers of two so that it stays small enough for a screen.

    `cells` is uint8 [columns, rows] of BIT flags: a cell of a pooled map holds every class that is present in its
    steps and positions. `update` reads only the rows of work that came since its last call.
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
        """One past the largest position in the map."""
        self.version = 0
        """Grows when new work changed a cell. While it is the same, a picture of the map need not be drawn again."""
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
        """(steps, positions) that the cells stand for; a pooled map may reach beyond the newest step and position."""
        columns, rows = self.cells.shape
        if not self.pooled:
            return max(self.end_step - self.first_step, 1), max(self.positions, 1)
        return max(columns, 1) * self.step_pool, max(rows, 1) * self.position_pool

    @property
    def pooled(self) -> bool:
        return self.step_pool > 1 or self.position_pool > 1

    def update(self) -> bool:
        """Take the work of the steps since the last call; returns whether there were any."""
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


def _merge(cells: NDArray[np.uint8], axis: int) -> NDArray[np.uint8]:
    """Halve one axis: each new cell has the flags of two old cells."""
    if cells.shape[axis] % 2:
        cells = np.concatenate([cells, np.zeros_like(cells.take([0], axis))], axis)
    if axis == 0:
        return np.ascontiguousarray(cells[0::2] | cells[1::2])
    return np.ascontiguousarray(cells[:, 0::2] | cells[:, 1::2])


def _grown(needed: int, now: int) -> int:
    return now if needed <= now else max(needed, 2 * now)
