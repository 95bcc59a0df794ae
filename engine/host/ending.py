"""How a part of the engine process that cannot go on ends the whole process: with a sentence that its owner tells.

A thread that dies by itself leaves a process that looks alive and says nothing, and an owner who waits for ever. So
whatever kills a thread here, or the main one, ends the process; its owner reads the end of the pipe at once, and the
sentence on standard error.
"""

from __future__ import annotations

import os
import sys
import threading
import traceback
from typing import Final, NoReturn

FAILED: Final = 70
"""The exit status of a process that a part of it ended (what `sysexits.h` calls an internal error)."""


def fail(what: str, error: BaseException) -> NoReturn:
    """End this process at once; the last line of standard error says that `what` failed and why."""
    try:
        traceback.print_exception(error)
        why = " ".join("".join(traceback.format_exception_only(error)).split()).rstrip(".")
        sys.stderr.write(f"{what} failed: {why}\n")
        sys.stderr.flush()
    finally:
        os._exit(FAILED)


def end_with_any_thread() -> None:
    """From here on whatever a thread does not catch ends this process."""
    threading.excepthook = _thread_died


def _thread_died(died: threading.ExceptHookArgs) -> None:
    name = "a thread" if died.thread is None else f"its thread “{died.thread.name}”"
    fail(name, died.exc_value if died.exc_value is not None else died.exc_type())
