"""Compares the session that is shown with another one: asks for its file, reads it, and shows both in a dialog."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, cast

from PySide6.QtCore import QCoreApplication, QObject, Signal, Slot
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QFileDialog, QWidget

from app.core.background import Failure
from app.core.jobs import Jobs
from app.core.preferences import Preferences
from app.core.selection import Selection
from app.models.side_by_side import CONTEXT, Compared, compared, figure_rows, markdown, pair_rows
from app.window.documents import session_filter
from app.window.exports import csv_text
from app.window.shown_session import FiledSession, ShownSession
from engine.session.patience import Patience
from engine.session.store import Session

if TYPE_CHECKING:
    from app.dialogs.compare import CompareDialog


class CompareControl(QObject):
    """Owns the dialog, of which there is one at most. Session A is the shown one; B is read for each comparison anew,
    and kept no longer than its figures take.
    """

    read = Signal(object)
    """The path of a session that was compared with."""
    said = Signal(str)

    def __init__(
        self, window: QWidget, shown: ShownSession, selection: Selection, jobs: Jobs, preferences: Preferences
    ) -> None:
        super().__init__(window)
        self._window = window
        self._shown, self._selection = shown, selection
        self._jobs, self._preferences = jobs, preferences
        self._dialog: CompareDialog | None = None
        self._reading: Patience | None = None
        self._paths: list[str] = []
        """The session files that the dialog offers."""
        self._path = ""
        """The file of the newest comparison that was asked for."""
        self._session: Session | None = None
        """Session A of the comparison that the dialog shows; None where the window shows another one since."""
        self._compared: Compared | None = None
        shown.changed.connect(self._on_shown)

    def ask(self) -> None:
        """Open the dialog; one that is open comes to the front."""
        from app.dialogs.compare import CompareDialog

        if self._dialog is None:
            dialog = self._dialog = CompareDialog(self._window)
            dialog.chosen.connect(self._on_chosen)
            dialog.browse_wanted.connect(self._browse)
            dialog.refresh_wanted.connect(lambda: self.compare(self._path))
            dialog.given_up.connect(self._give_up)
            dialog.pair_wanted.connect(self._show_pair)
            dialog.csv_wanted.connect(self._copy_csv)
            dialog.markdown_wanted.connect(self._copy_markdown)
            dialog.finished.connect(self._on_closed)
            self._offer()
        self._dialog.show()
        self._dialog.raise_()
        self._dialog.activateWindow()

    def compare(self, path: str) -> None:
        """Compare the shown session with the one in this file; the dialog must be open."""
        from engine.session.file import SessionFile, open_session

        self._give_up()
        filed = self._shown.now
        self._path = path
        self._offer()
        if filed is None:
            self._fail(self.tr("No session is shown: run a prompt or open a session first."))
            return
        if _same_file(path, filed):
            self._fail(self.tr("This is the session that is shown: choose another one to compare it with."))
            return
        a, a_path = filed.session, filed.told_path
        patience = self._reading = Patience()

        def work() -> Compared:
            b = open_session(path, patience)
            try:
                return compared(a, b, a_path, path, patience)
            finally:
                if isinstance(b.source, SessionFile):
                    b.source.close()

        def then(found: object) -> None:
            if not patience.over:
                self._reading = None
                self._session = a if self._shown.session is a else None
                self._compared = cast(Compared, found)
                self._show_compared()
                self.read.emit(path)

        def otherwise(failure: Failure) -> None:
            if not patience.over:
                self._reading = None
                self._fail(failure.sentence)

        if self._dialog is not None:
            self._dialog.show_busy(self.tr("Reading {}…").format(Path(path).name))
        self._jobs.start(work, then, otherwise, patience=patience, reads=a)

    def restyle(self) -> None:
        """Take the theme's colours."""
        if self._dialog is not None:
            self._dialog.restyle()

    def retranslate(self) -> None:
        """Set all texts anew, in the current language."""
        if self._dialog is not None:
            self._dialog.retranslate()
            self._show_compared()

    # --- inside -----------------------------------------------------------------------------------------------------

    def _offer(self) -> None:
        """Offer the recent sessions that still exist, and the one that was asked for."""
        if self._dialog is None:
            return
        filed = self._shown.now
        paths = [path for path in self._preferences.recent_sessions if os.path.exists(path)]
        self._paths = [path for path in paths if path != self._path and not (filed and _same_file(path, filed))]
        if self._path:
            self._paths.insert(0, self._path)
        self._dialog.show_recent(self._paths, 0 if self._path else -1)

    @Slot(int)
    def _on_chosen(self, place: int) -> None:
        self.compare(self._paths[place])

    def _browse(self) -> None:
        path, _ = QFileDialog.getOpenFileName(
            self._dialog, self.tr("Compare with a session"), self._preferences.folder("open"), session_filter()
        )
        if path and self._dialog is not None:
            self._preferences.remember_folder("open", str(Path(path).parent))
            self.compare(path)

    def _fail(self, sentence: str) -> None:
        if self._dialog is not None:
            self._dialog.show_fault(sentence)

    def _show_compared(self) -> None:
        from app.window.compare_result import result_of

        if self._dialog is not None and self._compared is not None:
            self._dialog.show_result(result_of(self._compared, say))
            self._note_another()

    def _note_another(self) -> None:
        if self._dialog is not None and self._compared is not None and self._session is None:
            self._dialog.show_note(self.tr("The window shows another session now: Refresh compares that one."))

    @Slot()
    def _on_shown(self) -> None:
        self._session = None
        if self._dialog is not None and self._reading is None:
            self._note_another()

    @Slot(int)
    def _show_pair(self, place: int) -> None:
        """Select the token of A at which a pair parts, or the last one where it parts nowhere or A ended there."""
        if self._compared is None or self._session is None:
            self._note_another()
            return
        pair = self._compared.beside.pairs[place]
        rows = self._session.requests[pair.a].token_rows
        if rows:
            self._selection.change(token=rows[min(pair.tokens, len(rows) - 1)])
        else:
            self._selection.change(request=pair.a)

    def _copy_csv(self) -> None:
        if self._compared is not None:
            tables = (csv_text(*rows(self._compared)) for rows in (figure_rows, pair_rows))
            QGuiApplication.clipboard().setText("\n".join(tables))
            self.said.emit(self.tr("Copied the comparison as CSV"))

    def _copy_markdown(self) -> None:
        if self._compared is not None:
            QGuiApplication.clipboard().setText(markdown(self._compared, say))
            self.said.emit(self.tr("Copied the comparison as Markdown"))

    @Slot()
    def _give_up(self) -> None:
        if self._reading is not None:
            self._reading.give_up()
            self._reading = None

    @Slot()
    def _on_closed(self) -> None:
        self._dialog = self._session = self._compared = None
        self._path = ""


def say(text: str) -> str:
    """A text of `app.models.side_by_side`, translated."""
    return QCoreApplication.translate(CONTEXT, text)


def _same_file(path: str, filed: FiledSession) -> bool:
    """Whether this is a file of the session: its recording, or the copy of it."""
    for own in filter(None, (filed.path, filed.copy)):
        with suppress(OSError):
            if os.path.samefile(path, own):
                return True
    return False
