"""Uncaught exceptions of the window's code: reported in a dialog, once for each place, and on the terminal."""

from __future__ import annotations

import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType

from app.core.background import failure_of


@contextmanager
def told(tell: Callable[[str, str], None]) -> Iterator[None]:
    """Context: an exception that leaves a slot or an event handler is given to `tell` as (sentence, details)."""
    before = sys.excepthook
    known: set[tuple[type[BaseException], str, int | None]] = set()

    def hook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        before(kind, error, trace)
        if not isinstance(error, Exception) or threading.current_thread() is not threading.main_thread():
            return
        last = traceback.extract_tb(trace)[-1:]
        place = (kind, last[0].filename if last else "", last[0].lineno if last else 0)
        if place not in known:  # else an error in a paint event would open a dialog at every paint
            known.add(place)
            failure = failure_of(error)
            tell(failure.sentence, failure.details)

    sys.excepthook = hook
    try:
        yield
    finally:
        sys.excepthook = before
