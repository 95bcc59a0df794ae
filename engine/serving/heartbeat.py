"""Notices when our own client did not read: a process that was stopped or starved stamps what it reads too late."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final

BEAT_S: Final = 0.025
LATE_S: Final = 0.1
"""A beat that comes this much later than it was due means that nothing was read in between."""


async def watch_own_loop(stalled: Callable[[int, int], None]) -> None:
    """Call `stalled` with (since, until), CLOCK_MONOTONIC ns, after each time in which this loop did not run."""
    while True:
        due_ns = time.monotonic_ns() + round(BEAT_S * 1e9)
        await asyncio.sleep(BEAT_S)
        now_ns = time.monotonic_ns()
        if now_ns - due_ns > LATE_S * 1e9:
            stalled(due_ns, now_ns)
