"""The shortest of some runs: what a device can do when nothing disturbs it."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from typing import Final

import torch

SECONDS: Final = 0.3
"""About how long the runs of one measurement take together, at most, unless told otherwise."""
REPEATS: Final = 30


def best_s(
    run: Callable[[], object], device: torch.device, seconds: float = SECONDS, least: int = 1,
    most: int | None = REPEATS,
) -> float:  # fmt: skip
    """The shortest of at most `most` runs, in seconds; stops early where one takes long, not before `least` runs."""
    times: list[float] = []
    while len(times) < least or ((most is None or len(times) < most) and sum(times) < seconds):
        start = perf_counter()
        run()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        times.append(perf_counter() - start)
    return min(times)
