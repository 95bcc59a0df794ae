"""What the instrumentation itself costs, as shares of the time that the steps and their records take."""

from __future__ import annotations

from typing import Final

from engine.session.schema import Overhead

TELL_EVERY_NS: Final = 1_000_000_000


class OverheadMeter:
    """Adds up the cost of observing and reports it about once per second of steps, and for a whole run at its end.

    There are two shares, as there are two questions. Watching (spans, reading them, alternatives, attention rows) is
    what a run loses compared with the same run at detail `off`: a pair of such runs measures it. The record of each
    step (positions, memory, tokens) is kept at every level, so such a pair does not show its cost.
    """

    def __init__(self) -> None:
        self._wall_ns = 0
        self._watching_ns = self._records_ns = 0.0
        self._open: tuple[int, float, float, float] | None = None
        """(Wall time, watching, reading, records) of the newest step in ns, while it is unknown whether the host's work
        after it cost any time. A step's time and its cost are counted together, so that no share is above 1."""
        self._told = (0, 0.0, 0.0)
        """(Wall time, watching, records) in ns of the steps whose shares were reported."""

    def add(
        self, wall_ns: int, watching_ns: float, reading_ns: float, records_ns: float, *, beside: bool = False,
        late: bool = True,
    ) -> Overhead | None:  # fmt: skip
        """Count one step that took `wall_ns`, its record included.

        Returns the shares since the last report, once the steps since then took a second together. `watching_ns` made
        the step itself longer. `reading_ns` and `records_ns` are the host's work after it, for what was watched and
        for its record. `beside` says that the next step was in flight at that time: then this work costs nothing,
        unless that step is done before the host asks for it. The next call says so by `late`.
        """
        self._close(late)
        # A step that was launched during the step before it was partly watched in that step's time.
        earlier_ns = max(0.0, watching_ns - wall_ns)
        self._watching_ns += earlier_ns
        watching_ns -= earlier_ns
        if beside:
            self._open = wall_ns, watching_ns, reading_ns, records_ns
        else:
            self._count(wall_ns, watching_ns + reading_ns, records_ns)
        if self._wall_ns < TELL_EVERY_NS:
            return None
        told = Overhead(self._watching_ns / self._wall_ns, self._records_ns / self._wall_ns)
        self._told = self._counted()
        self._wall_ns, self._watching_ns, self._records_ns = 0, 0.0, 0.0
        return told

    def whole(self) -> Overhead | None:
        """The shares of all steps together; None where there was no step."""
        wall_ns, watching_ns, records_ns = self._counted()
        if self._open is not None:
            wall_ns, watching_ns = wall_ns + self._open[0], watching_ns + self._open[1]
        return Overhead(watching_ns / wall_ns, records_ns / wall_ns) if wall_ns else None

    def _counted(self) -> tuple[int, float, float]:
        wall_ns, watching_ns, records_ns = self._told
        return wall_ns + self._wall_ns, watching_ns + self._watching_ns, records_ns + self._records_ns

    def _close(self, late: bool) -> None:
        """Count the step before, and the host's work after it where the host was `late` for the next step."""
        if self._open is not None:
            wall_ns, watching_ns, reading_ns, records_ns = self._open
            self._open = None
            self._count(wall_ns, watching_ns + (reading_ns if late else 0.0), records_ns if late else 0.0)

    def _count(self, wall_ns: int, watching_ns: float, records_ns: float) -> None:
        self._wall_ns += wall_ns
        self._watching_ns += watching_ns
        self._records_ns += records_ns
