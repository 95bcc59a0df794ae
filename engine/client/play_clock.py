"""The clock of a replay: which moment of a recording is due now, at a speed, with long waits shortened or not.

It counts from the wall clock and never adds up ticks, so that a replay takes the time it should however late each
drawing is.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.session.store import Session

Ints = NDArray[np.int64]
SHORTENED_NS: Final = 1_000_000_000
"""A wait takes no longer than this where waits are shortened."""


class Waits:
    """The waits of a recording that are longer than SHORTENED_NS: no step ran, and no token and no request came."""

    def __init__(self, session: Session) -> None:
        requests = list(session.requests.values())
        points = np.concatenate(
            [session.tokens["emitted_ns"], np.array([request.arrived_ns for request in requests], np.int64)]
        )
        since = np.concatenate([session.steps["start_ns"], points])
        until = np.concatenate([session.steps["end_ns"], points])
        order = np.argsort(since, kind="stable")
        busy_until = np.maximum.accumulate(until[order])[:-1]
        next_since = since[order][1:]
        long = np.flatnonzero(next_since - busy_until > SHORTENED_NS)
        self._cut_from: Ints = busy_until[long] + SHORTENED_NS
        """Where each wait has lasted as long as it may."""
        self._cut_to: Ints = next_since[long]
        self._cut: Ints = np.append(0, np.cumsum(self._cut_to - self._cut_from))
        """ns cut out before each wait, and in all."""

    def __len__(self) -> int:
        return len(self._cut_from)

    def played_ns(self, t_ns: int) -> int:
        """How far a moment is from the session's zero without what is cut out."""
        place = int(np.searchsorted(self._cut_from, t_ns, "right")) - 1
        if place < 0:
            return t_ns
        inside = min(t_ns, int(self._cut_to[place])) - int(self._cut_from[place])
        return t_ns - int(self._cut[place]) - inside

    def moment_ns(self, played_ns: int) -> int:
        """The moment that `played_ns` gives; the last one of them, where a wait is cut out."""
        begins = self._cut_from - self._cut[:-1]  # where each cut is, as played
        place = int(np.searchsorted(begins, played_ns, "right"))
        return played_ns + int(self._cut[place])


class PlayClock:
    """Which moment is due. It stands still until `play`; a change of speed, place or waits takes effect from now on."""

    def __init__(self, begin_ns: int, end_ns: int, waits: Waits, wall_s: Callable[[], float] = time.monotonic) -> None:
        """`wall_s` is a clock in seconds."""
        self._begin_ns, self._end_ns = begin_ns, end_ns
        self._waits = waits
        self._wall_s = wall_s
        self._since_s: float | None = None
        """When the clock began to run from `_from_ns`; None while it stands still."""
        self._from_ns = begin_ns
        self._speed = 1.0
        self._shortens = False

    @property
    def runs(self) -> bool:
        return self._since_s is not None

    @property
    def speed(self) -> float:
        """Seconds of the recording for each second of the wall clock."""
        return self._speed

    @property
    def shortens_waits(self) -> bool:
        return self._shortens

    def now_ns(self) -> int:
        """The moment of the recording that is due now, never after its end."""
        if self._since_s is None:
            return self._from_ns
        passed_ns = (self._wall_s() - self._since_s) * self._speed * 1e9
        if self._shortens:
            t_ns = self._waits.moment_ns(self._waits.played_ns(self._from_ns) + round(passed_ns))
        else:
            t_ns = self._from_ns + round(passed_ns)
        return min(t_ns, self._end_ns)

    def play(self) -> None:
        """Run on from the present moment."""
        if self._since_s is None:
            self._since_s = self._wall_s()

    def pause(self) -> None:
        """Stand still at the present moment."""
        self._from_ns, self._since_s = self.now_ns(), None

    def go(self, t_ns: int) -> None:
        """Go to a moment, and run on from there if the clock runs."""
        self._from_ns = min(max(t_ns, self._begin_ns), self._end_ns)
        if self._since_s is not None:
            self._since_s = self._wall_s()

    def set_speed(self, speed: float) -> None:
        """Run at another speed from now on."""
        self.go(self.now_ns())
        self._speed = speed

    def shorten_waits(self, shortens: bool) -> None:
        """Let waits take SHORTENED_NS of the recording at most, or as long as they were."""
        self.go(self.now_ns())
        self._shortens = shortens
