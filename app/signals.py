"""Signals that ask the program to end: Ctrl-C, `kill`, a terminal that is closed. Each ends it as Ctrl-C does."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Final

ENDING: Final = tuple(
    number for name in ("SIGINT", "SIGTERM", "SIGHUP") if (number := getattr(signal, name, None)) is not None
)
SHELL_ADDS: Final = 128
"""What shells add to the number of a signal for the exit status of what it ended."""


class Ended(KeyboardInterrupt):
    """The program was asked to end by this signal."""

    def __init__(self, number: int) -> None:
        super().__init__(f"signal {number}")
        self.number = number

    @property
    def exit_status(self) -> int:
        return SHELL_ADDS + self.number


class Asked:
    """Which signal asked for the end, and how often; 0 where none did."""

    def __init__(self) -> None:
        self.number = 0
        self.times = 0

    def note(self, number: int, _frame: FrameType | None) -> None:
        """A handler that only remembers."""
        self.number = self.number or number
        self.times += 1

    def raise_if_asked(self) -> None:
        """Raise Ended where a signal came."""
        if self.number:
            raise Ended(self.number)


@contextmanager
def raised() -> Iterator[None]:
    """What is done in here is broken off by a signal that asks for the end, wherever it is: Ended is raised."""

    def end(number: int, _frame: FrameType | None) -> None:
        raise Ended(number)

    with _handled(end):
        yield


@contextmanager
def noted() -> Iterator[Asked]:
    """Signals are only noted, so that nothing is left half done; who does it looks at `Asked` when a piece is done."""
    asked = Asked()
    with _handled(asked.note):
        yield asked


@contextmanager
def _handled(handler: Any) -> Iterator[None]:
    """Let this handle the signals, but none that is ignored (`nohup`); outside of the main thread nothing changes."""
    before: dict[int, Any] = {}
    if threading.current_thread() is threading.main_thread():
        for number in ENDING:
            old = signal.getsignal(number)
            if old not in (signal.SIG_IGN, None):
                before[number] = old
                signal.signal(number, handler)
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)
