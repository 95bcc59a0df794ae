"""Long series brought down to what a screen can show, without losing a peak."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def envelope(values: NDArray[np.int64], bins: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """(indices, values) of the lowest and highest value of each of `bins` equal parts, in order; all where few.

    Peaks and dips survive, whatever the length.
    """
    n = len(values)
    if n <= 2 * bins:
        return np.arange(n, dtype=np.int64), values.astype(np.float64)
    edges = (np.arange(bins, dtype=np.int64) * n) // bins
    low, high = np.minimum.reduceat(values, edges), np.maximum.reduceat(values, edges)
    pooled = np.empty(2 * bins, np.float64)
    pooled[0::2], pooled[1::2] = low, high
    ends = np.append(edges[1:], n)
    indices = np.empty(2 * bins, np.int64)
    indices[0::2], indices[1::2] = edges, ends - 1
    return indices, pooled


def thin(n: int, points: int) -> NDArray[np.int64]:
    """At most `points` indices of 0..n-1, evenly spread, first and last included, for series that only grow."""
    if n <= points:
        return np.arange(n, dtype=np.int64)
    return np.unique(np.linspace(0, n - 1, points).astype(np.int64))
