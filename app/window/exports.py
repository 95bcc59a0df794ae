"""Exports pictures, traces, reports and tables. Long work runs in the background, errors are reported as sentences."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path
from typing import Final, Literal

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QFileDialog, QWidget

from app.core.jobs import Jobs
from app.core.preferences import Preferences
from app.core.selection import Selection
from app.look.pictures import Format, copy_picture, save_picture
from app.panels.frame import PanelDock
from app.window.documents import with_suffix
from app.window.shown_session import FiledSession, ShownSession
from engine.errors import DecodeScopeError
from engine.export.readable import cells
from engine.figures.step_range import StepRange
from engine.session.patience import Patience

PERFETTO: Final = ".pftrace"
"""The suffix of a Perfetto trace."""
Tables = Literal["csv", "parquet"]


class Exports(QObject):
    """Writes the window, its panels and the shown session to files and to the clipboard.

    Where a range of steps is selected, the exports of a session ask whether it alone is meant.
    """

    failed = Signal(str, str)
    """(sentence, details or "")."""
    said = Signal(str)

    def __init__(
        self, window: QWidget, shown: ShownSession, selection: Selection, jobs: Jobs, preferences: Preferences
    ) -> None:
        super().__init__(window)
        self._window = window
        self._shown = shown
        self._selection = selection
        self._jobs = jobs
        self._preferences = preferences

    # --- pictures ---------------------------------------------------------------------------------------------------

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

    # --- the session ------------------------------------------------------------------------------------------------

    def ask_trace(self) -> None:
        """Ask where to put a trace for Perfetto or chrome://tracing, and write it."""

        def ask(filed: FiledSession, steps: StepRange) -> None:
            chrome, perfetto = self.tr("Chrome trace (*.json.gz *.json)"), self.tr("Perfetto trace (*.pftrace)")
            path, chosen = QFileDialog.getSaveFileName(
                self._window,
                self.tr("Export trace"),
                str(self._folder() / f"{_stem(filed, steps)}.json.gz"),
                f"{chrome};;{perfetto}",
            )
            if path:
                self.export_trace(with_suffix(path, PERFETTO) if chosen == perfetto else Path(path), filed, steps)

        self._ask_what(ask)

    def ask_report(self) -> None:
        """Ask where to put a report in one HTML file, and write it."""

        def ask(filed: FiledSession, steps: StepRange) -> None:
            path, _ = QFileDialog.getSaveFileName(
                self._window,
                self.tr("Export report"),
                str(self._folder() / f"{_stem(filed, steps)}.html"),
                self.tr("HTML report (*.html)"),
            )
            if path:
                self.export_report(with_suffix(path, ".html"), filed, steps)

        self._ask_what(ask)

    def ask_tables(self, form: Tables) -> None:
        """Ask for a folder in which a folder of tables is made, and write them."""

        def ask(filed: FiledSession, steps: StepRange) -> None:
            title = self.tr("Export tables: in which folder is theirs to be made?")
            folder = QFileDialog.getExistingDirectory(self._window, title, str(self._folder()))
            if folder:
                self.export_tables(_unused(Path(folder) / f"{_stem(filed, steps)}-{form}"), form, filed, steps)

        self._ask_what(ask)

    def export_trace(self, path: Path, filed: FiledSession | None = None, steps: StepRange = None) -> None:
        """Write a trace of `filed` (None: the shown session), or of a range of its steps, in the background.

        The suffix sets the format: .pftrace is Perfetto's own, any other is Chrome's, gzipped for .gz.
        """
        from engine.export.chrome import write_chrome
        from engine.export.perfetto import write_perfetto

        filed = filed or self._shown.now
        write = write_perfetto if path.suffix == PERFETTO else write_chrome
        if filed is not None:
            session = filed.session
            self._start(lambda: write(session, str(path), steps), path, filed, filed.patience)

    def export_tables(
        self, folder: Path, form: Tables, filed: FiledSession | None = None, steps: StepRange = None
    ) -> None:
        """Write the tables of `filed` (None: the shown session), or of a range of its steps, in the background."""
        from engine.export.parquet import write_parquet
        from engine.export.tables import write_tables

        filed = filed or self._shown.now
        if filed is None:
            return
        session = filed.session
        if form == "csv":
            self._start(lambda: write_tables(session, folder, steps=steps), folder, filed, filed.patience)
        else:
            self._start(lambda: write_parquet(session, folder, steps), folder, filed, filed.patience)

    def export_report(self, path: Path, filed: FiledSession | None = None, steps: StepRange = None) -> None:
        """Write the report of `filed` (None: the shown session), or of a range of its steps, in the background."""
        from app.window.report_process import write_report_of

        filed = filed or self._shown.now
        if filed is None:
            return
        source, patience = filed.path, Patience()
        if not source:
            self.failed.emit(self.tr("A report is made from a session's file, and this session is in memory only."), "")
            return
        self._start(lambda: write_report_of(source, path, steps, patience), path, filed, patience)

    def ask_csv(self, dock: PanelDock) -> None:
        """Ask where to put what a panel shows as CSV, and write it."""
        names, rows = dock.build().rows()  # read now: while the dialog is open, the panel may come to show another
        path, _ = QFileDialog.getSaveFileName(
            self._window, self.tr("Save as CSV"), str(self._folder() / f"{dock.entry.name}.csv"),
            self.tr("CSV table (*.csv)"),
        )  # fmt: skip
        if path:
            self.save_csv(with_suffix(path, ".csv"), names, rows)

    def save_csv(self, path: Path, names: list[str], rows: list[tuple[object, ...]]) -> None:
        """Write a table as CSV; an older file is replaced once the new one is complete."""
        from engine.export.whole import replacing

        try:
            with replacing(path) as file:
                file.write(csv_text(names, rows).encode("utf-8", "replace"))
        except OSError as error:
            self.failed.emit(self.tr("The table {} cannot be written: {}.").format(path, error.strerror), "")
            return
        except DecodeScopeError as error:  # there is a recording of this name
            self.failed.emit(str(error), "")
            return
        self._preferences.remember_folder("export", str(path.parent))
        self.said.emit(self.tr("Exported {}").format(path))

    # --- the clipboard ----------------------------------------------------------------------------------------------

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

    # --- inside -----------------------------------------------------------------------------------------------------

    def _ask_what(self, then: Callable[[FiledSession, StepRange], None]) -> None:
        """Ask for the steps where a range is selected, then call `then` with the session that is shown now."""
        filed = self._shown.now  # read now: while a dialog is open, a new run may change what is shown
        if filed is None:
            self.failed.emit(self.tr("There is nothing to export yet: run a prompt or open a session first."), "")
            return
        steps = self._selection.now.steps
        if steps is None:
            then(filed, None)
            return
        from app.dialogs.range_question import ask_range

        ask_range(self._window, steps, lambda chosen: then(filed, chosen))

    def _start(self, work: Callable[[], object], path: Path, filed: FiledSession, patience: Patience | None) -> None:
        self._preferences.remember_folder("export", str(path.parent))
        said = self.tr("Exported {}").format(path)
        self._jobs.start(
            work,
            lambda _: self.said.emit(said),
            lambda failure: self.failed.emit(failure.sentence, failure.details),
            doing=self.tr("exporting {}").format(path.name),
            patience=patience,
            reads=filed.session,
            writes=path,
        )

    def _folder(self) -> Path:
        return Path(self._preferences.folder("export") or Path.home())


def _stem(filed: FiledSession, steps: StepRange) -> str:
    """The name to offer for an export, without a suffix."""
    stem = Path(filed.path).stem or "session"
    return stem if steps is None else f"{stem}-steps-{steps[0]}-{steps[1]}"


def _unused(folder: Path) -> Path:
    """This folder, or one with a number after it where something is there already."""
    number, free = 2, folder
    while free.exists():
        free = folder.with_name(f"{folder.name}-{number}")
        number += 1
    return free


def csv_text(names: list[str], rows: list[tuple[object, ...]]) -> str:
    """A table as CSV; texts are written so that a spreadsheet runs none of them as a formula."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(names)
    writer.writerows(map(cells, rows))
    return text.getvalue()
