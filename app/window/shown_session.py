"""The session that is shown and its file: the one place where a session is begun, opened, saved and closed."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from PySide6.QtCore import QObject, Signal, Slot

from app.core.background import Failure
from app.core.jobs import Jobs
from app.look.units import percent
from app.window.feed import Feed
from app.window.saving import Save, Saves
from engine.session.naming import name_in
from engine.session.patience import Patience
from engine.session.store import Session


@dataclass(slots=True, eq=False)
class FiledSession:
    """A session and its file."""

    session: Session
    """All of it, also while a part is shown: what is saved, exported and compared."""
    path: str
    """The file it is recorded to or was opened from; "" where it is in memory only."""
    patience: Patience | None = None
    """Cancels reading the file; None for a run of this window."""
    copy: str = ""
    """Where it was saved last, under a name that the user chose."""
    lost: bool = False
    """Whether writing the recording failed, and the session has not been saved since."""
    part: Session | None = None
    """What of it a replay shows now; None: all of it is shown."""

    @property
    def shown(self) -> Session:
        """What panels, strip, text and status show."""
        return self.session if self.part is None else self.part

    @property
    def told_path(self) -> str:
        """The file to show as the session's: the user's copy, once there is one."""
        return "" if self.lost else self.copy or self.path

    @property
    def name(self) -> str:
        """What the session is called in a title: the name that a person gave it, else that of its file."""
        return name_in(self.session.meta) or Path(self.copy or self.path).name


class ShownSession(QObject):
    """Owns the session that is shown (`now`) and the newest run of this window (`live`), which may be the same one.

    Every change is made here: a run begins or its file is complete (as the feed says), a file is opened, a copy is
    saved, the window closes. Other parts read it and follow its signals. A copy holds the session that it was requested
    for, even if another one is shown when it is made (`Saves`). Used from the window's thread only.
    """

    changed = Signal()
    """Another session is shown."""
    part_changed = Signal()
    """A replay shows the same recording through another Session: a part of it, or all of it again."""
    live_changed = Signal()
    """Another run is the newest, and something else stays shown."""
    renamed = Signal()
    """The shown session's file has another name, or is lost."""
    opened = Signal(object)
    """The path of the opened file, as a Python object: a Qt string cannot hold a name that is not UTF-8."""
    recorded = Signal(str)
    """The path of a finished recording."""
    saved = Signal(str, str)
    """(the session file, the copy of it)."""
    _read = Signal(object, float)
    """(the Patience of what is being opened, the share of it that has been read)."""
    failed = Signal(str, str)
    """(sentence, details or "")."""

    def __init__(self, feed: Feed, jobs: Jobs, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.now: FiledSession | None = None
        self.live: FiledSession | None = None
        self.stays: Callable[[Session], bool] = lambda _: False
        """Whether what is shown stays shown when this session begins."""
        self._jobs = jobs
        self._folder = feed.recordings.folder
        """Where the sessions of imported traces are kept."""
        self._opening_name = ""
        self._read.connect(self._on_read)  # from the thread of a job to the window's
        self._opening: Patience | None = None
        """Cancels the reading of the file that is being opened."""
        self._saves = Saves(self._start_save, self._on_saved, self._fail)
        feed.session_started.connect(self._on_session_started)
        feed.recorded.connect(self._on_recorded)
        feed.recording_failed.connect(self._on_recording_failed)

    @property
    def session(self) -> Session | None:
        """What is shown: a session, or the part of it that a replay has reached."""
        return None if self.now is None else self.now.shown

    @property
    def path(self) -> str:
        """The file of the session that is shown; "" where there is none."""
        return "" if self.now is None else self.now.path

    @property
    def is_live(self) -> bool:
        """Whether the newest run of this window is shown, also when it is over."""
        return self.now is not None and self.now is self.live

    def files(self) -> set[Path]:
        """The files that are shown, recorded, read or copied."""
        filed = [one.path for one in (self.now, self.live) if one is not None]
        read = [getattr(one.source, "path", None) for one in self._jobs.sessions()]
        paths = [*filed, *self._saves.sources(), *(str(path) for path in read if path is not None)]
        return {Path(path).absolute() for path in paths if path}

    # --- what changes it --------------------------------------------------------------------------------------------

    def open(self, path: str) -> None:
        """Read a session file, or import a trace, and show it. Then `opened` or `failed` is emitted; neither, if
        another file was asked for meanwhile or the reading was cancelled.
        """
        from engine.importing.open_any import open_any

        if self._opening is not None:
            self._opening.give_up()
        patience = self._opening = Patience()

        def show(found: object) -> None:
            session, file = cast(tuple[Session, Path], found)
            if patience.over:
                _close(session)
            else:
                self._opening = None
                self.show(session, path if file == Path(path) else str(file), patience)
                self.opened.emit(path if file == Path(path) else str(file))

        def fail(failure: Failure) -> None:
            if not patience.over:
                self._fail(failure)

        self._opening_name = Path(path).name
        doing = self.tr("opening {}").format(self._opening_name)
        told = -1

        def progress(share: float) -> None:  # on the job's thread
            nonlocal told
            if (hundredths := int(share * 100)) > told:
                told = hundredths
                self._read.emit(patience, hundredths / 100)

        folder = self._folder
        self._jobs.start(lambda: open_any(path, folder, patience, progress), show, fail, doing=doing, patience=patience)

    @Slot(object, float)
    def _on_read(self, patience: Patience, share: float) -> None:
        """Say how far a trace has been imported."""
        if patience is self._opening and self._opening_name:
            words = self.tr("importing {}, {}").format(self._opening_name, percent(share))
            self._jobs.say_doing(patience, words)

    def show(self, session: Session, path: str, patience: Patience | None = None) -> None:
        """Show a session that was read from this file."""
        self._put(FiledSession(session, path, patience))

    def show_live(self) -> None:
        """Go back to the newest run of this window."""
        if self.live is not None:
            self._put(self.live)

    def show_part(self, part: Session | None) -> None:
        """Show a part of the session that is shown; None: all of it again."""
        if self.now is not None and part is not self.now.part:
            self.now.part = part
            self.part_changed.emit()

    def save_as(self, target: Path, source: str = "") -> None:
        """Copy the session file `source` ("": that of the shown session); then `saved` or `failed` is emitted.

        A file of another session that is open in this window is not overwritten.
        """
        source = source or self.path
        place = os.path.realpath(target)
        if place != os.path.realpath(source) and place in map(os.path.realpath, self.files()):
            self._fail(Failure(self.tr("{} is open in this window: save under another name.").format(target)))
        else:
            self._saves.save(source, target)

    def close(self, go_on: Callable[[list[Path]], bool]) -> None:
        """End background work by the rule of `Jobs.close`, and close the shown file; the run must have ended."""
        self._saves.close()
        self._jobs.close(go_on)
        if self.now is not None and not self.is_live:
            self._let_go(self.now.session)

    # --- inside -----------------------------------------------------------------------------------------------------

    def _put(self, filed: FiledSession) -> None:
        before, self.now = self.now, filed
        if before is not None:
            before.part = None
        if before is not None and before not in (filed, self.live):
            self._let_go(before.session)
        self.changed.emit()

    def _let_go(self, session: Session) -> None:
        """A session that was opened holds its file open: close it as soon as nothing reads it."""
        self._jobs.when_unread(session, lambda: _close(session))

    @Slot(object, str)
    def _on_session_started(self, session: Session, path: str) -> None:
        stays = self.now is not None and self.stays(session)
        self.live = FiledSession(session, path)
        self._saves.recording_began(path)
        if stays:
            self.live_changed.emit()
        else:
            self.show_live()

    @Slot(str)
    def _on_recorded(self, path: str) -> None:
        self._saves.recording_ended(path)
        self.recorded.emit(path)

    @Slot(str)
    def _on_recording_failed(self, _sentence: str) -> None:
        if self.live is not None:
            self.live.lost = True
        if self.is_live:
            self.renamed.emit()

    def _start_save(
        self,
        work: Callable[[], object],
        then: Callable[[object], None],
        otherwise: Callable[[Failure], None],
        target: Path,
    ) -> None:
        doing = self.tr("saving {}").format(target.name)
        self._jobs.start(work, then, otherwise, doing=doing, writes=target)

    def _on_saved(self, save: Save) -> None:
        copy = str(save.target)
        for filed in (self.now, self.live):
            if filed is not None and filed.path == save.source:
                filed.copy, filed.lost = copy, False
            elif filed is not None and filed.copy == copy:  # its copy was overwritten
                filed.copy = ""
        self.saved.emit(save.source, copy)
        if self.path == save.source:
            self.renamed.emit()

    def _fail(self, failure: Failure) -> None:
        self.failed.emit(failure.sentence, failure.details)


def _close(session: Session) -> None:
    close = getattr(session.source, "close", None)
    if close is not None:
        close()
