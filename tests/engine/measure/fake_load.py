"""Readings of load that a test gives: no clock, no counter of this machine."""

from __future__ import annotations

from collections.abc import Iterator

from engine.measure.load import Conditions, Counters

QUIET = Conditions(False, 0.0, 0.0, 0.0, 0.01, 2)
BUSY = Conditions(True, 1.0, 0.0, 1.0, 0.9, 2)


class FakeMachine:
    """Between two looks at its counters one second passes in which others use so many processors."""

    def __init__(
        self,
        others: float | None = 0.0,
        stolen: float | None = 0.0,
        running: int | None = 0,
        spread: float = 0.01,
        cpus: int = 2,
    ) -> None:
        self.cpus = cpus
        self._others, self._stolen, self._running, self._spread = others, stolen, running, spread
        self._seconds: Iterator[int] = iter(range(100))

    def counters(self) -> Counters:
        now = next(self._seconds)
        others, stolen = (None if one is None else one * now for one in (self._others, self._stolen))
        return Counters(float(now), others, stolen)

    def running_threads(self) -> int | None:
        return self._running

    def pinned_spread(self) -> float:
        return self._spread
