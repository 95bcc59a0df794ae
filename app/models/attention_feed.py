"""Follows one attention map of a Session into a grid, reading each recorded row once."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from app.models.attention_grid import AttentionGrid
from engine.session.store import Session

Maps = dict[int, list[tuple[int, int, bytes]]]
REREAD_GROWTH: Final = 1.1
NO_ROW: Final = np.empty(0, np.float32)
NOTHING_KEPT: Final = (-1, NO_ROW)


class AttentionFeed:
    """The map of (request, layer, head); `head` None is the mean of the heads that were recorded.

    `update` takes in what came since, and costs only that. Where a position was recorded more than once, the newest
    row counts.
    """

    def __init__(self, session: Session, request_id: int, layer: int, head: int | None) -> None:
        self.session, self.request_id, self.layer, self.head = session, request_id, layer, head
        self.grid = AttentionGrid()
        self.newest = 0
        """The query position that was recorded last."""
        self._read: dict[int, int] = {}
        """Rows taken so far, by head."""
        self._where: dict[int, dict[int, int]] = {}
        """Index of the newest row of a position in the session's list, by head."""
        self._steps: dict[int, int] = {}
        """The step that computed the newest row of a position."""
        self._read_from_file: dict[int, int] = {}
        """How many steps there were when a map that lies in the file was last read, by head."""
        self._kept: tuple[int, NDArray[np.float32]] = NOTHING_KEPT
        """The row that was asked for last, and its position."""

    @property
    def heads(self) -> int:
        """How many heads go into the map."""
        return len(self._where)

    @property
    def rows(self) -> int:
        """How many query positions the map has."""
        return len(set().union(*self._where.values())) if len(self._where) > 1 else sum(map(len, self._where.values()))

    def within(self, steps: tuple[int, int]) -> list[int]:
        """The query positions whose row these steps computed, both ends included, in order."""
        return sorted(position for position, step in self._steps.items() if steps[0] <= step <= steps[1])

    def has(self, position: int) -> bool:
        """Whether a row of this query was recorded."""
        return any(position in where for where in self._where.values())

    def update(self) -> tuple[int, int] | None:
        """Take new rows into the grid; the rows of cells [first, end) that changed, or None."""
        fresh: set[int] = set()
        maps: Maps = {}
        for head in self._wanted():
            if not self._worth_reading(head):
                continue
            rows = maps[head] = self.session.attention_map(self.request_id, self.layer, head)
            fresh.update(self._index(head, rows))
        if not fresh:
            return None
        for head in self._where:
            if head not in maps:
                maps[head] = self.session.attention_map(self.request_id, self.layer, head)
        for position in sorted(fresh):
            probs = self._mean(position, maps)
            if len(probs):
                self.grid.add(position, probs)
        if self._kept[0] in fresh:
            self._kept = NOTHING_KEPT
        return min(fresh) // self.grid.factor, max(fresh) // self.grid.factor + 1

    def row(self, position: int) -> NDArray[np.float32]:
        """The exact probabilities of one query, float32 [position + 1]; empty where none were recorded."""
        if position != self._kept[0] and self.has(position):
            maps = {head: self.session.attention_map(self.request_id, self.layer, head) for head in self._where}
            self._kept = position, self._mean(position, maps)
        return self._kept[1] if position == self._kept[0] else NO_ROW

    def _wanted(self) -> list[int]:
        """The heads that go into the map, of those that were recorded."""
        maps = self.session.attention_maps()
        if self.head is not None:
            return [self.head] if (self.request_id, self.layer, self.head) in maps else []
        return [head for request, layer, head in maps if (request, layer) == (self.request_id, self.layer)]

    def _worth_reading(self, head: int) -> bool:
        """A map in memory is looked at every time; one in the file only when the session has grown by a tenth."""
        if self.session.attention_in_memory(self.request_id, self.layer, head):
            return True
        steps, before = len(self.session.steps), self._read_from_file.get(head, -1)
        if steps <= before * REREAD_GROWTH:
            return False
        self._read_from_file[head] = steps
        self._where[head] = {}  # rows in the file stand in another order
        self._read[head] = 0
        return True

    def _index(self, head: int, rows: list[tuple[int, int, bytes]]) -> set[int]:
        """Note where the new rows of a head stand; gives their positions."""
        where = self._where.setdefault(head, {})
        first, end = self._read.get(head, 0), len(rows)
        fresh = set()
        for index in range(first, end):
            where[rows[index][1]] = index
            self._steps[rows[index][1]] = rows[index][0]
            fresh.add(rows[index][1])
        if end > first:
            self.newest = rows[end - 1][1]
            self._read[head] = end
        return fresh

    def _mean(self, position: int, maps: Maps) -> NDArray[np.float32]:
        found = []
        for head, where in self._where.items():
            index = where.get(position)
            rows = maps[head]
            if index is None or not rows:
                continue
            if index >= len(rows) or rows[index][1] != position:  # the map went to the file since it was indexed
                index = next((i for i, row in enumerate(rows) if row[1] == position), None)
                if index is None:
                    continue
            found.append(np.frombuffer(rows[index][2], np.float16))
        if len(found) == 1:
            return found[0].astype(np.float32)
        return np.mean(found, axis=0, dtype=np.float32) if found else NO_ROW
