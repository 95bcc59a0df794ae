"""What the instrumentation itself costs, as a share of the time that the steps and their accounts take."""

from __future__ import annotations

from typing import Final

from engine.session.schema import Overhead

TELL_EVERY_NS: Final = 1_000_000_000


class OverheadMeter:
    """Adds up what observing cost and says so about once a second of steps, and of a whole run at its end.

    Spans are too short to be timed one by one and count at what the timer's own were measured to cost (`cost_ns`);
    accounting, reading events and the attention probe are timed where they happen.
    """

    def __init__(self) -> None:
        self._wall_ns = 0
        self._spent_ns = 0.0
        self._beside_ns = 0.0
        self._told_wall_ns = 0
        self._told_spent_ns = 0.0

    def add(
        self, wall_ns: int, timing_ns: float, accounting_ns: float, *, beside: bool = False, late: bool = True
    ) -> Overhead | None:
        """Count one step that took `wall_ns`, its account included.

        Returns the share since the last time it was told, once a second's worth of steps has come. `timing_ns`
        lengthened the step itself. `accounting_ns` is the host's work for its record; `beside` says that the next step
        was on its way by then: this work costs nothing unless that step is done before the host asks for it, which
        the next call tells by `late`.
        """
        self._wall_ns += wall_ns
        self._spent_ns += timing_ns + (self._beside_ns if late else 0.0)
        self._beside_ns = accounting_ns if beside else 0.0
        if not beside:
            self._spent_ns += accounting_ns
        if self._wall_ns < TELL_EVERY_NS:
            return None
        told = Overhead(self._spent_ns / self._wall_ns)
        self._told_wall_ns += self._wall_ns
        self._told_spent_ns += self._spent_ns
        self._wall_ns, self._spent_ns = 0, 0.0
        return told

    def whole(self) -> Overhead | None:
        """The share of all steps together; None where there was none."""
        wall_ns = self._told_wall_ns + self._wall_ns
        return Overhead((self._told_spent_ns + self._spent_ns) / wall_ns) if wall_ns else None
