"""Runs a question in SQL beside the window, one at a time."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, cast

from PySide6.QtCore import QObject, QTimer, Signal

from app.core.background import Failure
from app.core.jobs import Jobs
from engine.session.asking import Answered, AskedWrongError, ask
from engine.session.patience import Patience
from engine.session.store import Session

TOLD_EVERY_MS: Final = 100

Outcome = Answered | AskedWrongError


class QueryRun(QObject):
    """The question that runs, or that ran last. Used from the window's thread only.

    Without jobs, as for a picture without a window, `start` answers before it returns.
    """

    changed = Signal()
    """A question began or ended."""
    ticked = Signal()
    """Time has passed while a question runs."""

    def __init__(self, jobs: Jobs | None = None, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._jobs = jobs
        self._patience: Patience | None = None
        self._began_s = 0.0
        self.outcome: Outcome | None = None
        """What the last question gave, or what is wrong with it; None while one runs, and before the first."""
        self._clock = QTimer(self)
        self._clock.setInterval(TOLD_EVERY_MS)
        self._clock.timeout.connect(self.ticked)

    @property
    def busy(self) -> bool:
        """Whether a question runs."""
        return self._patience is not None

    @property
    def elapsed_s(self) -> float:
        """Since when the question runs, in seconds."""
        return time.monotonic() - self._began_s

    def start(self, session: Session, path: Path, sql: str, values: dict[str, int | None]) -> None:
        """Ask the session's file; a question that runs is cancelled first."""
        self.forget()
        patience = Patience()
        ask_it = _asking(path, sql, values, patience)
        if self._jobs is None:
            self.outcome = ask_it()
            self.changed.emit()
            return
        self._patience, self._began_s = patience, time.monotonic()
        jobs = self._jobs

        def then(outcome: object) -> None:
            self._end(patience, cast(Outcome, outcome))

        def otherwise(failure: Failure) -> None:
            self._end(patience, None)
            jobs.fail(failure)

        jobs.start(ask_it, then, otherwise, patience=patience, reads=session)
        self._clock.start()
        self.changed.emit()

    def cancel(self) -> None:
        """End the question that runs; its outcome then says that it was cancelled."""
        if self._patience is not None:
            self._patience.give_up()

    def forget(self) -> None:
        """End the question that runs, and drop the outcome, without emitting `changed`."""
        self.cancel()
        self._patience = self.outcome = None
        self._clock.stop()

    def _end(self, patience: Patience, outcome: Outcome | None) -> None:
        if self._patience is not patience:
            return
        self._patience, self.outcome = None, outcome
        self._clock.stop()
        self.changed.emit()


def _asking(path: Path, sql: str, values: dict[str, int | None], patience: Patience) -> Callable[[], Outcome]:
    """The work of a thread; what is wrong with a question is its result, shown in place and never as a dialog."""

    def work() -> Outcome:
        try:
            return ask(path, sql, values, patience)
        except AskedWrongError as error:
            return error

    return work
