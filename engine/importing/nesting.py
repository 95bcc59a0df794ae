"""Ranges of threads: begins and ends joined, each range put into the one around it, and its own time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Column = NDArray[np.int64]
MODULE: Final = 3
"""The kind of ranges that are modules (`collected.RANGE_KINDS`), which are measured beside all others."""
MOST_OPEN: Final = 1024
"""Begins that are looked through for that of an end: far more than any program nests."""


@dataclass(frozen=True, slots=True)
class Ranges:
    """The ranges of all threads, in order of their start; times in ns. `parent` is a row of these, -1 without one."""

    start: Column
    end: Column
    name: Column
    kind: Column
    thread: Column
    correlation: Column
    external: Column
    ended: NDArray[np.bool_]
    parent: Column
    depth: Column
    own: Column

    def __len__(self) -> int:
        return len(self.start)


def joined(edges: dict[str, Column]) -> tuple[dict[str, Column], int]:
    """(ranges, ends without a begin) of begins and ends told apart; columns as in `edges`, and `end`, `ended`.

    An end belongs to the newest open begin of its thread that has its name, or to the newest of all where it has none.
    Begins that it passes over have no end of their own: they last until this one, in which they lie. `end` is -1 where
    none follows.
    """
    order = np.lexsort((np.arange(len(edges["start"])), edges["start"], edges["thread"]))
    closed: list[tuple[int, int, int]] = []
    missing_begins = 0
    open_: list[int] = []
    before = -1
    starts, names, threads, begins = (edges[name].tolist() for name in ("start", "name", "thread", "begins"))
    for at in order.tolist():
        if threads[at] != before:
            closed += [(row, -1, 0) for row in open_]
            open_, before = [], threads[at]
        if begins[at]:
            open_.append(at)
            continue
        newest = range(len(open_) - 1, max(-1, len(open_) - 1 - MOST_OPEN), -1)
        depth = next((n for n in newest if names[at] in (-1, names[open_[n]])), None)
        if depth is None:
            missing_begins += 1
            continue
        closed.append((open_[depth], starts[at], 1))
        closed += [(row, starts[at], 0) for row in open_[depth + 1 :]]
        del open_[depth:]
    closed += [(row, -1, 0) for row in open_]
    rows, ends, told = np.array(closed, np.int64).reshape(-1, 3).T
    found = {name: column[rows] for name, column in edges.items() if name != "begins"}
    found |= {"end": ends, "ended": told}
    kept = found["kind"] >= 0
    return {name: column[kept] for name, column in found.items()}, missing_begins


def nested(columns: dict[str, Column]) -> Ranges:
    """The ranges put into each other: by start, and of those with one start the longest first.

    One whose `end` is -1 lasts until the one around it ends, or until the last moment of all.
    """
    start, end = columns["start"], columns["end"]
    last_ns = int(max(start.max(initial=0), end.max(initial=0)))
    longest = np.where(end >= start, end, np.iinfo(np.int64).max)
    order = np.lexsort((-longest, start, columns["thread"]))
    starts, ends, threads, kinds = (one.tolist() for one in (start, end, columns["thread"], columns["kind"]))
    parents, depths, owns = ([0] * len(starts) for _ in range(3))
    nearest = ([-1] * len(starts), [-1] * len(starts))
    """The innermost range around or at each range that is a module, and that is none."""
    stack: list[int] = []
    before = -1
    for row in order.tolist():
        if threads[row] != before:
            stack, before = [], threads[row]
        while stack and ends[stack[-1]] <= starts[row]:
            stack.pop()
        inside = stack[-1] if stack else -1
        if ends[row] < starts[row]:
            ends[row] = max(starts[row], ends[inside] if inside >= 0 else last_ns)
        parents[row], depths[row], owns[row] = inside, len(stack), ends[row] - starts[row]
        alike, others = nearest if kinds[row] == MODULE else nearest[::-1]
        if inside >= 0:
            if (around := alike[inside]) >= 0:
                owns[around] -= max(0, min(ends[row], ends[around]) - starts[row])
            others[row] = others[inside]
        alike[row] = row
        stack.append(row)
    depth = np.array(depths, np.int64)
    by_time = np.lexsort((depth, start))
    place = np.empty(len(start), np.int64)
    place[by_time] = np.arange(len(start))
    parent = np.array(parents, np.int64)[by_time]
    rest = {name: columns[name][by_time] for name in ("name", "kind", "thread", "correlation", "external")}
    return Ranges(
        start[by_time], np.array(ends, np.int64)[by_time], **rest, ended=columns["ended"][by_time] == 1,
        parent=np.where(parent >= 0, place[parent], -1), depth=depth[by_time],
        own=np.maximum(np.array(owns, np.int64)[by_time], 0),
    )  # fmt: skip
