"""Ends the whole engine process when one of its threads fails, with a sentence that the owner process can show.

If only the thread ended, the process would look alive but send nothing, and its owner would wait for ever. So an error
that a thread (also the main thread) does not catch ends the process. The owner then reads the end of the pipe at once,
and the sentence from standard error.
"""

from __future__ import annotations

import os
import sys
import threading
import traceback
from typing import Final, NoReturn

FAILED: Final = 70
"""The exit status after such a failure (`sysexits.h` calls it an internal error)."""


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
    """From here on an error that a thread does not catch ends this process."""
    threading.excepthook = _thread_died


def _thread_died(died: threading.ExceptHookArgs) -> None:
    name = "a thread" if died.thread is None else f"its thread “{died.thread.name}”"
    fail(name, died.exc_value if died.exc_value is not None else died.exc_type())
