"""How much of the processor the drawing of a run may take: little where the engine computes on every core."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from engine.model.processors import usable_cores

SHARE: Final = 0.10
"""Largest share of one core for drawing live data, so that the profiler does not slow down what it measures."""
CROWDED_SHARE: Final = 0.015
"""Largest share of each core where the engine's threads take every one: what is drawn is then taken from them."""


@dataclass(frozen=True, slots=True)
class DrawingShare:
    """The largest share of one core for drawing a run, on so many cores that this process and its engine may use."""

    cores: int = field(default_factory=usable_cores)

    def of(self, meta: Mapping[str, str]) -> float:
        """The share for the run with these facts."""
        return SHARE if threads_of(meta) < self.cores else min(SHARE, CROWDED_SHARE * self.cores)


def threads_of(meta: Mapping[str, str]) -> int:
    """Threads that the engine of a run computes with: on a GPU the one that launches, 0 where the run does not say."""
    device, threads = meta.get("device", ""), meta.get("threads", "")
    if device.startswith("cpu"):
        return int(threads) if threads.isdecimal() and len(threads) < 10 else 0
    return 1 if device and threads else 0
