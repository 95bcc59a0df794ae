"""What the window does in the background, and what of it may keep the window from closing.

One rule for all of it. What only reads is given up as soon as nobody wants it any more, and at the latest when the
window closes. What writes a file that somebody asked for is waited for, as long as somebody is there who may say that
it is enough. Whatever does not end then is left behind, and ends with the program.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from PySide6.QtCore import QObject, Signal, Slot

from app.core.background import Background, Failure
from engine.session.patience import Patience
from engine.session.store import Session

READERS_WITHIN_S: Final = 1.0
"""How long a closing window waits for what reads; each query ends within a tenth of it."""
LOOK_EVERY_S: Final = 0.02


@dataclass(frozen=True, slots=True)
class Job:
    """Work on a thread of its own, and what the window must know of it."""

    task: Background
    doing: str
    """What to say while it goes on, "" for what nobody needs to know of."""
    patience: Patience | None
    """Gives it up; None for what cannot be."""
    reads: Session | None
    """The session whose file must stay open."""
    writes: Path | None
    """The file that somebody waits for."""

    @property
    def given_up(self) -> bool:
        return self.patience is not None and self.patience.over

    @property
    def only_reads(self) -> bool:
        """Whether nothing is lost when it is given up, and it can be."""
        return self.patience is not None and self.writes is None


class Jobs(QObject):
    """Starts background work and calls back when it is done. Used by the window's thread."""

    changed = Signal()
    """Something began, ended or was given up."""
    left_behind: Final[list[Background]] = []
    """What was not waited for; the program must not be taken apart while it still runs."""

    def __init__(self, fail: Callable[[Failure], None], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.fail = fail
        """Tells of what went wrong where a job has nobody else to tell."""
        self._jobs: list[Job] = []
        self._unwanted: list[tuple[Session, Callable[[], None]]] = []
        """Sessions that are still read, and what to do as soon as they are not."""

    @property
    def busy(self) -> bool:
        """Whether anything goes on."""
        return bool(self._jobs)

    @property
    def doing(self) -> str:
        """What goes on that somebody may want to know of."""
        return next((job.doing for job in reversed(self._jobs) if job.doing and not job.given_up), "")

    @property
    def can_be_given_up(self) -> bool:
        """Whether what is being done is only read, and can be given up."""
        return any(job.doing and job.only_reads and not job.given_up for job in self._jobs)

    @property
    def written(self) -> list[Path]:
        """Files that somebody asked for and that are not whole yet."""
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
        """Do `work` on a thread, then call `then` with what it returned, or `otherwise` with what went wrong."""
        task = Background(work, then, otherwise or self.fail, self)
        task.finished.connect(self._on_finished)
        self._jobs.append(Job(task, doing, patience, reads, writes))
        task.start()
        self._tell()

    def reads(self, session: Session) -> bool:
        """Whether any job reads this session's file."""
        return any(job.reads is session for job in self._jobs)

    def sessions(self) -> list[Session]:
        """The sessions that are read."""
        return [job.reads for job in self._jobs if job.reads is not None]

    def when_unread(self, session: Session, do: Callable[[], None]) -> None:
        """Call `do` as soon as no job reads this session's file; at once where none does."""
        if self.reads(session):
            self._unwanted.append((session, do))
        else:
            do()

    def give_up(self) -> None:
        """End what is only read and was told of; it is as if it had never been asked for."""
        self._give_up_what_reads(lambda job: bool(job.doing))

    def close(self, go_on: Callable[[list[Path]], bool]) -> None:
        """The window closes: give up what reads, and wait for what writes as long as `go_on` says so."""
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
            with suppress(OSError):  # half a copy, beside the place where it would have been whole
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
                job.task.otherwise(job.task.failure)
            else:
                job.task.then(job.task.result)


def _give_up(job: Job) -> None:
    if job.patience is not None:
        job.patience.give_up()
