"""Reduces long series to the points that a screen can show."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def envelope(values: NDArray[np.int64], bins: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """(indices, values) of at most 2 · `bins` points, so that peaks and dips stay visible at any length.

    Each of `bins` equal parts gives its lowest value at its first index, and its highest value at its last index. A
    series of at most 2 · `bins` values is returned whole.
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
    """At most `points` evenly spread indices of 0..n-1, first and last included; for series that only grow."""
    if n <= points:
        return np.arange(n, dtype=np.int64)
    return np.unique(np.linspace(0, n - 1, points).astype(np.int64))
