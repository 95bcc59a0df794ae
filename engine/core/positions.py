"""Classes of positions: each position a step computes is exactly one of new, recomputed, padding, rejected.

A position that the cache served from a shared prefix is not computed; it is reused.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from engine.session.schema import Work

PADDING_REQUEST: Final = -1
"""The request of positions that belong to no token."""


class PositionCount(msgspec.Struct, frozen=True):
    """Positions of one step (or of many) by class; `computed` is always the sum of all but `reused`."""

    new: int = 0
    recomputed: int = 0
    padding: int = 0
    rejected: int = 0
    reused: int = 0

    @property
    def computed(self) -> int:
        return self.new + self.recomputed + self.padding + self.rejected


class Computed:
    """Which indices of a request have been computed at least once: [0, n) as a rule.

    There are holes where a shared prefix served indices that this request never computed itself.
    """

    def __init__(self) -> None:
        self._runs: list[tuple[int, int]] = []

    @property
    def end(self) -> int:
        """One past the last index that was computed."""
        return self._runs[-1][1] if self._runs else 0

    def add(self, first: int, end: int) -> None:
        """Indices [first, end) have been computed."""
        if first == self.end and self._runs:  # as a rule the indices follow those before
            self._runs[-1] = self._runs[-1][0], max(first, end)
            return
        apart = [run for run in self._runs if run[1] < first or run[0] > end]
        touching = [run for run in self._runs if run[1] >= first and run[0] <= end]
        starts, ends = [first, *(run[0] for run in touching)], [end, *(run[1] for run in touching)]
        self._runs = sorted([*apart, (min(starts), max(ends))])

    def within(self, first: int, end: int) -> list[tuple[int, int]]:
        """The parts of [first, end) that have been computed, in order."""
        if first >= self.end:
            return []
        parts = ((max(first, a), min(end, b)) for a, b in self._runs)
        return [(a, b) for a, b in parts if a < b]


def work_of(
    step_id: int, request_id: int, slot: int, indices: tuple[int, int], computed: Computed, *, rejected: int = 0
) -> list[Work]:
    """The `Work` rows of a request in a step that computed `indices` [first, end) and rejected the last `rejected`.

    Adds the indices that were not rejected to `computed`. A row is a run of indices computed before, then a run of new
    ones; only a request with holes has more than one row. The first row counts the indices [0, first), which came from
    the cache, as reused.
    """
    first, end = indices
    kept = end - rejected
    known = computed.within(first, kept)
    if first < kept:
        computed.add(first, kept)
    if not known:
        return [Work(step_id, request_id, slot, first, first, end, rejected, first)]
    starts = [first, *(a for a, _ in known if a > first)]
    old_ends = dict(known)
    rows = []
    for index, start in enumerate(starts):
        last = index == len(starts) - 1
        stop = end if last else starts[index + 1]
        new_from = old_ends.get(start, start)
        rows.append(
            Work(step_id, request_id, slot, start, new_from, stop, rejected if last else 0, 0 if index else first)
        )
    return rows


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
