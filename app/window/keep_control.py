"""Keeps what just happened: a copy of the newest run, by one key, while the run goes on or after it.

Of a watch of a server, which is recorded in parts, the parts before are copied too that hold some of the last minutes.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from app.core.background import Failure
from app.core.jobs import Jobs
from app.look.units import count
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

    def __init__(
        self,
        shown: ShownSession,
        recordings: Recordings,
        before: Callable[[], list[Path]],
        jobs: Jobs,
        parent: QObject | None = None,
    ) -> None:
        """`before` gives the parts of a watch that belong to what just happened, without the newest."""
        super().__init__(parent)
        self._before = before
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
            self._copies = True
            self._copy([*self._before(), Path(live.path)], live.session.meta.get("model", ""), [])

    def _copy(self, sources: list[Path], model: str, made: list[Path]) -> None:
        """Copy these files one after the other; `made` are the copies of those before them."""
        from engine.session.file import save_as

        if not sources:
            self._on_made(made)
            return
        source, target = sources[0], self._recordings.kept_path(model)

        def work() -> None:
            target.parent.mkdir(parents=True, exist_ok=True)
            save_as(source, target)

        def otherwise(failure: Failure) -> None:
            self._copies = False
            self.failed.emit(failure.sentence, failure.details)

        self._jobs.start(
            work, lambda _: self._copy(sources[1:], model, [*made, target]), otherwise,
            doing=self.tr("keeping {}").format(target.name), writes=target,
        )  # fmt: skip

    def _on_made(self, made: list[Path]) -> None:
        self._copies = False
        if len(made) == 1:
            words = self.tr("Kept what happened until now as {}").format(made[0].name)
        else:
            words = self.tr("Kept what happened until now as {count} recordings, the newest of them {name}").format(
                count=count(len(made)), name=made[-1].name
            )
        self.said.emit(words)
        for one in made:
            self.kept.emit(str(one))
