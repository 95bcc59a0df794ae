"""Connects the window's comparison: tells it what is shown, asks for files, brings its panel up."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtWidgets import QFileDialog, QWidget

from app.core.jobs import Jobs
from app.core.preferences import Preferences
from app.core.selection import Selection
from app.models.comparing import Choice, Comparing
from app.window.documents import session_filter
from app.window.shown_session import ShownSession


class CompareControl(QObject):
    """Owns the comparison, of which there is one. Session A is the shown one."""

    panel_wanted = Signal(str)
    """The name of the panel that is to come up."""

    def __init__(
        self, window: QWidget, shown: ShownSession, selection: Selection, jobs: Jobs, preferences: Preferences
    ) -> None:
        super().__init__(window)
        self._window, self._shown, self._preferences = window, shown, preferences
        self.comparing = Comparing(selection, jobs, preferences, self)
        self.comparing.browse_wanted.connect(self.browse)
        for news in (shown.changed, shown.renamed, shown.recorded, shown.saved):
            news.connect(self._on_shown)

    def ask(self) -> None:
        """Bring the panel up, and ask for the file to compare with."""
        self.panel_wanted.emit("compare")
        self.browse()

    @Slot()
    def browse(self) -> None:
        """Ask for the file of session B, and compare with it."""
        beside = str(Path(self.comparing.path).parent) if self.comparing.path else ""
        folder = self._preferences.folder("open") or beside
        path, _ = QFileDialog.getOpenFileName(self._window, self.tr("Compare with a session"), folder, session_filter())
        if path:
            self._preferences.remember_folder("open", str(Path(path).parent))
            self.comparing.choose(Choice(path))

    @Slot()
    def _on_shown(self) -> None:
        now = self._shown.now
        if now is None:
            self.comparing.show_session(None, ())
        else:
            files = (now.told_path, now.path, now.copy)
            self.comparing.show_session(now.session, tuple(dict.fromkeys(filter(None, files))))
