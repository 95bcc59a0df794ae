"""What the File menu does: open, save, export and copy. Long work runs in the background, errors become sentences."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path
from typing import Final, cast

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QFileDialog, QWidget

from app.core.background import Failure
from app.core.jobs import Jobs
from app.core.local_models import is_checkpoint
from app.core.preferences import Preferences
from app.look.pictures import Format, copy_picture, save_picture
from app.panels.frame import PanelDock
from app.window.saving import Save, Saves
from engine.client.recordings import SUFFIX
from engine.errors import DecodeScopeError
from engine.export.readable import cells
from engine.session.patience import Patience
from engine.session.store import Session

PERFETTO: Final = ".pftrace"
"""How the name of a Perfetto trace ends."""


class Documents(QObject):
    """Knows the session that is shown and the file it lies in."""

    opened = Signal(object, object)
    """(Session, path): the path as it is, as Qt's texts hold no name that is no UTF-8."""
    saved = Signal(str, str)
    """(the session file, the copy of it)."""
    failed = Signal(str, str)
    """(sentence, details or "")."""
    said = Signal(str)
    busy = Signal(str, bool)
    """(what is being done or "", whether it can be given up)."""

    def __init__(self, window: QWidget, preferences: Preferences) -> None:
        super().__init__(window)
        self._window = window
        self._preferences = preferences
        self.jobs = Jobs(self._fail, self)
        self.jobs.changed.connect(self._on_jobs_changed)
        self._left: list[Session] = []
        """Sessions that are shown no longer and still read."""
        self._opening: Patience | None = None
        """The patience with the file that is being opened."""
        self._patience: Patience | None = None
        """The patience with the file of the session that was opened last."""
        self.saves = Saves(self._start_save, self._on_saved, self._fail)
        self.session: Session | None = None
        self.path = ""

    # --- open and save ----------------------------------------------------------------------------------------------

    def ask_open(self) -> None:
        """Ask for a session file and open it."""
        path, _ = QFileDialog.getOpenFileName(
            self._window, self.tr("Open session"), self._preferences.folder("open"), self._session_filter()
        )
        if path:
            self._preferences.remember_folder("open", str(Path(path).parent))
            self.open(path)

    def open(self, path: str) -> None:
        """Read a session file; `opened` follows, or `failed`, or nothing where another one was asked for meanwhile, or
        it was given up."""
        from engine.session.file import open_session

        if self._opening is not None:
            self._opening.give_up()
        patience = self._opening = Patience()

        def show(session: object) -> None:
            if patience.over:
                _close(cast(Session, session))
            else:
                self._opening, self._patience = None, patience
                self._preferences.remember_session(path)
                self.opened.emit(session, path)

        def fail(failure: Failure) -> None:
            if not patience.over:
                self._fail(failure)

        doing = self.tr("opening {}").format(Path(path).name)
        self.jobs.start(lambda: open_session(path, patience), show, fail, doing=doing, patience=patience)

    def give_up(self) -> None:
        """Forget the file that is being opened; what is shown stays."""
        self.jobs.give_up()
        self.said.emit(self.tr("Given up: what was shown before stays."))

    def ask_save(self) -> None:
        """Ask where to save the session that is shown, and save it there."""
        if self.session is None or not self.path:
            self.failed.emit(self.tr("There is no recording to save yet: run a prompt first."), "")
            return
        source = self.path  # while the dialog is open a run may begin, and another session be shown
        folder = self._preferences.folder("save") or str(Path.home())
        path, _ = QFileDialog.getSaveFileName(
            self._window, self.tr("Save session"), str(Path(folder) / Path(source).name), self._session_filter()
        )
        if path:
            self.save(with_suffix(path, SUFFIX), source)

    def save(self, target: Path, source: str = "") -> None:
        """Copy a session's file, that of the session shown where none is named; `saved` follows, or `failed`."""
        self.saves.save(source or self.path, target)

    def _on_saved(self, save: Save) -> None:
        self._preferences.remember_folder("save", str(save.target.parent))
        self._preferences.remember_session(str(save.target))
        self.saved.emit(save.source, str(save.target))
        self.said.emit(self.tr("Saved {}").format(save.target))

    # --- export and copy --------------------------------------------------------------------------------------------

    def ask_export(self, widget: QWidget, name: str) -> None:
        """Ask where to put a picture of a widget, and draw it."""
        png, svg = self.tr("PNG picture (*.png)"), self.tr("SVG picture (*.svg)")
        folder = self._preferences.folder("export") or str(Path.home())
        path, chosen = QFileDialog.getSaveFileName(
            self._window, self.tr("Export picture"), str(Path(folder) / f"{name}.png"), f"{png};;{svg}"
        )
        if path:
            form: Format = "svg" if path.lower().endswith(".svg") or chosen == svg else "png"
            self.export_picture(widget, with_suffix(path, f".{form}"), form)

    def export_picture(self, widget: QWidget, path: Path, form: Format) -> None:
        """Draw a widget into a file."""
        try:
            save_picture(widget, path, form)
        except DecodeScopeError as error:
            self.failed.emit(str(error), "")
            return
        self._preferences.remember_folder("export", str(path.parent))
        self.said.emit(self.tr("Exported {}").format(path))

    def ask_export_trace(self) -> None:
        """Ask where to put a trace for Perfetto or chrome://tracing, and write it."""
        if self.session is None:
            self.failed.emit(self.tr("There is nothing to export yet: run a prompt or open a session first."), "")
            return
        session = self.session
        folder = self._preferences.folder("export") or str(Path.home())
        chrome, perfetto = self.tr("Chrome trace (*.json.gz *.json)"), self.tr("Perfetto trace (*.pftrace)")
        path, chosen = QFileDialog.getSaveFileName(
            self._window,
            self.tr("Export trace"),
            str(Path(folder) / f"{Path(self.path).stem or 'session'}.json.gz"),
            f"{chrome};;{perfetto}",
        )
        if path:
            self.export_trace(with_suffix(path, PERFETTO) if chosen == perfetto else Path(path), session)

    def export_trace(self, path: Path, session: Session | None = None) -> None:
        """Write a trace of the session: Perfetto's own where the name says so, else Chrome's, gzipped for .gz."""
        from engine.export.chrome import write_chrome
        from engine.export.perfetto import write_perfetto

        session = session or self.session
        write = write_perfetto if path.suffix == PERFETTO else write_chrome
        if session is not None:
            self._preferences.remember_folder("export", str(path.parent))
            said = self.tr("Exported {}").format(path)
            self.jobs.start(
                lambda: write(session, str(path)),
                lambda _: self.said.emit(said),
                doing=self.tr("exporting {}").format(path.name),
                patience=self._patience,
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
            self.said.emit(panel.empty_text())
            return
        try:
            names, rows = panel.rows()
        except DecodeScopeError as error:  # the file may have gone since it was opened
            self.failed.emit(str(error), "")
            return
        QGuiApplication.clipboard().setText(csv_text(names, rows))
        self.said.emit(self.tr("Copied {} rows of {}").format(len(rows), dock.entry.title()))

    # --- inside -----------------------------------------------------------------------------------------------------

    def let_go(self, session: Session) -> None:
        """A session is shown no longer: close its file, as soon as nothing reads it."""
        if self.jobs.reads(session):
            self._left.append(session)
        else:
            _close(session)

    def close(self, go_on: Callable[[list[Path]], bool]) -> None:
        """End what goes on, by the rule of `Jobs.close`; the recording that went on has ended."""
        self.saves.close()
        self.jobs.close(go_on)

    def in_use(self) -> set[Path]:
        """The files that are shown, read or copied."""
        sources = [getattr(one.source, "path", None) for one in [*self.jobs.sessions(), *self._left]]
        paths = [self.path, *self.saves.sources(), *(str(one) for one in sources if one is not None)]
        return {Path(path).absolute() for path in paths if path}

    def _start_save(
        self,
        work: Callable[[], object],
        then: Callable[[object], None],
        otherwise: Callable[[Failure], None],
        target: Path,
    ) -> None:
        doing = self.tr("saving {}").format(target.name)
        self.jobs.start(work, then, otherwise, doing=doing, writes=target)

    @Slot()
    def _on_jobs_changed(self) -> None:
        left, self._left = self._left, []
        for session in left:
            self.let_go(session)
        self.busy.emit(self.jobs.doing, self.jobs.can_be_given_up)

    def _fail(self, failure: Failure) -> None:
        self.failed.emit(failure.sentence, failure.details)

    def _session_filter(self) -> str:
        return self.tr("DecodeScope sessions (*{});;All files (*)").format(SUFFIX)


def _close(session: Session) -> None:
    """A session that was opened holds its file open."""
    close = getattr(session.source, "close", None)
    if close is not None:
        close()


def droppable(path: str) -> bool:
    """Whether this can be opened by dropping it on the window: a session, a request list or a model folder."""
    return path.endswith((SUFFIX, ".jsonl")) or is_checkpoint(Path(path))


def with_suffix(path: str, suffix: str) -> Path:
    """The path, with the suffix added where the user left it out."""
    return Path(path) if path.lower().endswith(suffix) else Path(path + suffix)


def csv_text(names: list[str], rows: list[tuple[object, ...]]) -> str:
    """A table as CSV, none of whose texts a spreadsheet takes for a formula."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(names)
    writer.writerows(map(cells, rows))
    return text.getvalue()
