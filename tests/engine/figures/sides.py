"""Sides of a comparison made of given times of steps."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine.figures.compared_side import Fates, Gaps, Side
from engine.figures.step_roles import DECODE
from engine.session.schema import PHASES


def side_of(seconds: Any, first_key: int = 0, **changes: Any) -> Side:
    """A side of decode steps of one token each that took so long; `first_key` tells its tokens from another side's."""
    seconds = np.asarray(seconds, np.float64)
    count = len(seconds)
    ones, nothing = np.ones(count, np.int64), np.zeros(count, np.int64)
    phases = np.zeros((count, len(PHASES)))
    phases[:, PHASES.index("ffn")] = seconds
    key = first_key + np.arange(count)
    flags = np.ones(count, bool)
    made: dict[str, Any] = {
        "step": np.arange(count), "role": np.full(count, DECODE, np.uint8), "start_s": np.cumsum(seconds) - seconds,
        "wall_s": seconds, "gap_s": np.zeros(count), "tokens": ones, "phases_s": phases,
        "positions": {"computed": ones, "new": ones}, "moved_bytes": None, "kv_used_bytes": None,
        "kv_reserved_bytes": None, "pairs_once": nothing.astype(np.float64), "pairs_again": nothing.astype(np.float64),
        "weight_bytes": None, "kernel": "", "key": key, "common": flags, "warm": np.zeros(count, bool),
        "gaps": Gaps(seconds, key, flags), "fates": Fates(nothing[:0], seconds[:0], seconds[:0]),
        "total_s": float(seconds.sum()), "steps_told": True, "phases_told": True,
    }  # fmt: skip
    return Side(**{**made, **changes})
