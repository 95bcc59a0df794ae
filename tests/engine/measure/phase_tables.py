"""The phases of a step as a table, read from what a timer gives."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engine.session.schema import PHASES


def table_of(phases: bytes) -> NDArray[np.float32]:
    """µs, float32 [rows, len(PHASES)]."""
    return np.frombuffer(phases, np.float32).reshape(-1, len(PHASES))
