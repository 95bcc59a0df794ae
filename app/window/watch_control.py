"""A watch of a server goes on for hours: it begins when it is attached to, and is recorded in parts of bounded size."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from app.core.jobs import Jobs
from app.core.preferences import Preferences
from app.core.recent_recordings import is_worked_on
from app.core.selection import Selected, Selection
from app.models.recording_size import size_of
from app.window.feed import Feed
from app.window.shown_session import ShownSession
from engine.client.recordings import with_companions
from engine.client.watch_parts import WatchParts
from engine.core.settings import RunSpec
from engine.session.naming import CONTINUES
from engine.session.schema import FactsSet
from engine.session.store import Session

LOOK_MS: Final = 2_000
LAST_S: Final = 600.0
"""How far back "Keep what just happened" reaches, at least, over the parts of a watch."""


class WatchControl(QObject):
    """Divides a watch into recordings one after the other, and deletes old ones where only the last minutes are kept.

    The next part begins while the server goes on: what the server does in the fifth of a second between the two is in
    neither, and requests that run then are requests from before in the next part. Where a person looks at something
    in the part that ends, it stays shown. A part with a name, notes or a mark of a person is never deleted, nor one
    that any window shows.
    """

    said = Signal(str)

    def __init__(
        self,
        feed: Feed,
        shown: ShownSession,
        selection: Selection,
        preferences: Preferences,
        jobs: Jobs,
        in_use: Callable[[], set[Path]],
        parent: QObject | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`in_use` are the files that any window shows, reads or records; `clock` counts seconds."""
        super().__init__(parent)
        self._feed, self._shown, self._selection = feed, shown, selection
        self._preferences, self._jobs, self._in_use = preferences, jobs, in_use
        self._clock = clock
        self._parts = WatchParts()
        self._begun_s = 0.0
        self._ending: Path | None = None
        """The part that was asked to end, so that the next session is its continuation."""
        self._old: list[Path] = []
        """Parts that are not kept any more and are to be deleted, once no window shows or reads them."""
        self._timer = QTimer(self)
        self._timer.setInterval(LOOK_MS)
        self._timer.timeout.connect(self.look)
        shown.stays = self._stays
        feed.session_started.connect(self._on_session)
        feed.run_ended.connect(self._on_run_ended)
        feed.refused.connect(self._on_refused)
        feed.engine_died.connect(self._on_engine_died)

    @property
    def kept_s(self) -> float:
        """How much of a watch is kept; 0: everything."""
        return 60.0 * self._preferences.watch_kept

    @Slot()
    def look(self) -> None:
        """Begin the next part, if it is due."""
        self._delete_old()
        live = self._shown.live
        if live is None or not live.path or self._ending is not None or not self._feed.now.active:
            return
        path, rows = Path(live.path), len(live.session.steps) + len(live.session.tokens)
        if not self._parts.is_due(self._clock() - self._begun_s, size_of(path), rows, self.kept_s):
            return
        self._ending = path
        self._feed.start_run(RunSpec(()))  # it waits for the end of the run that goes on, which it ends

    def before(self) -> list[Path]:
        """The parts before the one that goes on that hold some of the last minutes, oldest first."""
        return self._parts.reaching_back(self._clock(), self._begun_s, max(self.kept_s, LAST_S))

    def _stays(self, session: Session) -> bool:
        """Whether what is shown stays shown when this session begins: a person looks at something, and the session only
        goes on with the watch.
        """
        live = self._shown.live
        if self._ending is None or live is None or not _is_watch(session):
            return False
        return not self._shown.is_live or live.part is not None or _looks_at_something(self._selection.now)

    @Slot(object, str)
    def _on_session(self, session: Session, path: str) -> None:
        ending, self._ending = self._ending, None
        if not _is_watch(session):
            self._parts = WatchParts()
            self._timer.stop()
            return
        now_s = self._clock()
        if ending is None:
            self._parts = WatchParts()
        else:
            self._parts.end(ending, now_s, size_of(ending))
            self._feed.edit(session, path, FactsSet({CONTINUES: ending.name}))
            self._old += self._parts.take_beyond(now_s, self.kept_s)
            self._delete_old()
            if not self._shown.is_live:
                words = self.tr("The watch goes on in a new recording: “Back to the live run” shows it.")
                self.said.emit(words)
        self._begun_s = now_s
        self._timer.start()

    @Slot(str)
    def _on_run_ended(self, reason: str) -> None:
        if self._ending is None or reason == "failed":
            self._end()

    @Slot(str, str)
    def _on_refused(self, command: str, _sentence: str) -> None:
        if command == "Start":
            self._end()

    @Slot(str, str, bool)
    def _on_engine_died(self, *_: object) -> None:
        self._end()

    def _end(self) -> None:
        """The watch is over: whatever begins next does not go on with it."""
        self._ending = None
        self._timer.stop()
        self._delete_old()

    def _delete_old(self) -> None:
        """Delete the parts that are not kept any more, but for those that a window shows or reads now."""
        if not self._old:
            return
        used = self._in_use()
        free = [path for path in self._old if path.absolute() not in used]
        self._old = [path for path in self._old if path not in free]

        def work() -> None:
            for path in free:
                if not is_worked_on(str(path)):
                    for one in with_companions(path):
                        one.unlink(missing_ok=True)

        if free:
            self._jobs.start(work, lambda _: None)


def _is_watch(session: Session) -> bool:
    """Whether a session has no end of its own: requests that this program sends to a server end by themselves."""
    return session.serving is not None and "probe" not in session.serving.levels


def _looks_at_something(now: Selected) -> bool:
    """Whether a person has selected anything, so that what is shown is not to change under the eyes."""
    return (now.steps, now.step, now.token, now.position, now.band_us, now.request) != (None,) * 6
