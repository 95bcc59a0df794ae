"""The scale of bars that stand for times: which time is at full height, which bars are cut there, and a log choice."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from app.models.ticks import log_ticks, round_ticks

USUAL: Final = 0.95
"""Quantile of the bars that keep their height in any case."""
TOGETHER: Final = 3
"""So many neighbouring bars are no outlier: a time that all of them reach keeps its height."""
SEEN: Final = 0.01
"""Of very many bars, the share that must stand together: three of a thousand would flatten all others."""
FAR: Final = 3.0
"""A bar is an outlier where it is above this many times what keeps its height."""
ROOM: Final = 1.25
"""Full height over what keeps its height, where outliers are cut."""


@dataclass(frozen=True, slots=True)
class BarScale:
    """Maps times, in any one unit, to shares of the full height."""

    bottom: float
    """The time at height 0: 0, or the lower end of a logarithmic axis."""
    top: float
    """The time at full height."""
    cut: int
    """How many bars are higher than that."""
    highest: float
    """The highest bar."""
    log: bool

    def shares(self, values: NDArray[np.float64] | NDArray[np.int64]) -> NDArray[np.float64]:
        """The heights of these times as shares of the full height, 0 to 1; a cut bar has 1."""
        if self.log:
            ratios = np.maximum(np.asarray(values, np.float64), self.bottom) / self.bottom
            heights = np.log(ratios) / math.log(self.top / self.bottom)
        else:
            heights = np.asarray(values, np.float64) / self.top
        return np.clip(heights, 0.0, 1.0)

    def share(self, value: float) -> float:
        """The height of one time."""
        return float(self.shares(np.array([value], np.float64))[0])

    def ticks(self, most: int) -> list[float]:
        """Round times on the axis, about `most` at most."""
        if not self.log:
            return round_ticks(0.0, self.top, most)
        found = log_ticks(self.bottom, self.top)
        decades = [value for value in found if math.isclose(math.log10(value) % 1.0, 0.0, abs_tol=1e-9)]
        return found if len(found) <= most or len(decades) < 2 else decades[:: max(1, -(-len(decades) // most))]


def bar_scale(values: NDArray[np.float64] | NDArray[np.int64], log: bool, margin: float = 1.0) -> BarScale:
    """The scale for these bars, which stand side by side in this order; `margin` is the full height over the highest.

    A linear scale reaches up to the highest bar, unless a few that stand alone are far above all others: these are cut,
    so that the others stay visible. A logarithmic one cuts nothing.
    """
    if not len(values) or float(values.max()) <= 0:
        return BarScale(0.0, 1.0, 0, 0.0, False)
    highest = float(values.max())
    if log:
        lowest = float(values[values > 0].min())
        bottom = 10.0 ** math.floor(math.log10(lowest) - 1e-9)
        return BarScale(bottom, margin * highest, 0, highest, True)
    kept = highest
    run = max(TOGETHER, int(SEEN * len(values)))
    if len(values) > run:
        together = np.lib.stride_tricks.sliding_window_view(values, run).min(axis=1)
        kept = max(float(np.quantile(values, USUAL)), float(together.max()))
    if not 0 < FAR * kept < highest:
        return BarScale(0.0, margin * highest, 0, highest, False)
    top = margin * ROOM * kept
    return BarScale(0.0, top, int((values > top).sum()), highest, False)
