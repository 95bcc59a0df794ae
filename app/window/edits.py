"""What a person changes in the shown session (its name, its notes, its marks), with undo and redo."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtGui import QUndoCommand, QUndoStack

from app.core.background import Failure
from app.core.jobs import Jobs
from app.window.feed import Feed
from app.window.shown_session import FiledSession, ShownSession
from engine.session.edits import Edit, edit_file
from engine.session.schema import FactsSet, Mark, MarkChanged


class Edits(QObject):
    """Carries out changes in the Session and in its file, also while it is recorded, and takes them back.

    The changes of one session can be undone while it is shown. A run of this window is changed by the thread that keeps
    its events; the file of another recording is written beside the window, and where that fails the change is taken
    back. A copy that the user saved is changed as well. Used from the window's thread only.
    """

    changed = Signal()
    """What can be undone or redone has changed."""
    edited = Signal()
    """The shown session has another name, other notes or other marks; a live one soon."""
    failed = Signal(str, str)
    """(sentence, details or "")."""

    def __init__(self, feed: Feed, shown: ShownSession, jobs: Jobs, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._feed, self._shown, self._jobs = feed, shown, jobs
        self._waiting: deque[_Write] = deque()
        """Changes to write into files; the first is being written."""
        self.stack = QUndoStack(self)
        self.stack.indexChanged.connect(self.changed)
        shown.changed.connect(self._on_shown)
        feed.edit_failed.connect(lambda sentence: self.failed.emit(sentence, ""))

    def set_fact(self, key: str, value: str, words: str) -> None:
        """Set a fact of the shown session, a row of `meta`; `words` name the change in the menu."""
        filed = self._shown.now
        before = "" if filed is None else filed.session.meta.get(key, "")
        if filed is not None and value != before:
            self._push(words, filed, FactsSet({key: value}), FactsSet({key: before}))

    def set_fact_of(self, filed: FiledSession, key: str, value: str) -> None:
        """Set a fact of a session of this window, whose history is kept elsewhere; it need not be the shown one."""
        before = filed.session.meta.get(key, "")
        if value != before:
            self._carry_out(filed, FactsSet({key: value}), FactsSet({key: before}))

    def change_mark(self, before: Mark | None, after: Mark | None, words: str) -> None:
        """Put a mark (`before` is None), change it, or take it away (`after` is None)."""
        filed = self._shown.now
        if filed is not None and before != after:
            self._push(words, filed, MarkChanged(before, after), MarkChanged(after, before))

    def _push(self, words: str, filed: FiledSession, edit: Edit, back: Edit) -> None:
        self.stack.push(
            _Change(words, lambda: self._carry_out(filed, edit, back), lambda: self._carry_out(filed, back, edit))
        )

    def _carry_out(self, filed: FiledSession, edit: Edit, back: Edit) -> None:
        if filed is self._shown.live:
            self._feed.edit(filed.session, "" if filed.lost else filed.path, edit)
        else:
            filed.session.apply([edit])
            self._write(filed, filed.path, edit, lambda failure: self._on_refused(filed, back, failure))
        if filed.copy:
            self._write(filed, filed.copy, edit, self._jobs.fail)
        self.edited.emit()

    def _write(self, filed: FiledSession, path: str, edit: Edit, otherwise: Callable[[Failure], None]) -> None:
        self._waiting.append(_Write(filed, path, edit, otherwise))
        if len(self._waiting) == 1:
            self._write_next()

    def _write_next(self) -> None:
        """Write one change after the other: each says what it finds."""
        if not self._waiting:
            return
        write = self._waiting[0]

        def then(_: object) -> None:
            self._waiting.popleft()
            self._write_next()

        def otherwise(failure: Failure) -> None:
            write.otherwise(failure)
            then(None)

        self._jobs.start(
            lambda: edit_file(write.path, [write.edit]), then, otherwise, reads=write.filed.session,
            writes=Path(write.path),
        )  # fmt: skip

    def _on_refused(self, filed: FiledSession, back: Edit, failure: Failure) -> None:
        """The file was not changed: nor is the session then, and no other change of it could be undone."""
        filed.session.apply([back])
        self.stack.clear()
        self.edited.emit()
        self.failed.emit(failure.sentence, failure.details)

    @Slot()
    def _on_shown(self) -> None:
        self.stack.clear()


@dataclass(frozen=True, slots=True)
class _Write:
    """A change that is to be written into a file."""

    filed: FiledSession
    path: str
    edit: Edit
    otherwise: Callable[[Failure], None]


class _Change(QUndoCommand):
    """One entry of the history; pushing it carries it out."""

    def __init__(self, words: str, do: Callable[[], None], undo: Callable[[], None]) -> None:
        super().__init__(words)
        self._do, self._undo = do, undo

    def redo(self) -> None:
        self._do()

    def undo(self) -> None:
        self._undo()
