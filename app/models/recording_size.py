"""How large a recording is while it is written, and how fast it grows."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Final

from engine.client.recordings import with_companions

EVERY_S: Final = 1.0
"""The file is looked at once in so long."""
OVER_S: Final = 10.0
"""The rate is that of so long."""


class RecordingSize:
    """The bytes on the disk of one file that is written, SQLite's files beside it included."""

    def __init__(self, path: Path, now_s: Callable[[], float] = time.monotonic) -> None:
        """`now_s` is a clock in seconds."""
        self.path = path
        self._now_s = now_s
        self._seen: deque[tuple[float, int]] = deque()

    def look(self) -> None:
        """Take the present size; does nothing where that was done less than EVERY_S ago."""
        now_s = self._now_s()
        if self._seen and now_s - self._seen[-1][0] < EVERY_S:
            return
        self._seen.append((now_s, size_of(self.path)))
        while now_s - self._seen[0][0] > OVER_S:
            self._seen.popleft()

    @property
    def bytes(self) -> int:
        """The size that was seen last."""
        return self._seen[-1][1] if self._seen else 0

    @property
    def bytes_per_s(self) -> float | None:
        """How fast it grew over the last OVER_S; None before that is known."""
        if len(self._seen) < 2:
            return None
        (since_s, before), (until_s, after) = self._seen[0], self._seen[-1]
        return max(0.0, (after - before) / (until_s - since_s))  # a file gets smaller where SQLite cleans up


def size_of(path: Path) -> int:
    """The bytes on the disk of a session file, SQLite's files beside it included."""
    return sum(map(_size, with_companions(path)))


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
