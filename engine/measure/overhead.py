"""What the instrumentation itself costs, as a share of the steps' wall time."""

from __future__ import annotations

from typing import Final

from engine.measure.timers import span_cost_ns
from engine.session.schema import Overhead

TELL_EVERY_NS: Final = 1_000_000_000


class OverheadMeter:
    """Adds up what observing cost and says so about once a second of steps.

    Timed spans are too short to be timed themselves, so they count at a cost measured beforehand; accounting and the
    attention probe are timed where they happen.
    """

    def __init__(self, span_ns: float | None = None) -> None:
        self._span_ns = span_cost_ns(200) if span_ns is None else span_ns
        self._wall_ns = 0
        self._spent_ns = 0.0

    def add(self, wall_ns: int, spans: int, spent_ns: int) -> Overhead | None:
        """Count one step; the share since the last time it was told, once a second's worth of steps has come."""
        self._wall_ns += wall_ns
        self._spent_ns += spans * self._span_ns + spent_ns
        if self._wall_ns < TELL_EVERY_NS:
            return None
        told = Overhead(self._spent_ns / self._wall_ns)
        self._wall_ns, self._spent_ns = 0, 0.0
        return told
