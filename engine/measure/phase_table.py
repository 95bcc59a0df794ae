"""A step's time by phase as an array, with the rest of the step's time as `other`."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.session.schema import PHASES

OTHER: Final = PHASES.index("other")


def with_other(spent_us: NDArray[np.float64], wall_us: float) -> NDArray[np.float32]:
    """`spent_us` [rows, phases] with the rest of the wall time (at least 0) added to `other` of the last row."""
    spent_us[-1, OTHER] += max(0.0, wall_us - float(spent_us.sum()))
    return spent_us.astype(np.float32)
