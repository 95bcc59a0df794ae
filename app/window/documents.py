"""Opening and saving session files from the File menu: the dialogs, and the recent files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import cast

from PySide6.QtCore import QCoreApplication, QObject, Signal, Slot
from PySide6.QtWidgets import QFileDialog, QWidget

from app.core.jobs import Jobs
from app.core.local_models import MODEL_FILES, is_checkpoint, is_model_file
from app.core.preferences import Preferences
from app.core.recent_recordings import RecentRecording, look_at
from app.look.units import memory, name_of
from app.models.recording_words import title_of, when_of
from app.window.menus import Menus
from app.window.shown_session import ShownSession
from engine.client.recordings import SUFFIX
from engine.importing.open_any import SUFFIXES
from engine.session.patience import Patience


class Documents(QObject):
    """Asks which files to open and to save to, and remembers them."""

    model_chosen = Signal(str)
    """The file that was chosen to be opened is a model."""

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
        self._known: dict[str, RecentRecording] = {}
        """What the recent files were when they were read last, by their paths."""
        self._looking: Patience | None = None
        """Cancels the reading of them; None while it does not go on."""
        menus.menus["file"].aboutToShow.connect(self.look_at_recent)
        shown.opened.connect(self.remember)
        shown.recorded.connect(self.remember)
        shown.saved.connect(self._on_saved)

    def ask_open(self) -> None:
        """Ask for a session file, a trace or a model in a GGUF file, and open it."""
        path, _ = QFileDialog.getOpenFileName(
            self._window, self.tr("Open session"), self._preferences.folder("open"), opened_filter()
        )
        if path:
            self._preferences.remember_folder("open", str(Path(path).parent))
            if is_model_file(path):
                self.model_chosen.emit(path)
            else:
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
        """Fill the menu of recent files with those that still exist, by what is known of them."""
        paths = [path for path in self._preferences.recent_sessions if os.path.exists(path)]
        recent = [(path, _words(self._known.get(path) or RecentRecording(path))) for path in paths]
        self._menus.show_recent(recent, self._shown.open, self._forget_recent)

    @Slot()
    def look_at_recent(self) -> None:
        """Read in the background what the recent files are, which may have other names now; then show it."""
        if self._looking is not None:
            return
        patience = self._looking = Patience()
        paths = self._preferences.recent_sessions

        def show(found: object) -> None:
            self._looking = None
            self._known = {one.path: one for one in cast("list[RecentRecording]", found)}
            self.show_recent()

        def otherwise(_: object) -> None:  # a recording that cannot be read is not worth a dialog
            self._looking = None

        self._jobs.start(lambda: look_at(paths, patience), show, otherwise, patience=patience)

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


def _words(one: RecentRecording) -> str:
    """What a recent recording is called in the menu, and what it is."""
    if one.fault or not one.size_bytes:
        return title_of(one)
    return " · ".join(
        part for part in (title_of(one), name_of(one.model), memory(one.size_bytes), when_of(one)) if part
    )


def session_filter() -> str:
    """The kinds of files that a dialog for session files offers."""
    return QCoreApplication.translate("Documents", "DecodeScope sessions (*{});;All files (*)").format(SUFFIX)


def opened_filter() -> str:
    """The kinds of files that can be opened: sessions, traces of PyTorch's profiler, and models in GGUF files."""
    words = QCoreApplication.translate(
        "Documents",
        "Sessions, profiler traces and GGUF models ({sessions} {traces} {models});;DecodeScope sessions ({sessions});;"
        "PyTorch profiler traces ({traces});;GGUF models ({models});;All files (*)",
    )
    return words.format(sessions=f"*{SUFFIX}", traces=" ".join(f"*{one}" for one in SUFFIXES), models=MODEL_FILES)


def droppable(path: str) -> bool:
    """Whether this can be opened by dropping it on the window: a session, a trace, a request list or a model."""
    return path.lower().endswith((SUFFIX, ".jsonl", *SUFFIXES)) or is_model_file(path) or is_checkpoint(Path(path))


def with_suffix(path: str, suffix: str) -> Path:
    """The path, with the suffix added where the user left it out."""
    return Path(path) if path.lower().endswith(suffix) else Path(path + suffix)
