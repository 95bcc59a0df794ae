"""Each position a step computes is exactly one of new, recomputed, padding, rejected; what a cache served is reused."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from engine.model.batch import PADDING_REQUEST
from engine.session.schema import Work


@dataclass(frozen=True, slots=True)
class PositionCount:
    """Positions of one step (or of many) by class; `computed` is their sum, always."""

    new: int = 0
    recomputed: int = 0
    padding: int = 0
    rejected: int = 0
    reused: int = 0

    @property
    def computed(self) -> int:
        return self.new + self.recomputed + self.padding + self.rejected


def work_of(
    step_id: int, request_id: int, slot: int, indices: tuple[int, int], seen: int, *, rejected: int = 0
) -> Work:
    """What a step did for a request: it computed `indices` [first, end), of which those below `seen` had been computed
    before, and threw the last `rejected` away.
    """
    first, end = indices
    kept = end - rejected
    new_from = min(max(seen, first), kept)
    return Work(step_id, request_id, slot, first, new_from, end, rejected, reused=first)


def padding_of(step_id: int, slot: int, count: int) -> Work:
    """`count` positions of a slot computed for no token."""
    return Work(step_id, PADDING_REQUEST, slot, 0, 0, count, 0, 0)


def count_positions(work: Iterable[Work]) -> PositionCount:
    """Positions by class over a step's work."""
    new = recomputed = padding = rejected = reused = 0
    for w in work:
        if w.request_id == PADDING_REQUEST:
            padding += w.end - w.first
            continue
        recomputed += w.new_from - w.first
        new += w.end - w.rejected - w.new_from
        rejected += w.rejected
        reused += w.reused
    return PositionCount(new, recomputed, padding, rejected, reused)
