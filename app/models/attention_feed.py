"""Follows one attention map of a Session into a grid, reading each recorded row once."""

from __future__ import annotations

from itertools import takewhile

import numpy as np
from numpy.typing import NDArray

from app.models.attention_grid import AttentionGrid
from app.models.attention_rows import NO_ROW, PIECE_ROWS, AttentionRows, ExactRow, Row, mean_of


class AttentionFeed:
    """The map of (request, layer, head); `head` None is the mean of the heads that were recorded.

    `update` takes the rows that were recorded since the last call, and its cost grows with these rows only. Where a
    position was recorded more than once, the newest row counts. Rows in the session's file are read in the background:
    `is_reading` is true until they have arrived.
    """

    def __init__(
        self, rows: AttentionRows, request_id: int, layer: int, head: int | None, exact: ExactRow | None = None
    ) -> None:
        self.session, self.request_id, self.layer, self.head = rows.session, request_id, layer, head
        self.grid = AttentionGrid()
        self.newest = 0
        """The query position that was recorded last."""
        self._rows = rows
        self._exact = exact or ExactRow(rows.session)
        self._taken: dict[int, int] = {}
        """Rows taken so far, by head."""
        self._steps: dict[int, int] = {}
        """The step that computed the newest row of a position."""
        self._recorded: NDArray[np.bool_] = np.zeros(64, bool)
        """By position, whether it has a row."""
        self._of_step: dict[int, dict[int, Row]] = {}
        """Rows of the step that was taken last, by position and head."""

    @property
    def heads(self) -> int:
        """How many heads the map is made of."""
        return len(self._taken)

    @property
    def is_one_of_several(self) -> bool:
        """Whether other heads of the layer were recorded, too."""
        return len(self._rows.heads(self.request_id, self.layer)) > 1

    @property
    def rows(self) -> int:
        """How many query positions the map has."""
        return len(self._steps)

    @property
    def is_reading(self) -> bool:
        """Whether recorded rows are still to be read from the file."""
        return self._rows.is_reading

    def within(self, steps: tuple[int, int]) -> list[int]:
        """The query positions whose newest row was computed in the steps [first, last], in order."""
        return sorted(position for position, step in self._steps.items() if steps[0] <= step <= steps[1])

    @property
    def recorded(self) -> NDArray[np.bool_]:
        """By position up to the last one with a row: whether it has one."""
        return self._recorded[: self.grid.positions]

    def has(self, position: int) -> bool:
        """Whether a row of this query was recorded."""
        return position in self._steps

    def update(self) -> tuple[int, int] | None:
        """Take new rows into the grid; returns the rows of cells [first, end) that changed, or None."""
        fresh: set[int] = set()
        factor = self.grid.factor
        while self._advance(fresh) or self._rows.fetch():
            pass
        if not fresh:
            return None
        if self.grid.factor != factor:  # all cells have changed
            return 0, self.grid.size
        return min(fresh) // factor, max(fresh) // factor + 1

    def row(self, position: int) -> NDArray[np.float32] | None:
        """The exact probabilities of one query, float32 [position + 1]; empty where the query has no row, None while
        the row is read.
        """
        if not self.has(position):
            return NO_ROW
        if self.grid.factor == 1:
            return self.grid.cells[position, : position + 1].copy()
        return self._exact.read(self.request_id, self.layer, self.head, position)

    def _wanted(self) -> list[int]:
        """The recorded heads that the map is made of."""
        return [head for head in self._rows.heads(self.request_id, self.layer) if self.head in (None, head)]

    def _advance(self, fresh: set[int]) -> bool:
        """Take a piece of rows of every head, and note their positions; returns whether there were any.

        All heads advance together, step by step, because the mean is taken over the rows of one step.
        """
        found: dict[int, list[Row]] = {}
        waiting = False
        for head in self._wanted():
            rows = self._rows.after((self.request_id, self.layer, head), self._taken.get(head, 0))
            waiting = waiting or rows is None
            found[head] = rows or []
        if waiting or not any(found.values()):
            return False
        for head, row in self._side_by_side(found):
            if row.step != self._step_taken:
                self._of_step.clear()
            self._of_step.setdefault(row.position, {})[head] = row
            self._taken[head] = self._taken.get(head, 0) + 1
            self._steps[row.position], self.newest = row.step, row.position
            self._note(row.position)
            self.grid.add(row.position, mean_of(list(self._of_step[row.position].values())))
            fresh.add(row.position)
        return True

    def _note(self, position: int) -> None:
        if position >= len(self._recorded):
            self._recorded = np.append(self._recorded, np.zeros(max(position + 1, len(self._recorded)), bool))
        self._recorded[position] = True

    @property
    def _step_taken(self) -> int | None:
        return next((row.step for by_head in self._of_step.values() for row in by_head.values()), None)

    def _side_by_side(self, found: dict[int, list[Row]]) -> list[tuple[int, Row]]:
        """(head, row) in the order of the steps, up to the last step for which the rows of all heads have been read."""
        if len(found) > 1:
            ends = [
                rows[-1].step for head, rows in found.items()
                if rows and (self._taken.get(head, 0) + len(rows)) % PIECE_ROWS == 0
            ]  # fmt: skip
            last = min(ends, default=None)
            if last is not None:
                whole = {head: list(takewhile(lambda row: row.step <= last, rows)) for head, rows in found.items()}
                found = whole if any(whole.values()) else found
        pairs = [(head, row) for head, rows in found.items() for row in rows]
        return sorted(pairs, key=lambda pair: pair[1].step) if len(found) > 1 else pairs
