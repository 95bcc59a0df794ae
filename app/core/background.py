"""Runs one function on a separate thread, so that the window responds while files are read and written."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final

from PySide6.QtCore import QCoreApplication, QObject, Signal

from app.core.engine_sentences import in_window_language
from engine.errors import DecodeScopeError, EngineStoppedError
from engine.plain_text import one_line

MOST_OF_AN_ERROR: Final = 1000
"""Limit of the characters kept of an exception's message: a message may quote a whole file."""


@dataclass(frozen=True, slots=True)
class Failure:
    """What went wrong: one sentence, and for an unexpected exception the traceback."""

    sentence: str
    details: str = ""

    def translated(self) -> Failure:
        """The same, said in the language of the window; asked for on the window's thread."""
        return replace(self, sentence=in_window_language(self.sentence))


def failure_of(error: BaseException) -> Failure:
    """The Failure to show for an exception. The messages of DecodeScopeError and OSError already are sentences."""
    if isinstance(error, DecodeScopeError | OSError) and str(error):
        return Failure(str(error), error.details if isinstance(error, EngineStoppedError) else "")
    what = one_line(" ".join("".join(traceback.format_exception_only(error)).split()), MOST_OF_AN_ERROR)
    sentence = QCoreApplication.translate("Failure", "Something unforeseen went wrong: {}").format(what)
    return Failure(sentence, "".join(traceback.format_exception(error)))


class Background(QObject):
    """Calls `work` once. When `finished` is emitted, `result` holds its return value, or `failure` what went wrong.

    The thread is a daemon, so that the program can end without waiting for it: a read from a dead network drive may
    never return.
    """

    finished = Signal()

    def __init__(
        self,
        work: Callable[[], object],
        then: Callable[[object], None],
        otherwise: Callable[[Failure], None],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._work = work
        self.then = then
        """Called by the owner with `result`, on the owner's thread."""
        self.otherwise = otherwise
        """Called by the owner with `failure` where the work failed, on the owner's thread."""
        self.result: object = None
        self.failure: Failure | None = None
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="background", daemon=True)

    @property
    def over(self) -> bool:
        """Whether the work is done, or failed."""
        return self._over.is_set()

    def start(self) -> None:
        """Begin the work; raises RuntimeError where the system cannot start a thread."""
        self._thread.start()

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until the work and its thread have ended; returns whether the work has ended.

        `timeout_s` limits the wait for the work; None waits without limit.
        """
        if self._over.wait(timeout_s):
            self._thread.join()
        return self.over

    def _run(self) -> None:
        try:
            self.result = self._work()
        except BaseException as error:  # no other code would see an exception of this thread
            self.failure = failure_of(error)
        self._over.set()
        with suppress(RuntimeError):  # the window has been destroyed meanwhile
            self.finished.emit()
