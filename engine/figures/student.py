"""Student's t distribution, for intervals from few blocks: two-sided tails and quantiles, without scipy."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Final

TINY: Final = 1e-300
ROUNDS: Final = 400
ENOUGH: Final = 1e-13


def tails(t: float, freedom: float) -> float:
    """The probability that |T| ≥ |t| with so many degrees of freedom; 1 at t = 0."""
    if math.isinf(t):
        return 0.0
    return _beta(freedom / 2, 0.5, freedom / (freedom + t * t)) if t else 1.0


@lru_cache(maxsize=512)
def quantile(level: float, freedom: float) -> float:
    """The t of which |T| stays below with probability `level` (0.95: the half width of a 95 % interval, in errors)."""
    low, high = 0.0, 2.0
    while tails(high, freedom) > 1 - level:
        high *= 2
    while high - low > 1e-8 * high:
        middle = (low + high) / 2
        low, high = (middle, high) if tails(middle, freedom) > 1 - level else (low, middle)
    return (low + high) / 2


def _beta(a: float, b: float, x: float) -> float:
    """The regularised incomplete beta function, by Lentz's continued fraction (Numerical Recipes, 6.4)."""
    if not 0 < x < 1:
        return min(max(x, 0.0), 1.0)
    front = math.exp(math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x))
    if x > (a + 1) / (a + b + 2):
        return 1 - front * _fraction(b, a, 1 - x) / b
    return front * _fraction(a, b, x) / a


def _fraction(a: float, b: float, x: float) -> float:
    c, d = 1.0, 1 / _off_zero(1 - (a + b) * x / (a + 1))
    found = d
    for m in range(1, ROUNDS):
        for part in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d = 1 / _off_zero(1 + part * d)
            c = _off_zero(1 + part / c)
            found *= d * c
        if abs(d * c - 1) < ENOUGH:
            break
    return found


def _off_zero(value: float) -> float:
    return value if abs(value) > TINY else TINY
