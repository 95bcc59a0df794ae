"""Signals as a terminal leaves them, for what tests start."""

from __future__ import annotations

import signal


def listen() -> None:
    """Take back what a shell told this process to ignore (`nohup`, `... &`): its children would ignore it too."""
    for number in (signal.SIGINT, getattr(signal, "SIGHUP", signal.SIGINT)):
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
