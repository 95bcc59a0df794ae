"""Fills the dialog of all recordings, and carries out what is asked for there; every change can be taken back."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

from PySide6.QtCore import QObject, QUrl, Signal, Slot
from PySide6.QtGui import QDesktopServices, QUndoCommand, QUndoStack
from PySide6.QtWidgets import QWidget

from app.core.background import Failure
from app.core.engine_sentences import in_window_language
from app.core.jobs import Jobs
from app.core.preferences import KEEP_CHOICES, Preferences
from app.core.recent_recordings import RecentRecording, look_at_one
from app.look.units import count
from app.models.recording_list import RecordingList
from app.window.edits import Edits
from app.window.recordings_control import RecordingsControl
from app.window.shown_session import ShownSession
from app.window.trash import Deleted, bring_back, delete, forget_deleted
from engine.client.recordings import Recordings, session_files
from engine.errors import SessionFileError
from engine.session.edits import NAME, edit_file
from engine.session.patience import Patience
from engine.session.schema import FactsSet

if TYPE_CHECKING:
    from app.dialogs.recordings import RecordingsDialog

BATCH_S: Final = 0.15
"""For so long files are read before those that were read are shown."""
DELETED: Final = "deleted"
"""The folder beside that of the recordings which takes what is deleted where there is no trash."""


class RecordingsBrowser(QObject):
    """Owns the dialog, of which there is one at most, and the history of what was done in it.

    The files are listed at once; what they hold is read in the background, those in sight first, and kept for as long
    as the file does not change.
    """

    changed = Signal()
    """Recordings were deleted or brought back, or have other names."""

    def __init__(
        self, window: QWidget, recordings: Recordings, shown: ShownSession, kept: RecordingsControl, edits: Edits,
        jobs: Jobs, preferences: Preferences,
    ) -> None:  # fmt: skip
        super().__init__(window)
        self._window, self._recordings, self._shown, self._kept = window, recordings, shown, kept
        self._edits, self._jobs, self._preferences = edits, jobs, preferences
        self.list = RecordingList()
        self.dialog: RecordingsDialog | None = None
        self._reading: Patience | None = None
        self._listing = False
        self._wanted = ""
        """A file that is to be selected once it is listed."""
        self._queue: deque[tuple[Callable[[], object], Callable[[object], None], Callable[[Failure], None]]] = deque()
        """Work on files that is to be done; the first is being done."""
        self.stack = QUndoStack(self)
        self.stack.indexChanged.connect(self._show_history)
        kept.changed.connect(self._show_keep)
        shown.recorded.connect(lambda _: self.look())
        edits.edited.connect(self._on_edited)

    # --- what the window calls --------------------------------------------------------------------------------------

    @Slot()
    def show(self) -> None:
        """Show the dialog, and read the folder anew."""
        from app.dialogs.recordings import RecordingsDialog

        if self.dialog is None:
            dialog = self.dialog = RecordingsDialog(self.list, KEEP_CHOICES, self._window)
            dialog.opened.connect(self._shown.open)
            dialog.renamed.connect(self.rename)
            dialog.deleted.connect(self.delete)
            dialog.folder_wanted.connect(self._show_folder)
            dialog.keep_chosen.connect(self._kept.choose)
            dialog.undo_wanted.connect(self.stack.undo)
            dialog.redo_wanted.connect(self.stack.redo)
            dialog.reload_wanted.connect(self.look)
            dialog.finished.connect(self._on_closed)
            self._show_history()
            self._show_keep()
            dialog.follow()
        self.dialog.show()
        self.dialog.raise_()
        self.dialog.activateWindow()
        self.look()

    def look(self) -> None:
        """List the files that there are now, and read those that are new or were changed."""
        if self.dialog is None or self._listing:
            return
        self._listing = True
        folder, recent = self._recordings.folder, list(self._preferences.recent_sessions)

        def work() -> list[tuple[str, int, int]]:
            forget_deleted(folder.parent / DELETED, time.time())
            return _files(folder, recent)

        def then(found: object) -> None:
            self._listing = False
            self.list.put(cast("list[tuple[str, int, int]]", found))
            self._follow()
            if self._wanted and self.dialog is not None:
                self.dialog.table.choose(self._wanted)
                self._wanted = ""
            self._read()

        def otherwise(failure: Failure) -> None:
            self._listing = False
            self._say(failure.sentence)

        self._jobs.start(work, then, otherwise, patience=Patience())

    def restyle(self) -> None:
        """Take the theme's colours."""
        if self.dialog is not None:
            self.dialog.restyle()

    def retranslate(self) -> None:
        """Set all texts anew, in the current language."""
        if self.dialog is not None:
            self.dialog.retranslate()
            self._show_history()

    # --- what is asked for ------------------------------------------------------------------------------------------

    def rename(self, path: str, name: str) -> None:
        """Give a recording another name, which its file keeps."""
        before = next((one.known.name for one in self.list.shown if one.path == path), "")
        words = self.tr("Rename {}").format(Path(path).name)
        self.stack.push(_Done(words, lambda: self._name(path, name), lambda: self._name(path, before)))

    def delete(self, paths: list[str]) -> None:
        """Delete recordings, but for those that a window shows, reads or records."""
        in_use = {one.absolute() for one in self._kept.in_use()}
        wanted = [path for path in paths if Path(path).absolute() not in in_use]
        if len(wanted) < len(paths):
            left = count(len(paths) - len(wanted))
            self._say(self.tr("A window shows {} of these recordings: they stay.").format(left))
        if not wanted:
            return
        gone: list[Deleted] = []

        def then() -> None:
            back = [one for one in gone if one.comes_back]
            words = self.tr("Delete {}").format(Path(wanted[0]).name)
            if len(back) > 1:
                words = self.tr("Delete {} recordings").format(count(len(back)))
            if back:
                do, undo = partial(self._throw_away, wanted, gone), partial(self._bring_back, gone)
                self.stack.push(_Done(words, do, undo, done=True))

        self._throw_away(wanted, gone, then)

    # --- inside -----------------------------------------------------------------------------------------------------

    def _throw_away(self, paths: list[str], gone: list[Deleted], then: Callable[[], None] = lambda: None) -> None:
        """Delete these files; `gone` gets what became of them."""
        otherwise = self._recordings.folder.parent / DELETED
        gone.clear()

        def work() -> str:
            for path in paths:
                try:
                    gone.append(delete(Path(path), otherwise))
                except SessionFileError as error:
                    return str(error)
            return ""

        def tell(failure: object) -> None:
            self.look()
            self.changed.emit()
            then()
            if failure:
                self._say(in_window_language(str(failure)))
            elif gone[0].kept_in is not None:
                words = self.tr("Deleted: {n}. There is no trash; they stay in {folder} for a month.")
                self._say(words.format(n=count(len(gone)), folder=gone[0].kept_in))
            else:
                self._say(self.tr("Moved to the trash: {}.").format(count(len(gone))))

        self._in_turn(work, tell, self._fail)

    def _bring_back(self, gone: list[Deleted]) -> None:
        def work() -> str:
            for one in gone:
                if one.comes_back:
                    try:
                        bring_back(one)
                    except SessionFileError as error:
                        return str(error)
            return ""

        def tell(failure: object) -> None:
            self._wanted = str(gone[0].path)
            self.look()
            self.changed.emit()
            self._say(in_window_language(str(failure)) if failure else "")

        self._in_turn(work, tell, self._fail)

    def _in_turn(
        self, work: Callable[[], object], then: Callable[[object], None], otherwise: Callable[[Failure], None]
    ) -> None:
        """Do this work on files after all that was asked for before: it may be about the same files."""
        self._queue.append((work, then, otherwise))
        if len(self._queue) == 1:
            self._next()

    def _next(self) -> None:
        if not self._queue:
            return
        work, then, otherwise = self._queue[0]

        def done(tell: Callable[[Any], None], outcome: object) -> None:
            self._queue.popleft()
            tell(outcome)
            self._next()

        self._jobs.start(work, partial(done, then), partial(done, otherwise))

    def _fail(self, failure: Failure) -> None:
        self.stack.clear()  # what was to be taken back did not happen
        self.look()
        self._say(failure.sentence)

    def _name(self, path: str, name: str) -> None:
        """Write a name into a file: through the session where the window holds it, beside the window otherwise."""
        for filed in (self._shown.now, self._shown.live):
            if filed is not None and path in (filed.path, filed.copy):
                self._edits.set_fact_of(filed, NAME, name)
                self._tell_name(path, name)
                return

        def then(_: object) -> None:
            self._tell_name(path, name)
            self.changed.emit()

        self._in_turn(lambda: edit_file(path, [FactsSet({NAME: name})]), then, self._fail)

    def _tell_name(self, path: str, name: str) -> None:
        self.list.rename(path, name)
        self._follow()

    @Slot()
    def _on_edited(self) -> None:
        """The shown session may have another name: it is read again once its file has it."""
        now = self._shown.now
        if self.dialog is not None and now is not None:
            for path in filter(None, (now.path, now.copy)):
                self._tell_name(path, now.session.meta.get(NAME, ""))

    def _show_folder(self, path: str) -> None:
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(Path(path).parent)))

    def _read(self) -> None:
        """Read files for a while, show them, and go on; a search or a sort meanwhile changes which come next."""
        unread = self.list.unread
        if self.dialog is None or self._reading is not None or not unread:
            return
        patience = self._reading = Patience()

        def work() -> list[RecentRecording]:
            found, until = [], time.monotonic() + BATCH_S
            for path in unread:
                if patience.over:
                    break
                one = look_at_one(path, patience)
                found.append(one or RecentRecording(path, fault=_GONE.format(path)))
                if time.monotonic() > until:
                    break
            return found

        def then(found: object) -> None:
            self._reading = None
            if not patience.over:
                self.list.tell(cast("list[RecentRecording]", found))
                self._follow()
                self._read()

        def otherwise(failure: Failure) -> None:
            self._reading = None
            self._say(failure.sentence)

        self._jobs.start(work, then, otherwise, patience=patience)

    def _follow(self) -> None:
        if self.dialog is not None:
            self.dialog.follow()

    def _say(self, sentence: str) -> None:
        if self.dialog is not None:
            self.dialog.say(sentence)

    @Slot()
    def _show_history(self) -> None:
        if self.dialog is not None:
            self.dialog.show_history(self.stack.undoText(), self.stack.redoText())

    @Slot()
    def _show_keep(self) -> None:
        if self.dialog is not None:
            self.dialog.show_keep(self._preferences.kept_recordings)

    @Slot()
    def _on_closed(self) -> None:
        self.dialog = None
        if self._reading is not None:
            self._reading.give_up()


_GONE: Final = "There is no file {}."


class _Done(QUndoCommand):
    """One entry of the history; pushing it carries it out, unless it is `done` already."""

    def __init__(self, words: str, do: Callable[[], None], undo: Callable[[], None], done: bool = False) -> None:
        super().__init__(words)
        self._do, self._undo, self._done = do, undo, done

    def redo(self) -> None:
        if not self._done:
            self._do()
        self._done = False

    def undo(self) -> None:
        self._undo()


def _files(folder: Path, recent: list[str]) -> list[tuple[str, int, int]]:
    """(path, bytes, when it was changed in ns) of all files of the folder, and of recent ones elsewhere."""
    found = {str(one.path): (one.size_bytes, one.changed_ns) for one in session_files(folder)}
    for path in recent:
        if path in found or Path(path).parent == folder:
            continue
        try:
            stat = Path(path).stat()
        except (OSError, ValueError):
            continue
        found[path] = (stat.st_size, stat.st_mtime_ns)
    return [(path, *facts) for path, facts in found.items()]
