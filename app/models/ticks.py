"""Round tick positions on an axis."""

from __future__ import annotations

import math
import re


def round_step(span: float, most: int) -> float:
    """The smallest of 1, 2, 5 × 10ⁿ that cuts `span` into at most `most` parts."""
    if span <= 0:
        return 1.0
    rough = span / max(1, most)
    power = 10.0 ** math.floor(math.log10(rough))
    for factor in (1.0, 2.0, 5.0, 10.0):
        if factor * power >= rough * (1 - 1e-9):
            return factor * power
    return 10.0 * power


def round_ticks(lo: float, hi: float, most: int, smallest: float = 0.0) -> list[float]:
    """Multiples of a round step within [lo, hi], at most about `most`; steps under `smallest` are not used."""
    step = max(round_step(hi - lo, most), smallest)
    first = math.ceil(lo / step - 1e-9)
    last = math.floor(hi / step + 1e-9)
    return [index * step for index in range(first, last + 1)]


def log_ticks(low: float, high: float) -> list[float]:
    """1, 2 and 5 times powers of ten from `low` to `high`; evenly spaced ticks where these are fewer than three."""
    ticks = []
    for power in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1):
        ticks += [factor * 10.0**power for factor in (1, 2, 5) if low <= factor * 10.0**power <= high]
    return ticks if len(ticks) > 2 else round_ticks(low, high, 5)


def binary_ticks(top: float, most: int) -> list[float]:
    """Multiples of a power of two within [0, top], at most about `most`: round numbers of bytes."""
    step = 2.0 ** max(0, math.ceil(math.log2(max(top, 1.0) / max(1, most)) - 1e-9))
    return [index * step for index in range(int(top / step + 1e-9) + 1)]


def short_number(text: str) -> str:
    """A written number without the zeros that end its decimals: `2.40 k` as `2.4 k`."""
    return re.sub(r"(\d)(?:\.0+|(\.\d*?[1-9])0+)(?!\d)", r"\1\2", text)
