"""The slots of a batch as columns of any width, and the parts of a session that are drawn. Needs no Qt."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engine.figures.batch_comparison import compared_parts
from engine.figures.slot_runs import IDLE, PADDING, Ints, Lane
from engine.figures.slots import BatchPart

Floats = NDArray[np.float64]


def lane_columns(lane: Lane, edges: Floats) -> tuple[Floats, Floats, Ints]:
    """A lane at the screen's width: (useful share, padding share, owner) of each column between `edges`.

    Shares are of the steps that a column stands for, so a run of steps narrower than a column is not lost. The owner is
    the last request in the column, IDLE where there is none. A column narrower than a step shows that step.
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
    """The drawn parts: the last static and the last continuous one where both exist, else all steps as one part."""
    both = compared_parts(parts)
    if both is not None:
        return list(both)
    if not parts:
        return []
    return [BatchPart(parts[0].first, parts[-1].last, " → ".join(dict.fromkeys(part.batching for part in parts)))]
