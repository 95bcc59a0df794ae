"""Notices when the event loop did not run, so that a late look at a connection is not taken for a late token."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final

TICK_S: Final = 0.005
LATE_NS: Final = 5_000_000


class StallWatch:
    """Calls `report(from_ns, to_ns)` when a tick came more than `LATE_NS` late, CLOCK_MONOTONIC ns.

    In that time nothing was read and nothing was sent: the process had no processor, or another thread or a callback of
    this one held it.
    """

    def __init__(self, report: Callable[[int, int], None]) -> None:
        self._report = report
        self._due_ns = 0
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begin to watch, in the running event loop; nothing where it watches already."""
        if self._timer is None:
            self._wait()

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _wait(self) -> None:
        self._due_ns = time.monotonic_ns() + round(TICK_S * 1e9)
        self._timer = asyncio.get_running_loop().call_later(TICK_S, self._tick)

    def _tick(self) -> None:
        now_ns = time.monotonic_ns()
        if now_ns - self._due_ns > LATE_NS:
            self._report(self._due_ns, now_ns)
        self._wait()
