"""How often the timed twin of a graph is replayed: as often as the budget for timing allows."""

from __future__ import annotations

from collections import deque
from math import ceil
from statistics import median
from typing import Final

BUDGET: Final = 0.02
"""Share of the steps' device time that timing phases may cost."""
LEAST: Final = 4
MOST: Final = 256
UNTIL_KNOWN: Final = 16
KEPT: Final = 15


class TwinPace:
    """Every k-th replay is the twin's, including the first; k follows from the last times of twins and plain replays.

    A twin costs `twin - plain` more, once in k replays: its share of their time is at most `budget` for
    k >= (twin - plain) / (budget · plain). Medians are compared, as single replays vary.
    """

    def __init__(self, budget: float = BUDGET) -> None:
        self._budget = budget
        self._plain: deque[int] = deque(maxlen=KEPT)
        self._twin: deque[int] = deque(maxlen=KEPT)
        self._since = -1

    @property
    def every(self) -> int:
        """k: one of k replays is the twin's."""
        if not self._plain or len(self._twin) < 2:  # the very first replay of a graph is slower than any other
            return UNTIL_KNOWN
        plain, twin = median(self._plain), median(self._twin)
        return min(MOST, max(LEAST, ceil((twin - plain) / max(1.0, self._budget * plain))))

    def extra_ns(self, busy_ns: int) -> float:
        """How much longer a twin that took `busy_ns` ran than a plain replay; 0 before any plain replay."""
        return max(0.0, busy_ns - median(self._plain)) if self._plain else 0.0

    def due(self) -> bool:
        """Whether the next replay is the twin's; call this once per replay."""
        self._since += 1
        if self._since % self.every:
            return False
        self._since = 0
        return True

    def note(self, busy_ns: int, timed: bool) -> None:
        """Record that a replay took `busy_ns` of device time."""
        (self._twin if timed else self._plain).append(busy_ns)
