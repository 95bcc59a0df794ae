"""Reads the chosen request list in the background, and again when its file changes."""

from __future__ import annotations

from pathlib import Path
from typing import Final, cast

from PySide6.QtCore import QFileSystemWatcher, QObject, QTimer, QUrl, Slot
from PySide6.QtGui import QDesktopServices

from app.core.background import Failure
from app.core.jobs import Jobs
from app.models.request_list import ListFacts, read_list
from app.window.run_panel import RunPanel
from engine.session.patience import Patience

SETTLED_MS: Final = 150
"""An editor that saves a file removes, writes and renames within this time."""


class RequestListControl(QObject):
    """Gives the run panel what is in its list. The newest reading counts; one that it replaces is given up."""

    def __init__(self, panel: RunPanel, jobs: Jobs, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._panel, self._jobs = panel, jobs
        self._reading: Patience | None = None
        self._watcher: QFileSystemWatcher | None = None
        self._settle = QTimer(self)
        self._settle.setSingleShot(True)
        self._settle.setInterval(SETTLED_MS)
        self._settle.timeout.connect(self.read)
        panel.requests_chosen.connect(self.read)
        panel.requests.reload_wanted.connect(self.read)
        panel.requests.open_wanted.connect(self._open)

    @Slot()
    def read(self) -> None:
        """Read the list that the run panel names; none ends the reading and the watching."""
        self._settle.stop()
        if self._reading is not None:
            self._reading.give_up()
            self._reading = None
        path = self._panel.requests.path
        self._watch(path)
        if path is None:
            return
        patience = self._reading = Patience()
        self._panel.show_list(None)

        def found(facts: object) -> None:
            if not patience.over:
                self._panel.show_list(cast(ListFacts, facts))
                self._watch(path)  # a file that was replaced is not watched any more

        def failed(failure: Failure) -> None:
            if not patience.over:
                self._panel.show_list(None, failure.sentence)

        self._jobs.start(lambda: read_list(path, patience), found, failed, patience=patience)

    def _watch(self, path: Path | None) -> None:
        watcher = self._watcher
        if watcher is None:
            if path is None:
                return
            watcher = self._watcher = QFileSystemWatcher(self)
            watcher.fileChanged.connect(lambda _: self._settle.start())
        wanted = [] if path is None else [str(path)]
        old = [one for one in watcher.files() if one not in wanted]
        if old:
            watcher.removePaths(old)
        if path is not None and str(path) not in watcher.files():
            watcher.addPath(str(path))

    @Slot()
    def _open(self) -> None:
        if self._panel.requests.path is not None:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(self._panel.requests.path)))
