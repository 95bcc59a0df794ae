"""Exceptions that nobody caught in the window's own code: told in a dialog, once a place, and on the terminal."""

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
    """What reaches the end of a slot or of an event handler is given to `tell` as (sentence, details)."""
    before = sys.excepthook
    known: set[tuple[type[BaseException], str, int | None]] = set()

    def hook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        before(kind, error, trace)
        if not isinstance(error, Exception) or threading.current_thread() is not threading.main_thread():
            return
        last = traceback.extract_tb(trace)[-1:]
        place = (kind, last[0].filename if last else "", last[0].lineno if last else 0)
        if place not in known:  # what fails at every drawing would open a dialog at every drawing
            known.add(place)
            failure = failure_of(error)
            tell(failure.sentence, failure.details)

    sys.excepthook = hook
    try:
        yield
    finally:
        sys.excepthook = before
