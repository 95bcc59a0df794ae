"""Reads from a session's file in the background, one question at a time."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Final, Generic, TypeVar, cast

from PySide6.QtCore import QObject, QTimer, Signal

from app.core.background import Failure
from app.core.jobs import Jobs
from engine.errors import SessionFileError
from engine.session.patience import Patience
from engine.session.store import Session

SAID_AFTER_MS: Final = 150
"""How long an answer may take before the panel says that it is reading."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Answer(Generic[T]):
    """What was read; `error` is the sentence to show instead if the file could not be read."""

    value: T
    error: SessionFileError | None = None


class Reading(QObject):
    """The newest question to a session's file, and its answer. Used from the window's thread only.

    A new question cancels the one before. `changed` is emitted when the answer is there, and when reading takes long
    enough to be shown. Without jobs, as for a picture without a window, `answer` reads at once, on the
    caller's thread.
    """

    changed = Signal()

    def __init__(self, jobs: Jobs | None = None, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._jobs = jobs
        self._question: tuple[Session, Hashable] | None = None
        self._answer: Answer[object] | None = None
        self._patience: Patience | None = None
        self._slow = QTimer(self)
        self._slow.setSingleShot(True)
        self._slow.setInterval(SAID_AFTER_MS)
        self._slow.timeout.connect(self._tell_slow)
        self.is_slow = False
        """Whether reading takes long enough to be shown."""

    @property
    def busy(self) -> bool:
        """Whether a question is being answered."""
        return self._patience is not None

    @property
    def in_background(self) -> bool:
        """Whether questions are answered beside the window, and not at once."""
        return self._jobs is not None

    def answer(self, session: Session, question: Hashable, read: Callable[[Patience], T]) -> Answer[T] | None:
        """The answer to this question; None while it is read.

        `read` runs on another thread. If it raises SessionFileError there, this method raises that error here.
        """
        asked = self._question
        if asked is None or asked[0] is not session or asked[1] != question or not (self.busy or self._answer):
            self._ask(session, question, read)
        found = self._answer
        if found is not None and found.error is not None:
            raise found.error
        return cast("Answer[T] | None", found)

    def forget(self) -> None:
        """Cancel the reading, and drop the answer."""
        if self._patience is not None:
            self._patience.give_up()
        self._question = self._answer = self._patience = None
        self._slow.stop()
        self.is_slow = False

    def _ask(self, session: Session, question: Hashable, read: Callable[[Patience], object]) -> None:
        self.forget()
        self._question = (session, question)
        patience = Patience()
        if self._jobs is None:
            self._answer = _answered(read, patience)
            return
        self._patience = patience

        def then(found: object) -> None:
            if self._patience is patience:
                self._over(None if patience.over else cast("Answer[object]", found))

        def otherwise(failure: Failure) -> None:
            if self._patience is patience:
                self._over(None)
            jobs.fail(failure)

        jobs = self._jobs
        jobs.start(lambda: _answered(read, patience), then, otherwise, patience=patience, reads=session)
        self._slow.start()

    def _over(self, answer: Answer[object] | None) -> None:
        """Store the answer. None means that the reading was cancelled from outside: the question can be asked again."""
        self._patience, self._answer, self.is_slow = None, answer, False
        self._slow.stop()
        if answer is not None:
            self.changed.emit()

    def _tell_slow(self) -> None:
        self.is_slow = True
        self.changed.emit()


def _answered(read: Callable[[Patience], object], patience: Patience) -> Answer[object]:
    try:
        return Answer(read(patience))
    except SessionFileError as error:
        return Answer(None, error)
