"""Places of device readings on the axes, series thinned to the screen, and counted units a second."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engine.figures.ceilings import least_read_s
from engine.session.store import Session


def extremes(values: NDArray[np.float64], bins: int) -> NDArray[np.int64]:
    """Indices of the lowest and the highest value of each of at most `bins` parts, ascending.

    All indices where there are at most 2 · `bins` values.
    """
    n = len(values)
    if n <= 2 * bins:
        return np.arange(n, dtype=np.int64)
    stride = -(-n // bins)
    edges = np.arange(0, n, stride)
    padded = np.full(len(edges) * stride, np.nan)
    padded[:n] = values
    table = padded.reshape(len(edges), stride)
    pairs = np.sort(np.stack([np.nanargmin(table, axis=1), np.nanargmax(table, axis=1)], axis=1), axis=1)
    indices: NDArray[np.int64] = (pairs + edges[:, None]).ravel()
    return indices


def steps_at(session: Session, t_ns: NDArray[np.int64]) -> NDArray[np.float64]:
    """Places of times on the step axis: step i covers [i, i + 1]; a time in a gap is at the border of two steps."""
    count = len(session.steps)
    starts, ends = session.steps["start_ns"][:count], session.steps["end_ns"][:count]
    if not count:
        return np.zeros(len(t_ns))
    step = np.searchsorted(starts, t_ns, "right") - 1
    inside = np.maximum(step, 0)
    share = (t_ns - starts[inside]) / np.maximum(ends[inside] - starts[inside], 1)
    places: NDArray[np.float64] = np.where(step < 0, 0.0, inside + np.clip(share, 0.0, 1.0))
    return places


def rates(
    session: Session, counted: str, steps: tuple[int, int], points: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """(first step, counted units a second) over each of at most `points` runs of steps within [first, last].

    `counted` is the column that is summed: `flops` or `bytes_moved`. The rate of a run is its sum over the wall time of
    its steps, so pooled rates have the right mean.
    """
    first, end = steps[0], min(steps[1] + 1, len(session.steps))
    if end <= first:
        return np.empty(0, np.int64), np.empty(0)
    stride = max(1, -(-(end - first) // max(1, points)))
    edges = np.arange(first, end, stride)
    walls = session.steps["end_ns"][first:end] - session.steps["start_ns"][first:end]
    totals = np.add.reduceat(session.steps[counted][first:end], edges - first)
    seconds = np.add.reduceat(walls, edges - first) / 1e9
    return edges, totals / np.maximum(seconds, 1e-12)


def read_shares(
    session: Session, steps: tuple[int, int], points: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]] | None:
    """(first step, share MBU) over each of at most `points` runs of steps, as in `rates`; None without ceilings."""
    first, end = steps[0], min(steps[1] + 1, len(session.steps))
    least_s = least_read_s(session, slice(first, end))
    if least_s is None:
        return None
    if end <= first:
        return np.empty(0, np.int64), np.empty(0)
    edges = np.arange(first, end, max(1, -(-(end - first) // max(1, points))))
    walls = session.steps["end_ns"][first:end] - session.steps["start_ns"][first:end]
    seconds = np.add.reduceat(walls, edges - first) / 1e9
    return edges, np.add.reduceat(least_s, edges - first) / np.maximum(seconds, 1e-12)
