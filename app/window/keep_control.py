"""Keeps what just happened: a copy of the newest run, by one key, while the run goes on or after it."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QObject, Signal

from app.core.background import Failure
from app.core.jobs import Jobs
from app.window.shown_session import ShownSession
from engine.client.recordings import Recordings


class KeepControl(QObject):
    """Copies the recording of the newest run of this window to a file of its own name beside it.

    Every run is recorded from its beginning without being asked for, so what just happened is on the disk already; but
    the file goes on with the run, and old recordings go to the trash. The copy is complete, and stays.
    """

    kept = Signal(object)
    """The path of the copy."""
    said = Signal(str)
    failed = Signal(str, str)
    """(sentence, details or "")."""

    def __init__(self, shown: ShownSession, recordings: Recordings, jobs: Jobs, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._shown, self._recordings, self._jobs = shown, recordings, jobs
        self._copies = False
        """Whether a copy is being made."""

    def keep(self) -> None:
        """Make a copy beside the window; another one for each call after the last one is made."""
        live = self._shown.live
        if self._copies:
            return
        if live is None:
            self.said.emit(self.tr("Nothing has run in this window yet: every run from now on can be kept."))
        elif live.lost or not live.path:
            words = self.tr("This run is in memory only, as its file could not be written: there is no file to keep.")
            self.failed.emit(words, "")
        else:
            self._copy(live.path, self._recordings.kept_path(live.session.meta.get("model", "")))

    def _copy(self, source: str, target: Path) -> None:
        from engine.session.file import save_as

        def work() -> None:
            target.parent.mkdir(parents=True, exist_ok=True)
            save_as(source, target)

        def then(_: object) -> None:
            self._copies = False
            self.said.emit(self.tr("Kept what happened until now as {}").format(target.name))
            self.kept.emit(str(target))

        def otherwise(failure: Failure) -> None:
            self._copies = False
            self.failed.emit(failure.sentence, failure.details)

        self._copies = True
        self._jobs.start(work, then, otherwise, doing=self.tr("keeping {}").format(target.name), writes=target)
