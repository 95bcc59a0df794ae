"""Exports pictures, traces and tables. Long work runs in the background, errors are reported as sentences."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Final

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QFileDialog, QWidget

from app.core.jobs import Jobs
from app.core.preferences import Preferences
from app.look.pictures import Format, copy_picture, save_picture
from app.panels.frame import PanelDock
from app.window.documents import with_suffix
from app.window.shown_session import FiledSession, ShownSession
from engine.errors import DecodeScopeError
from engine.export.readable import cells

PERFETTO: Final = ".pftrace"
"""The suffix of a Perfetto trace."""


class Exports(QObject):
    """Writes the window, its panels and the shown session to files and to the clipboard."""

    failed = Signal(str, str)
    """(sentence, details or "")."""
    said = Signal(str)

    def __init__(self, window: QWidget, shown: ShownSession, jobs: Jobs, preferences: Preferences) -> None:
        super().__init__(window)
        self._window = window
        self._shown = shown
        self._jobs = jobs
        self._preferences = preferences

    def ask_picture(self, widget: QWidget, name: str) -> None:
        """Ask where to put a picture of a widget, and draw it."""
        png, svg = self.tr("PNG picture (*.png)"), self.tr("SVG picture (*.svg)")
        path, chosen = QFileDialog.getSaveFileName(
            self._window, self.tr("Export picture"), str(self._folder() / f"{name}.png"), f"{png};;{svg}"
        )
        if path:
            form: Format = "svg" if path.lower().endswith(".svg") or chosen == svg else "png"
            self.export_picture(widget, with_suffix(path, f".{form}"), form)

    def ask_panel_picture(self, dock: PanelDock) -> None:
        """Ask where to put a picture of a panel, and draw it."""
        self.ask_picture(dock, dock.entry.name)

    def export_picture(self, widget: QWidget, path: Path, form: Format) -> None:
        """Draw a widget into a file."""
        try:
            save_picture(widget, path, form)
        except DecodeScopeError as error:
            self.failed.emit(str(error), "")
            return
        self._preferences.remember_folder("export", str(path.parent))
        self.said.emit(self.tr("Exported {}").format(path))

    def ask_trace(self) -> None:
        """Ask where to put a trace for Perfetto or chrome://tracing, and write it."""
        filed = self._shown.now  # read now: while the dialog is open, a new run may change what is shown
        if filed is None:
            self.failed.emit(self.tr("There is nothing to export yet: run a prompt or open a session first."), "")
            return
        chrome, perfetto = self.tr("Chrome trace (*.json.gz *.json)"), self.tr("Perfetto trace (*.pftrace)")
        path, chosen = QFileDialog.getSaveFileName(
            self._window,
            self.tr("Export trace"),
            str(self._folder() / f"{Path(filed.path).stem or 'session'}.json.gz"),
            f"{chrome};;{perfetto}",
        )
        if path:
            self.export_trace(with_suffix(path, PERFETTO) if chosen == perfetto else Path(path), filed)

    def export_trace(self, path: Path, filed: FiledSession | None = None) -> None:
        """Write a trace of `filed` (None: the shown session) in the background.

        The suffix sets the format: .pftrace is Perfetto's own, any other is Chrome's, gzipped for .gz.
        """
        from engine.export.chrome import write_chrome
        from engine.export.perfetto import write_perfetto

        filed = filed or self._shown.now
        write = write_perfetto if path.suffix == PERFETTO else write_chrome
        if filed is not None:
            session = filed.session
            self._preferences.remember_folder("export", str(path.parent))
            said = self.tr("Exported {}").format(path)
            self._jobs.start(
                lambda: write(session, str(path)),
                lambda _: self.said.emit(said),
                lambda failure: self.failed.emit(failure.sentence, failure.details),
                doing=self.tr("exporting {}").format(path.name),
                patience=filed.patience,
                reads=session,
                writes=path,
            )

    def copy_picture(self, dock: PanelDock) -> None:
        """Put a picture of a panel on the clipboard."""
        copy_picture(dock)
        self.said.emit(self.tr("Copied a picture of {}").format(dock.entry.title()))

    def copy_csv(self, dock: PanelDock) -> None:
        """Put what a panel shows on the clipboard as CSV."""
        panel = dock.build()
        if panel.is_empty:
            self.said.emit(panel.untold_text() or panel.empty_text())
            return
        try:
            names, rows = panel.rows()
        except DecodeScopeError as error:  # the file may have been deleted since it was opened
            self.failed.emit(str(error), "")
            return
        QGuiApplication.clipboard().setText(csv_text(names, rows))
        self.said.emit(self.tr("Copied {} rows of {}").format(len(rows), dock.entry.title()))

    def _folder(self) -> Path:
        return Path(self._preferences.folder("export") or Path.home())


def csv_text(names: list[str], rows: list[tuple[object, ...]]) -> str:
    """A table as CSV; texts are written so that a spreadsheet runs none of them as a formula."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(names)
    writer.writerows(map(cells, rows))
    return text.getvalue()
