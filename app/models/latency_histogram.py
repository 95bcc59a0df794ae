"""Histogram of step times: bins on a logarithmic axis, and the next or previous step of a selection."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Histogram:
    """Counts of steps by time: bin i counts edges_us[i] <= time < edges_us[i + 1]; the last bin includes its end."""

    edges_us: NDArray[np.float64]
    counts: NDArray[np.int64]

    def bin_of(self, us: float) -> int:
        """The bin that a time belongs to; the nearest bin for a time outside."""
        return int(np.clip(np.searchsorted(self.edges_us, us, "right") - 1, 0, max(0, len(self.counts) - 1)))


def histogram(walls_us: NDArray[np.float64], bins: int) -> Histogram:
    """At most `bins` bins of equal width on a logarithmic axis, from the shortest step to the longest."""
    walls = walls_us[walls_us > 0]
    if not len(walls):
        return Histogram(np.array([1.0, 10.0]), np.zeros(1, np.int64))
    lowest, highest = float(walls.min()), float(walls.max())
    if highest / lowest < 1.05:  # nearly equal times: one bin in the middle of a narrow axis
        middle = (highest * lowest) ** 0.5
        edges = middle * np.array([1 / 1.1, 1 / 1.04, 1.04, 1.1])
    else:
        edges = np.geomspace(lowest, highest, max(2, bins) + 1)
        edges[0], edges[-1] = lowest, highest
    counts, _ = np.histogram(walls, edges)
    return Histogram(edges, counts.astype(np.int64))


def next_of(steps: NDArray[np.int64], now: int | None, by: int) -> int | None:
    """The next (by 1) or previous (by −1) of these ascending steps from `now`; None where there are no steps.

    It wraps round at both ends. Where `now` is None, it is the first step (by 1) or the last one (by −1).
    """
    if not len(steps):
        return None
    if now is None:
        return int(steps[0 if by > 0 else -1])
    place = int(np.searchsorted(steps, now, "right")) if by > 0 else int(np.searchsorted(steps, now)) - 1
    return int(steps[place % len(steps)])
