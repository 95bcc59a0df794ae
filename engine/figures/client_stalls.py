"""When our own client did not read what a server sent, from the readings that it made of itself."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engine.session.schema import CLIENT_STALLED
from engine.session.store import Session

Ints = NDArray[np.int64]


class ClientStalls:
    """The stalls of a session's own client; they are apart from each other, in the order of time."""

    def __init__(self, session: Session) -> None:
        readings = session.metric_samples
        count = len(readings)
        words = readings.words["name"]
        code = words.index(CLIENT_STALLED) if CLIENT_STALLED in words else -1
        rows = np.flatnonzero(readings["name"][:count] == code)
        self._until = np.maximum.accumulate(readings["t_ns"][:count][rows])
        lengths = np.maximum(readings["value"][:count][rows], 0.0) * 1e9
        since = np.maximum(self._until - lengths.astype(np.int64), np.append(0, self._until[:-1]))
        self._since: Ints = np.minimum(since, self._until)
        self._passed: Ints = np.append(0, np.cumsum(self._until - self._since))

    def between(self, since: Ints, until: Ints) -> Ints:
        """ns of stalls in each span from `since` to `until`, int64 of their shape."""
        found: Ints = self._before(until) - self._before(since)
        return found

    def _before(self, moments: Ints) -> Ints:
        """ns of stalls before each moment."""
        if not len(self._until):
            return np.zeros_like(moments)
        ended = np.searchsorted(self._until, moments, "right")
        now = np.minimum(ended, len(self._until) - 1)
        within = np.clip(moments - self._since[now], 0, self._until[now] - self._since[now])
        found: Ints = self._passed[ended] + np.where(ended < len(self._until), within, 0)
        return found
