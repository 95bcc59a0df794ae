"""The shortest time of several runs: the speed of a device when nothing disturbs it."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from typing import Final

import torch

SECONDS: Final = 0.3
"""Default limit of the total time of one measurement's runs, in seconds; the last run may exceed it."""
REPEATS: Final = 30


def best_s(
    run: Callable[[], object], device: torch.device, seconds: float = SECONDS, least: int = 1,
    most: int | None = REPEATS,
) -> float:  # fmt: skip
    """The shortest time of up to `most` runs (None: no limit), in seconds.

    Stops once the runs took `seconds` together, but not before `least` runs.
    """
    times: list[float] = []
    while len(times) < least or ((most is None or len(times) < most) and sum(times) < seconds):
        start = perf_counter()
        run()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        times.append(perf_counter() - start)
    return min(times)
