"""The maps of all recorded heads of one layer as small pictures, and how wide each head looks."""

from __future__ import annotations

from dataclasses import dataclass, field
from time import perf_counter
from typing import Final

import numpy as np

from app.models.attention_grid import AttentionGrid
from engine.figures.metrics import attention_entropy
from engine.session.store import Session

MOST_HEADS: Final = 256
"""Heads of a layer that are shown: more than any model has, so that a file cannot ask for any number of pictures."""
CELLS: Final = 96
"""Most cells a side of a small picture; longer contexts are max-pooled into them."""
REREAD_GROWTH: Final = 1.1
"""A map that lies in the file is read again when the session has grown by this factor."""


@dataclass(slots=True)
class HeadMap:
    """What is known of one head."""

    grid: AttentionGrid = field(default_factory=lambda: AttentionGrid(CELLS))
    entropies: dict[int, float] = field(default_factory=dict)
    """Nats of the row of each query position."""
    steps: dict[int, int] = field(default_factory=dict)
    """The step in which the row of each query position was computed."""
    read: int = 0
    """Rows taken so far."""
    steps_when_read: int = -1
    rows: list[tuple[int, int, bytes]] = field(default_factory=list)

    @property
    def mean_entropy(self) -> float | None:
        """Mean over the recorded rows, nats."""
        return self.mean_entropy_of(None)

    def entropies_of(self, steps: tuple[int, int] | None) -> list[float]:
        """Nats of the rows that these steps computed, both ends included (None: all)."""
        return [
            nats for position, nats in self.entropies.items()
            if steps is None or steps[0] <= self.steps[position] <= steps[1]
        ]  # fmt: skip

    def mean_entropy_of(self, steps: tuple[int, int] | None) -> float | None:
        """Mean over the rows that these steps computed, both ends included, nats; None where they computed none."""
        values = self.entropies_of(steps)
        return sum(values) / len(values) if values else None


class HeadMaps:
    """Follows the maps of (request, layer) in a Session; `heads` has one for every head that was recorded.

    `update` takes rows for a limited time, so that a long recording does not hold up the window; `behind` says
    whether some are still to be taken.
    """

    def __init__(self, session: Session, request_id: int, layer: int) -> None:
        self.session, self.request_id, self.layer = session, request_id, layer
        self.heads: dict[int, HeadMap] = {}
        self.behind = False
        self.left_out = 0
        """Recorded heads beyond MOST_HEADS."""

    def update(self, limit_s: float | None = None) -> set[int]:
        """Take rows that came since, for at most so many seconds (None: all of them); the heads that changed."""
        until = None if limit_s is None else perf_counter() + limit_s
        changed: set[int] = set()
        self.behind = False
        for head in self._recorded():
            one = self.heads.setdefault(head, HeadMap())
            self._look(head, one)
            if one.read < len(one.rows):
                changed.add(head)
            self._take(one, until)
            self.behind = self.behind or one.read < len(one.rows)
        return changed

    def entropy(self, head: int, position: int) -> float | None:
        """Nats of one head's row; None where it was not recorded."""
        return self.heads[head].entropies.get(position) if head in self.heads else None

    def _recorded(self) -> list[int]:
        maps = self.session.attention_maps()
        found = [head for request, layer, head in maps if (request, layer) == (self.request_id, self.layer)]
        self.left_out = max(0, len(found) - MOST_HEADS)
        return found[:MOST_HEADS]

    def _look(self, head: int, one: HeadMap) -> None:
        """Get the rows there are: those in memory every time, those in the file when there are many more of them."""
        if self.session.attention_in_memory(self.request_id, self.layer, head):
            one.rows = self.session.attention_map(self.request_id, self.layer, head)
            return
        steps = len(self.session.steps)
        if one.steps_when_read < 0 or steps > one.steps_when_read * REREAD_GROWTH:
            one.rows = self.session.attention_map(self.request_id, self.layer, head)
            one.steps_when_read, one.read = steps, 0

    def _take(self, one: HeadMap, until: float | None) -> None:
        end = len(one.rows)
        while one.read < end and (until is None or perf_counter() < until):
            step, position, probs = one.rows[one.read]
            row = np.frombuffer(probs, np.float16).astype(np.float32)
            one.grid.add(position, row)
            one.entropies[position] = attention_entropy(row)
            one.steps[position] = step
            one.read += 1
