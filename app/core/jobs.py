"""Background work of the window, and which of it may delay the closing of the window.

One rule holds for all jobs. A job that only reads is cancelled as soon as its result is not needed any more, and at
the latest when the window closes. The closing window waits for a job that writes a file for the user, until the user
stops the waiting. A job that has not ended by then is abandoned, and ends with the program.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from PySide6.QtCore import QObject, Signal, Slot

from app.core.background import Background, Failure
from engine.session.patience import Patience
from engine.session.store import Session

READERS_WITHIN_S: Final = 1.0
"""How long a closing window waits for jobs that read; a cancelled query ends within a tenth of this time."""
LOOK_EVERY_S: Final = 0.02


@dataclass(frozen=True, slots=True)
class Job:
    """One piece of work on a separate thread, and what the window must know about it."""

    task: Background
    doing: str
    """The text to show while the work runs; "" for work that is not shown."""
    patience: Patience | None
    """Cancels the work; None for work that cannot be cancelled."""
    reads: Session | None
    """The session that the work reads: its file must stay open until the work ends."""
    writes: Path | None
    """The file that the work writes for the user."""

    @property
    def given_up(self) -> bool:
        return self.patience is not None and self.patience.over

    @property
    def only_reads(self) -> bool:
        """Whether the work can be cancelled without loss."""
        return self.patience is not None and self.writes is None


class Jobs(QObject):
    """Starts background work and calls back when it is done. Used from the window's thread only."""

    changed = Signal()
    """A job began, ended or was cancelled."""
    left_behind: Final[list[Background]] = []
    """Abandoned jobs: while one still runs, the program must not destroy the objects it uses."""

    def __init__(self, fail: Callable[[Failure], None], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.fail = fail
        """Reports a failure of a job that has no `otherwise` of its own."""
        self._jobs: list[Job] = []
        self._unwanted: list[tuple[Session, Callable[[], None]]] = []
        """Sessions that jobs still read, each with the function to call as soon as no job reads it."""

    @property
    def busy(self) -> bool:
        """Whether any job is running."""
        return bool(self._jobs)

    @property
    def doing(self) -> str:
        """The `doing` text of the newest shown job; "" without one."""
        return next((job.doing for job in reversed(self._jobs) if job.doing and not job.given_up), "")

    @property
    def can_be_given_up(self) -> bool:
        """Whether a shown job only reads and can be cancelled."""
        return any(job.doing and job.only_reads and not job.given_up for job in self._jobs)

    @property
    def written(self) -> list[Path]:
        """Files that the user asked for and that are not complete yet."""
        return [job.writes for job in self._jobs if job.writes is not None]

    def start(
        self,
        work: Callable[[], object],
        then: Callable[[object], None],
        otherwise: Callable[[Failure], None] | None = None,
        *,
        doing: str = "",
        patience: Patience | None = None,
        reads: Session | None = None,
        writes: Path | None = None,
    ) -> None:
        """Do `work` on a thread, then call `then` with its result, or `otherwise` with its Failure."""
        task = Background(work, then, otherwise or self.fail, self)
        task.finished.connect(self._on_finished)
        self._jobs.append(Job(task, doing, patience, reads, writes))
        task.start()
        self._tell()

    def say_doing(self, patience: Patience, doing: str) -> None:
        """Show another text for the running job that this Patience cancels: how far it is."""
        changed = [replace(job, doing=doing) if job.patience is patience else job for job in self._jobs]
        if changed != self._jobs:
            self._jobs = changed
            self.changed.emit()

    def reads(self, session: Session) -> bool:
        """Whether any job reads this session's file, also for a part of it that is replayed."""
        source = session.source
        return any(one is session or (source is not None and one.source is source) for one in self.sessions())

    def sessions(self) -> list[Session]:
        """The sessions that jobs read."""
        return [job.reads for job in self._jobs if job.reads is not None]

    def when_unread(self, session: Session, do: Callable[[], None]) -> None:
        """Call `do` as soon as no job reads this session's file; at once where none does."""
        if self.reads(session):
            self._unwanted.append((session, do))
        else:
            do()

    def give_up(self) -> None:
        """Cancel the shown jobs that only read. Their callbacks are still called, and can check `Patience.over`."""
        self._give_up_what_reads(lambda job: bool(job.doing))

    def close(self, go_on: Callable[[list[Path]], bool]) -> None:
        """The window closes: cancel jobs that read, and wait for jobs that write as long as `go_on` returns True."""
        self._give_up_what_reads(lambda job: True)
        deadline = time.monotonic() + READERS_WITHIN_S
        while self._jobs:
            written = self.written
            if not go_on(written) if written else time.monotonic() > deadline:
                break
            self._jobs[0].task.wait(LOOK_EVERY_S)
            self._on_finished()
        for job in self._jobs:
            _give_up(job)
        for job in self._jobs:
            self._leave_behind(job)
        self._jobs = []

    def _give_up_what_reads(self, which: Callable[[Job], bool]) -> None:
        for job in self._jobs:
            if job.only_reads and which(job):
                _give_up(job)
        self.changed.emit()

    def _leave_behind(self, job: Job) -> None:
        if job.patience is not None and job.task.wait(READERS_WITHIN_S):
            return
        job.task.finished.disconnect(self._on_finished)
        job.task.setParent(None)
        self.left_behind.append(job.task)
        if job.writes is not None:
            with suppress(OSError):  # the incomplete copy, which lies beside its target
                job.writes.with_name(f".{job.writes.name}.unfinished").unlink(missing_ok=True)

    def _tell(self) -> None:
        unwanted, self._unwanted = self._unwanted, []
        for session, do in unwanted:
            self.when_unread(session, do)
        self.changed.emit()

    @Slot()
    def _on_finished(self) -> None:
        over = [job for job in self._jobs if job.task.over]
        if not over:
            return
        self._jobs = [job for job in self._jobs if job not in over]
        for job in over:
            job.task.wait()
            job.task.deleteLater()
        self._tell()
        for job in over:
            if job.task.failure is not None:
                job.task.otherwise(job.task.failure.translated())
            else:
                job.task.then(job.task.result)


def _give_up(job: Job) -> None:
    if job.patience is not None:
        job.patience.give_up()
