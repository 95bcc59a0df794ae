"""Sums the `phases` blob of a step over the layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.session.schema import PHASES

MOST_US: Final = 1e15
"""Above the time of any step: some thirty years."""


def phase_totals(blobs: Sequence[bytes]) -> NDArray[np.float32]:
    """µs by phase over all layers, float32 [blobs, len(PHASES)], from `phases` blobs (zeros for an empty blob)."""
    totals = np.zeros((len(blobs), len(PHASES)), np.float32)
    by_length: dict[int, list[int]] = {}
    for row, blob in enumerate(blobs):
        by_length.setdefault(len(blob), []).append(row)
    for length, rows in by_length.items():
        if length:
            layers = np.frombuffer(b"".join([blobs[row] for row in rows]), np.float32)
            with np.errstate(invalid="ignore", over="ignore"):  # the sums of a file are checked after loading
                totals[rows] = layers.reshape(len(rows), -1, len(PHASES)).sum(axis=1, dtype=np.float64)
    return totals
