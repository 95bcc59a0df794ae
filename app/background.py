"""Runs one function on a thread of its own, so that the window stays alive while files are read and written."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from PySide6.QtCore import QCoreApplication, QObject, QThread

from engine.errors import DecodeScopeError, EngineStoppedError
from engine.plain_text import plain

MOST_OF_AN_ERROR: Final = 1000
"""Characters of what an exception says: it may quote a file."""


@dataclass(frozen=True, slots=True)
class Failure:
    """What went wrong: one sentence, and where nobody foresaw it, where in the program."""

    sentence: str
    details: str = ""


def failure_of(error: BaseException) -> Failure:
    """An exception as something to show: those of this program and of the system are sentences by themselves."""
    if isinstance(error, DecodeScopeError | OSError) and str(error):
        return Failure(str(error), error.details if isinstance(error, EngineStoppedError) else "")
    what = plain(" ".join("".join(traceback.format_exception_only(error)).split()), MOST_OF_AN_ERROR)
    sentence = QCoreApplication.translate("Failure", "Something unforeseen went wrong: {}").format(what)
    return Failure(sentence, "".join(traceback.format_exception(error)))


class Background(QThread):
    """Calls `work` once. When `finished` is emitted, `result` holds what it returned, or `failure` what went wrong."""

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
        """What the owner of the thread calls with `result`, on its own thread."""
        self.otherwise = otherwise
        """What it calls with `failure` instead."""
        self.result: object = None
        self.failure: Failure | None = None

    def run(self) -> None:
        """Do the work; whatever it raises is a failure."""
        try:
            self.result = self._work()
        except BaseException as error:  # nothing else would hear of it: Qt ends the thread without a word
            self.failure = failure_of(error)
