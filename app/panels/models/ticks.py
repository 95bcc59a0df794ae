"""Round tick positions on an axis."""

from __future__ import annotations

import math


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
