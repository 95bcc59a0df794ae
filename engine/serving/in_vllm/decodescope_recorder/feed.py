"""What waits for the listener, bounded: between the scheduler's thread and the daemon thread that sends."""

from __future__ import annotations

from collections import deque
from typing import Any, Final

from decodescope_recorder.log import logger

LIMIT_BYTES: Final = 32 * 2**20
"""What may wait for a listener, about; beyond it steps are dropped."""


class Feed:
    """Messages on their way to the listener, without a lock: what is counted, one thread counts.

    The scheduler's thread calls `put` and `wants_snapshot`; the daemon thread `connected`, `take` and `disconnected`;
    either may `fail`.
    """

    def __init__(self, limit_bytes: int = LIMIT_BYTES) -> None:
        self.on = False
        """Whether a listener is there."""
        self.live = False
        """Whether it has its snapshot, so that changes make sense to it."""
        self.failed = ""
        """Why the recorder switched itself off."""
        self.lost_steps = 0
        """Steps dropped since the last snapshot, counted by the scheduler's thread alone."""
        self._limit_bytes = limit_bytes
        self._entries: deque[tuple[int, tuple[Any, ...]]] = deque()
        self._put_bytes = 0
        """Counted by the scheduler's thread alone."""
        self._taken_bytes = 0
        """Counted by the daemon thread alone."""
        self._connection = 0
        """The number of the newest connection, counted by the daemon thread alone."""
        self._served = 0
        """The connection that had its snapshot last, noted by the scheduler's thread alone."""
        self._skipping = True
        """Whether entries are of an earlier connection: until the snapshot of this one comes."""

    def put(self, message: tuple[Any, ...], size_bytes: int) -> None:
        """Add a message of about this size; over the limit nothing more is recorded until the next snapshot."""
        if self._put_bytes - self._taken_bytes > self._limit_bytes:
            self.live = False
            self.lost_steps += message[0] == "step"
            return
        self._put_bytes += size_bytes
        self._entries.append((size_bytes, message))

    def wants_snapshot(self) -> int:
        """The connection that needs a snapshot now, because it is new or because what was lost has room again; or 0."""
        connection = self._connection
        if self._served != connection:
            self._served = connection
            self.lost_steps = 0
            return connection
        return connection if not self.live and self._put_bytes - self._taken_bytes < self._limit_bytes // 2 else 0

    def fail(self, error: BaseException) -> None:
        """Switch recording off for good, with one line in the log."""
        self.on = self.live = False
        if not self.failed:
            self.failed = f"{type(error).__name__}: {str(error)[:200]}"
            logger.error("DecodeScope's recorder switched itself off (%s); the server goes on.", self.failed)

    def connected(self) -> None:
        """A listener is there: the next step begins with a snapshot."""
        self._connection += 1
        self._skipping = True
        self.live = False
        self.on = not self.failed

    def disconnected(self) -> None:
        """Nobody listens any more."""
        self.on = self.live = False
        while self._entries:
            self._taken_bytes += self._entries.popleft()[0]

    def take(self) -> tuple[Any, ...] | None:
        """The next message, None where none waits."""
        while self._entries:
            size_bytes, message = self._entries.popleft()
            self._taken_bytes += size_bytes
            if self._skipping and message[0] == "snapshot" and message[1] == self._connection:
                self._skipping = False
            if not self._skipping or message[0] == "samples":
                return message
        return None
