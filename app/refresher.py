"""The window's one timer: draws news at most some twenty times a second and keeps drawing under its share of a core."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from PySide6.QtCore import QObject, Qt, QTimer

FASTEST_MS: Final = 50
SLOWEST_MS: Final = 500
SHARE: Final = 0.10
"""The most of one core that drawing live data may take, so that the profiler does not slow down what it measures."""


class Refresher(QObject):
    """Calls `draw` while `active`, as often as its measured cost allows; `draw` returns whether there was news.

    The cost is the processor time of the window's thread from one tick to the next (so painting counts, not only what
    `draw` does itself). With nothing to follow the timer stops.
    """

    def __init__(self, draw: Callable[[], bool], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._draw = draw
        self._timer = QTimer(self)
        self._timer.setTimerType(Qt.TimerType.CoarseTimer)
        self._timer.setInterval(FASTEST_MS)
        self._timer.timeout.connect(self.tick)
        self._cost_s = 0.0
        self._last_cpu_s = 0.0
        self._drew = False

    @property
    def cost_s(self) -> float:
        """Seconds of processor time one refresh has cost lately, painting included."""
        return self._cost_s

    @property
    def interval_ms(self) -> int:
        return self._timer.interval()

    @property
    def active(self) -> bool:
        return self._timer.isActive()

    def follow(self, live: bool) -> None:
        """Start drawing a live session, or draw what is left of it and rest."""
        if live and not self._timer.isActive():
            self._drew = False
            self._timer.start()
        elif not live:
            self._timer.stop()
            self._draw()

    def tick(self) -> None:
        """Draw once, and set the pace by what the previous tick and its painting cost."""
        now = time.thread_time()
        if self._drew:
            self._cost_s += 0.3 * (now - self._last_cpu_s - self._cost_s)
            interval = pace_ms(self._cost_s)
            if abs(interval - self._timer.interval()) > 5:
                self._timer.setInterval(interval)
        self._last_cpu_s = now
        self._drew = self._draw()


def pace_ms(cost_s: float) -> int:
    """The interval at which refreshes of this cost take `SHARE` of a core, within what looks alive."""
    return round(min(SLOWEST_MS, max(FASTEST_MS, 1000 * cost_s / SHARE)))
