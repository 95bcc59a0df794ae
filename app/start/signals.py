"""Signals that ask the program to end: Ctrl-C, `kill`, a terminal that is closed. Each ends it as Ctrl-C does.

Signals are acted on in one place, the thread of `_Watch`. Python by itself would raise KeyboardInterrupt anywhere: in
the middle of a commit, in a destructor, in a callback from C code that swallows or prints it. It would also raise it
only when the main thread next runs Python, which long C code delays. So the handlers only note the signal, and the
thread, which the kernel wakes through a pipe, ends the process at once. The exception is work that must end by itself
(`noted`): it checks `Asked` after each piece of work, and has a limited time to end.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Final

from engine import leftovers

ENDING: Final = tuple(
    number for name in ("SIGINT", "SIGTERM", "SIGHUP") if (number := getattr(signal, name, None)) is not None
)
SHELL_ADDS: Final = 128
"""Shells add this to a signal's number for the exit status of a process that it ended."""
WITHIN_S: Final = 3.0
"""How long `noted` work may take to end; usually it takes some hundredths of a second."""
NOT_WATCHED: Final = 0
"""A byte that is not the number of a signal: it ends the thread of a watch."""


class Ended(KeyboardInterrupt):
    """A signal asked the program to end."""

    def __init__(self, number: int) -> None:
        super().__init__(f"signal {number}")
        self.number = number

    @property
    def exit_status(self) -> int:
        return SHELL_ADDS + self.number


class Asked:
    """Which signal asked the program to end (`number`); 0 where none did."""

    def __init__(self) -> None:
        self.number = 0
        self.said = False
        """Whether Ended was raised."""
        self.wake: Callable[[], None] = lambda: None
        """Called on another thread when a signal came, to wake a loop that sleeps."""

    def note(self, number: int, _frame: FrameType | None = None) -> None:
        """A signal handler that only remembers the first signal."""
        self.number = self.number or number

    def raise_if_asked(self) -> None:
        """Raise Ended where a signal came."""
        if self.number:
            self.said = True
            raise Ended(self.number)


class _Watch:
    """Handles the signals from now on, except those that are ignored (`nohup`); in the main thread only."""

    def __init__(self) -> None:
        self.asked = Asked()
        self._lock = threading.Lock()
        self._holds: list[float] = []
        """For each active `noted` block: the seconds that it may take after a signal."""
        self._taken = False
        """Whether the main thread knows of a signal, and ends the program by itself."""
        self._force: threading.Timer | None = None
        self._read_end, self._write_end = os.pipe()
        os.set_blocking(self._write_end, False)
        self._wakeup_before = signal.set_wakeup_fd(self._write_end, warn_on_full_buffer=False)
        self._thread = threading.Thread(target=self._run, name="signals", daemon=True)
        self._thread.start()
        self._before: dict[int, Any] = {}
        for number in ENDING:
            old = signal.getsignal(number)
            if old not in (signal.SIG_IGN, None):
                self._before[number] = old
                signal.signal(number, self.asked.note)

    def hold(self, within_s: float) -> None:
        with self._lock:
            self._holds.append(within_s)

    def let_go(self, within_s: float) -> None:
        """A `noted` block ended: a signal that comes from now on ends the program at once."""
        with self._lock:
            self._holds.remove(within_s)
            self._taken = self._taken or self.asked.number != 0

    def close(self) -> None:
        """Restore the previous handlers, and end the thread."""
        for number, old in self._before.items():
            signal.signal(number, old)
        signal.set_wakeup_fd(self._wakeup_before)
        os.write(self._write_end, bytes([NOT_WATCHED]))
        self._thread.join()
        if self._force is not None:
            self._force.cancel()
        os.close(self._read_end)
        os.close(self._write_end)

    def _run(self) -> None:
        while True:
            for number in os.read(self._read_end, 64):
                if number == NOT_WATCHED:
                    return
                if number in self._before:
                    self._act(number)

    def _act(self, number: int) -> None:
        with self._lock:
            self.asked.note(number)
            if not self._holds and not self._taken:
                end_now(self.asked.number)
            if self._force is None:
                self._force = threading.Timer(max(self._holds, default=WITHIN_S), end_now, (self.asked.number,))
                self._force.daemon = True
                self._force.start()
        self.asked.wake()


_watch: _Watch | None = None


def end_now(number: int) -> None:
    """End the process with the exit status of this signal, on any thread; incomplete files are removed."""
    leftovers.remove_all()
    os._exit(SHELL_ADDS + number)


def watch() -> None:
    """From now on a signal ends the process at once, except within a `noted` block."""
    global _watch  # noqa: PLW0603 - a process has one set of signal handlers
    if _watch is None and threading.current_thread() is threading.main_thread():
        _watch = _Watch()


@contextmanager
def watched() -> Iterator[None]:
    """As `watch`, within a `with` block."""
    global _watch  # noqa: PLW0603
    mine = _watch is None and threading.current_thread() is threading.main_thread()
    watch()
    try:
        yield
    finally:
        if mine and _watch is not None:
            _watch.close()
            _watch = None


@contextmanager
def noted(within_s: float = WITHIN_S) -> Iterator[Asked]:
    """Context in which signals are only noted, so that work is not interrupted; it checks `Asked` after each piece.

    Raises Ended at its end if a signal came and the work did not raise it. If the work takes longer than `within_s`
    after the signal, the process is ended. Outside of the main thread this has no effect.
    """
    if threading.current_thread() is not threading.main_thread():
        yield Asked()
        return
    with watched():
        watching = _watch
        assert watching is not None
        watching.hold(within_s)
        try:
            yield watching.asked
        finally:
            watching.let_go(within_s)
        if not watching.asked.said:
            watching.asked.raise_if_asked()
