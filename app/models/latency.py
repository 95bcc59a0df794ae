"""The reference values of a token's time, and the steps that are drawn where there are more steps than columns."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

REFERENCE_S: Final[dict[str, float]] = {
    "prepare": 0.1e-3,
    "attention": 30e-3,
    "ffn": 15e-3,
    "norm": 5e-3,
    "sampling": 0.5e-3,
    "total": 50.6e-3,
}
"""A token's time according to the reference: seconds by time group."""


def slowest_of_each(totals: NDArray[np.float64], columns: int) -> tuple[NDArray[np.int64], int]:
    """(index of the slowest step of each column, steps a column), for at most `columns` columns."""
    n = len(totals)
    stride = max(1, -(-n // max(1, columns)))
    if stride == 1:
        return np.arange(n, dtype=np.int64), 1
    count = -(-n // stride)
    padded = np.full(count * stride, -1.0)
    padded[:n] = totals
    slowest = padded.reshape(count, stride).argmax(axis=1) + np.arange(count, dtype=np.int64) * stride
    return slowest, stride
