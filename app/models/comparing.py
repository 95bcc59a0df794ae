"""The comparison of the shown session (A) with another recording or range (B): chosen, read in the background, kept."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol, cast

from PySide6.QtCore import QObject, QTimer, Signal

from app.core.background import Failure, failure_of
from app.core.baselines import MOST, Baseline, baselines
from app.core.jobs import Jobs
from app.core.selection import Selection
from engine.errors import DecodeScopeError
from engine.figures.step_range import StepRange
from engine.session.patience import Patience
from engine.session.store import Session

if TYPE_CHECKING:
    from app.models.side_by_side import Compared

LEAST_REST_S: Final = 3.0
"""A growing session is compared again after this time at the earliest."""
REST: Final = 20.0
"""And after so many times the time that the last comparison took, so that it costs a twentieth at most."""
HELD_ROWS: Final = 400_000
"""A session B with at most so many steps and tokens stays in memory, for the next comparison."""


class Remembered(Protocol):
    """What is remembered between two starts; `Preferences` does it."""

    baselines: list[str]
    baseline_on: bool

    @property
    def recent_sessions(self) -> list[str]:
        """The recent session files, newest first."""


@dataclass(frozen=True, slots=True)
class Choice:
    """Something that can be B. `name` is "" for a file that is no baseline."""

    path: str
    steps: StepRange = None
    name: str = ""


class Comparing(QObject):
    """One comparison at most, that of the window. Its owner says what is shown; the panel shows what it holds.

    Used from the window's thread only. Without jobs it compares at once, on the caller's thread.
    """

    changed = Signal()
    """Another result, another state, or another choice."""
    read = Signal(object)
    """The path of a session that was compared with."""
    rested = Signal()
    """What was found to have changed during a rest can be compared now."""
    browse_wanted = Signal()
    """The user is to be asked for a file."""

    def __init__(
        self,
        selection: Selection,
        jobs: Jobs | None = None,
        remembered: Remembered | None = None,
        parent: QObject | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(parent)
        self._selection, self._jobs, self._remembered, self._clock = selection, jobs, remembered, clock
        self.session: Session | None = None
        """The shown session, A."""
        self._paths: tuple[str, ...] = ()
        """The shown session's files: the recording and its copy; the first is the one to tell."""
        self.choice: Choice | None = None
        """B."""
        self.compared: Compared | None = None
        self.of: tuple[Session, int] | None = None
        """Of which session, at which revision, the result is."""
        self.doing = ""
        """The file that is being read and compared; "" where nothing is."""
        self.fault = ""
        """Why the last comparison could not be made."""
        self._patience: Patience | None = None
        self._held: tuple[tuple[str, int, int], Session] | None = None
        self._rest_until = 0.0
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.timeout.connect(self.rested)

    # --- what is shown ----------------------------------------------------------------------------------------------

    def show_session(self, session: Session | None, paths: tuple[str, ...]) -> None:
        """Another session is shown, or it has another file; `paths` are its files, the one to tell first."""
        self._paths = paths
        if session is not self.session:
            self.give_up()
            self.session, self.of = session, None
            self.compared, self.fault = None, ""
            if self.automatic and session is not None and self.pinned:
                self.choice = _choice_of(self.pinned[0])
            self._rest_until = 0.0
        self.changed.emit()

    @property
    def path(self) -> str:
        """The file of the shown session; "" where it is in memory only."""
        return self._paths[0] if self._paths else ""

    @property
    def a_steps(self) -> StepRange:
        """The steps of A that are compared: the selected range."""
        return self._selection.now.steps

    # --- what it can be compared with -------------------------------------------------------------------------------

    @property
    def pinned(self) -> list[Baseline]:
        """The baselines, the newest first."""
        return [] if self._remembered is None else baselines(self._remembered.baselines)

    @property
    def automatic(self) -> bool:
        """Whether the newest baseline is compared with whatever is shown."""
        return self._remembered is not None and self._remembered.baseline_on

    def set_automatic(self, on: bool) -> None:
        """Compare the newest baseline with whatever is shown, or do not."""
        if self._remembered is not None:
            self._remembered.baseline_on = on
        if on and self.choice is None and self.pinned:
            self.choose(_choice_of(self.pinned[0]))
        self.changed.emit()

    def offered(self) -> list[Choice]:
        """The baselines whose files exist, what is chosen, and the recent files that are not shown."""
        found = [_choice_of(one) for one in self.pinned if os.path.exists(one.path)]
        recent = [] if self._remembered is None else self._remembered.recent_sessions
        files = [Choice(path) for path in recent if os.path.exists(path) and not self._is_shown(path)]
        if self.choice is not None and self.choice not in found:
            files = [self.choice, *(one for one in files if one != self.choice)]
        return [*found, *files]

    def pin(self, name: str) -> None:
        """Make the shown session, or its selected range, the newest baseline. It must have a file."""
        if self._remembered is not None and self.path:
            new = Baseline(name, self.path, self.a_steps)
            rest = [one for one in self.pinned if (one.path, one.steps) != (new.path, new.steps)]
            self._remembered.baselines = [one.kept() for one in [new, *rest][:MOST]]
            self.changed.emit()

    def unpin(self, choice: Choice) -> None:
        """The baseline is none any more; its file stays."""
        if self._remembered is not None:
            rest = [one for one in self.pinned if _choice_of(one) != choice]
            self._remembered.baselines = [one.kept() for one in rest]
            if self.choice == choice:
                self.choice = Choice(choice.path, choice.steps)
            self.changed.emit()

    # --- comparing --------------------------------------------------------------------------------------------------

    def choose(self, choice: Choice) -> None:
        """Compare with this."""
        self.choice = choice
        self.refresh()

    def follow(self) -> None:
        """Compare again where A has grown or its range has changed, and there has been rest enough."""
        session = self.session
        if session is None or self.choice is None or self.doing or self.fault:
            return
        if self.compared is not None and not self.is_behind and self.compared.a_steps == self.a_steps:
            return
        rest_s = self._rest_until - self._clock()
        if rest_s <= 0:
            self.refresh()
        elif not self._rest.isActive():  # nothing may call again: a run that is over has no news
            self._rest.start(round(1000 * rest_s) + 1)

    @property
    def is_behind(self) -> bool:
        """Whether what is shown of the result is not of the session as it is now."""
        session = self.session
        return self.compared is not None and session is not None and self.of != (session, session.revision)

    def refresh(self) -> None:
        """Compare now."""
        self.give_up()
        session, choice = self.session, self.choice
        if session is None or choice is None:
            return
        patience = self._patience = Patience()
        seen, a_steps = (session, session.revision), self.a_steps
        a_path, began = self.path, self._clock()
        own = self._is_shown(choice.path)
        b_steps = choice.steps if choice.steps is not None or own else a_steps
        self.doing, self.fault = choice.path, ""

        def work() -> Compared:
            from app.models.side_by_side import compared

            b = session if own else self._opened(choice.path, patience)
            return compared(session, b, a_path, choice.path, patience, a_steps, b_steps)

        def then(found: object) -> None:
            if patience.over:
                return
            self._patience, self.doing = None, ""
            self.compared, self.of = cast("Compared", found), seen
            self._rest_until = self._clock() + max(LEAST_REST_S, REST * (self._clock() - began))
            if not own:
                self.read.emit(choice.path)
            self.changed.emit()

        def otherwise(failure: Failure) -> None:
            if not patience.over:
                self._patience, self.doing, self.fault = None, "", failure.sentence
                self.changed.emit()

        self.changed.emit()
        if self._jobs is not None:
            self._jobs.start(work, then, otherwise, patience=patience, reads=session)
            return
        try:
            then(work())
        except (DecodeScopeError, OSError) as error:
            otherwise(failure_of(error))

    def give_up(self) -> None:
        """Do not wait for the comparison that is being made; what was compared before stays."""
        if self._patience is not None:
            self._patience.give_up()
            self._patience, self.doing = None, ""
            self.changed.emit()

    def _opened(self, path: str, patience: Patience) -> Session:
        """Session B, its columns alone: the file is closed at once. On a job's thread."""
        from engine.session.file import SessionFile, open_session

        facts = os.stat(path)
        key = (path, facts.st_mtime_ns, facts.st_size)
        if self._held is not None and self._held[0] == key:
            return self._held[1]
        self._held = None
        session = open_session(path, patience)
        if isinstance(session.source, SessionFile):
            session.source.close()
            session.source = None
        if len(session.steps) + len(session.tokens) <= HELD_ROWS:
            self._held = (key, session)
        return session

    def _is_shown(self, path: str) -> bool:
        """Whether this is a file of the shown session: its recording, or the copy of it."""
        for own in filter(None, self._paths):
            with suppress(OSError):
                if own == path or os.path.samefile(path, own):
                    return True
        return False


def _choice_of(baseline: Baseline) -> Choice:
    return Choice(baseline.path, baseline.steps, baseline.name or Path(baseline.path).name)
