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
"""The rate is that of so long at least."""
LEAST_GROWTH: Final = 16 * 2**20
"""And of so many bytes: SQLite writes over its log of 4 MiB again and again, and meanwhile the files do not grow."""
MOST_S: Final = 600.0
"""But of no longer than this."""


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
        while self._is_enough_without_the_first(now_s):
            self._seen.popleft()

    def _is_enough_without_the_first(self, now_s: float) -> bool:
        if now_s - self._seen[0][0] > MOST_S:
            return True
        if len(self._seen) < 2:
            return False
        since_s, before = self._seen[1]
        return now_s - since_s >= OVER_S and self._seen[-1][1] - before >= LEAST_GROWTH

    @property
    def bytes(self) -> int:
        """The size that was seen last."""
        return self._seen[-1][1] if self._seen else 0

    @property
    def bytes_per_s(self) -> float | None:
        """How fast it grew of late; None before that is known."""
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
