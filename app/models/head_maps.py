"""Small maps of all recorded heads of one layer, and the entropies of their rows."""

from __future__ import annotations

from dataclasses import dataclass, field
from time import perf_counter
from typing import Final

from app.models.attention_grid import AttentionGrid
from app.models.attention_rows import AttentionRows, Row
from engine.figures.metrics import attention_entropy

MOST_HEADS: Final = 256
"""Most heads of a layer that are shown: more than any model has, and a limit for files that name more heads."""
CELLS: Final = 96
"""Most cells a side of a small picture; longer contexts are max-pooled into them."""
READ_AT_ONCE: Final = 32
"""Heads whose rows are read from the file together."""


@dataclass(slots=True)
class HeadMap:
    """The map and entropies of one head."""

    grid: AttentionGrid = field(default_factory=lambda: AttentionGrid(CELLS))
    entropies: dict[int, float] = field(default_factory=dict)
    """Entropy in nats of the row of each query position."""
    steps: dict[int, int] = field(default_factory=dict)
    """The step in which the row of each query position was computed."""
    read: int = 0
    """Rows taken so far."""

    def take(self, row: Row) -> None:
        """Take the next row."""
        self.grid.add(row.position, row.probs)
        self.entropies[row.position] = attention_entropy(row.probs)
        self.steps[row.position] = row.step
        self.read += 1

    def entropies_of(self, steps: tuple[int, int] | None) -> list[float]:
        """Entropies in nats of the rows that the steps [first, last] computed (None: of all rows)."""
        return [
            nats for position, nats in self.entropies.items()
            if steps is None or steps[0] <= self.steps[position] <= steps[1]
        ]  # fmt: skip

    def mean_entropy_of(self, steps: tuple[int, int] | None) -> float | None:
        """Mean entropy in nats of the rows that the steps [first, last] computed; None where they computed no row."""
        values = self.entropies_of(steps)
        return sum(values) / len(values) if values else None


class HeadMaps:
    """Follows the maps of (request, layer) in a Session; `heads` has one for every head that was recorded.

    `update` takes rows for a limited time, so that a long recording does not block the window. `behind` is true where
    it had no time for all available rows, `is_reading` while more rows are being read from the file.
    """

    def __init__(self, rows: AttentionRows, request_id: int, layer: int) -> None:
        self.session, self.request_id, self.layer = rows.session, request_id, layer
        self.heads: dict[int, HeadMap] = {}
        self.behind = False
        self.left_out = 0
        """Recorded heads beyond MOST_HEADS."""
        self._rows = rows

    @property
    def is_reading(self) -> bool:
        """Whether recorded rows are still to be read from the file."""
        return self._rows.is_reading

    def update(self, limit_s: float | None = None) -> set[int]:
        """Take new rows for at most `limit_s` seconds (None: all of them); returns the heads that changed."""
        until = None if limit_s is None else perf_counter() + limit_s
        changed: set[int] = set()
        while True:
            self.behind = False
            for head in self._recorded():
                if self._take(head, until):
                    changed.add(head)
            if self.behind or not self._rows.fetch(READ_AT_ONCE):
                return changed

    def entropy(self, head: int, position: int) -> float | None:
        """Entropy of one row of a head in nats; None where it was not recorded."""
        return self.heads[head].entropies.get(position) if head in self.heads else None

    def _recorded(self) -> list[int]:
        found = self._rows.heads(self.request_id, self.layer)
        self.left_out = max(0, len(found) - MOST_HEADS)
        return found[:MOST_HEADS]

    def _take(self, head: int, until: float | None) -> bool:
        """Take the available rows of a head until the deadline; returns whether there were any."""
        one = self.heads.setdefault(head, HeadMap())
        before = one.read
        while rows := self._rows.after((self.request_id, self.layer, head), one.read):
            for row in rows:
                if until is not None and perf_counter() >= until:
                    self.behind = True
                    return one.read > before
                one.take(row)
        return one.read > before
