"""Opening and saving session files from the File menu: the dialogs, and the recent files."""

from __future__ import annotations

import os
from pathlib import Path

from PySide6.QtCore import QCoreApplication, QObject, Signal, Slot
from PySide6.QtWidgets import QFileDialog, QWidget

from app.core.jobs import Jobs
from app.core.local_models import is_checkpoint
from app.core.preferences import Preferences
from app.window.menus import Menus
from app.window.shown_session import ShownSession
from engine.client.recordings import SUFFIX
from engine.importing.open_any import SUFFIXES


class Documents(QObject):
    """Asks which files to open and to save to, and remembers them."""

    failed = Signal(str, str)
    """(sentence, details or "")."""
    said = Signal(str)

    def __init__(
        self, window: QWidget, shown: ShownSession, jobs: Jobs, menus: Menus, preferences: Preferences
    ) -> None:
        super().__init__(window)
        self._window = window
        self._shown = shown
        self._jobs = jobs
        self._menus = menus
        self._preferences = preferences
        shown.opened.connect(self.remember)
        shown.recorded.connect(self.remember)
        shown.saved.connect(self._on_saved)

    def ask_open(self) -> None:
        """Ask for a session file and open it."""
        path, _ = QFileDialog.getOpenFileName(
            self._window, self.tr("Open session"), self._preferences.folder("open"), opened_filter()
        )
        if path:
            self._preferences.remember_folder("open", str(Path(path).parent))
            self._shown.open(path)

    def ask_save(self) -> None:
        """Ask where to save the session that is shown, and save it there."""
        source = self._shown.path  # read now: while the dialog is open, a new run may change what is shown
        if not source:
            self.failed.emit(self.tr("There is no recording to save yet: run a prompt first."), "")
            return
        folder = self._preferences.folder("save") or str(Path.home())
        path, _ = QFileDialog.getSaveFileName(
            self._window, self.tr("Save session"), str(Path(folder) / Path(source).name), session_filter()
        )
        if path:
            self._shown.save_as(with_suffix(path, SUFFIX), source)

    def give_up(self) -> None:
        """Cancel the opening of a file; the shown session stays."""
        self._jobs.give_up()
        self.said.emit(self.tr("Given up: what was shown before stays."))

    def show_recent(self) -> None:
        """Fill the menu of recent files with those that still exist."""
        paths = [path for path in self._preferences.recent_sessions if os.path.exists(path)]
        self._menus.show_recent(paths, self._shown.open, self._forget_recent)

    @Slot(object)
    def remember(self, path: str) -> None:
        """Put a session file at the top of the recent ones."""
        self._preferences.remember_session(path)
        self.show_recent()

    def _forget_recent(self) -> None:
        self._preferences.forget_sessions()
        self.show_recent()

    @Slot(str, str)
    def _on_saved(self, _source: str, copy: str) -> None:
        self._preferences.remember_folder("save", str(Path(copy).parent))
        self.remember(copy)
        self.said.emit(self.tr("Saved {}").format(copy))


def session_filter() -> str:
    """The kinds of files that a dialog for session files offers."""
    return QCoreApplication.translate("Documents", "DecodeScope sessions (*{});;All files (*)").format(SUFFIX)


def opened_filter() -> str:
    """The kinds of files that can be opened: sessions, and traces of PyTorch's profiler."""
    words = QCoreApplication.translate(
        "Documents",
        "Sessions and profiler traces ({sessions} {traces});;DecodeScope sessions ({sessions});;"
        "PyTorch profiler traces ({traces});;All files (*)",
    )
    return words.format(sessions=f"*{SUFFIX}", traces=" ".join(f"*{one}" for one in SUFFIXES))


def droppable(path: str) -> bool:
    """Whether this can be opened by dropping it on the window: a session, a trace, a request list or a model folder."""
    return path.lower().endswith((SUFFIX, ".jsonl", *SUFFIXES)) or is_checkpoint(Path(path))


def with_suffix(path: str, suffix: str) -> Path:
    """The path, with the suffix added where the user left it out."""
    return Path(path) if path.lower().endswith(suffix) else Path(path + suffix)
