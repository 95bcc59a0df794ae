"""The stationary bootstrap over steps (Politis and Romano 1994): how a figure would vary in another such recording.

Steps that follow each other are alike (a busy machine stays busy for a while), so single steps must not be drawn: runs
of steps are, of random lengths around a mean that the data choose (Politis and White 2004, corrected 2009). A figure of
few such runs is uncertain about its own uncertainty, so intervals are by Student's t with as many degrees of freedom as
there are runs. Of many steps, neighbours are put together into at most CELLS cells first, which are then drawn.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

CELLS: Final = 1024
"""The most pieces of a series that are drawn."""
DRAWS: Final = 500
"""An interval needs their spread alone, which so many tell to 3 %."""
KEPT: Final = 24
"""Draws that are kept for other figures of equal length, at most 2 MB each."""
SEED: Final = 20040101
"""Equal input gives equal intervals."""


def cells_of(count: int) -> tuple[int, int]:
    """(cells, values in each but the last) of a series of so many values."""
    each = max(1, math.ceil(count / CELLS))
    return math.ceil(count / each), each


def in_cells(values: Floats) -> Floats:
    """The sums of a series by cell, [cells, ...]."""
    _, each = cells_of(len(values))
    return values if each == 1 else np.add.reduceat(values, np.arange(0, len(values), each), axis=0)


def block_length(series: Floats) -> float:
    """The mean length of the runs to draw of a series, at least 1 (Politis and White, for the stationary bootstrap)."""
    n = len(series)
    most = math.ceil(min(3 * math.sqrt(n), n / 3))
    x = series - series.mean()
    power = float(x @ x)
    if n < 8 or power <= 1e-24 * max(float(series @ series), 1e-300):
        return 1.0
    needed = max(5, round(math.sqrt(math.log10(n))))
    lags = min(math.ceil(math.sqrt(n)) + needed, n - 1)
    covariance = _covariances(x, lags) / n
    correlation = covariance / covariance[0]
    small = np.abs(correlation[1:]) < 2 * math.sqrt(math.log10(n) / n)
    last = _last_large(small, needed)
    width = min(2 * last, lags)
    k = np.arange(-width, width + 1)
    weight = np.clip(2 * (1 - np.abs(k) / max(width, 1)), 0, 1)
    around = covariance[np.abs(k)]
    spread = 2 * float(weight @ around) ** 2
    slope = float(weight @ (np.abs(k) * around))
    if spread <= 0:
        return float(most)
    return float(min(max((2 * slope**2 / spread) ** (1 / 3) * n ** (1 / 3), 1.0), most))


def _covariances(x: Floats, lags: int) -> Floats:
    """Σ x[i] x[i + k] for k in 0..lags."""
    size = 1 << (2 * len(x) - 1).bit_length()
    spectrum = np.fft.rfft(x, size)
    found: Floats = np.fft.irfft(spectrum * np.conj(spectrum), size)[: lags + 1]
    return found


def _last_large(small: NDArray[np.bool_], needed: int) -> int:
    """The last lag before `needed` insignificant ones in a row; at least 1."""
    in_a_row = 0
    for lag, is_small in enumerate(small.tolist(), 1):
        in_a_row = in_a_row + 1 if is_small else 0
        if in_a_row == needed:
            return max(lag - needed, 1)
    large = np.flatnonzero(~small)
    return int(large[-1]) + 1 if len(large) else 1


@lru_cache(maxsize=KEPT)
def drawn_counts(cells: int, length: float, seed: int = SEED) -> NDArray[np.float32]:
    """How often each draw has each cell, [DRAWS, cells]: runs of cells from random places, around the end too."""
    random = np.random.default_rng((seed, cells, round(1024 * length)))
    begins = random.random((DRAWS, cells), np.float32) < 1 / length
    begins[:, 0] = True
    at = np.arange(cells, dtype=np.int64)
    since = np.maximum.accumulate(np.where(begins, at, 0), axis=1)
    starts = random.integers(0, cells, (DRAWS, cells), np.int64)
    drawn = (np.take_along_axis(starts, since, axis=1) + at - since) % cells
    drawn += np.arange(DRAWS)[:, None] * cells
    counts = np.bincount(drawn.ravel(), minlength=DRAWS * cells).reshape(DRAWS, cells)
    found: NDArray[np.float32] = counts.astype(np.float32)
    found.flags.writeable = False
    return found


def runs_drawn(cells: int, length: float) -> float:
    """How many runs a draw has on average: what the interval's degrees of freedom come from."""
    return cells / length
