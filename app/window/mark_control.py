"""The menu entries of a person's marks: put, rename, remove, and jump from one to the next."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QWidget

from app.core.selection import Selection
from app.dialogs.mark_name import ask_mark_name
from app.look.units import name_of, seconds
from app.models.marks import is_own, mark_of, moment_of, new_label, next_mark, place_of
from app.window.edits import Edits
from app.window.run_control import RunControl
from app.window.shown_session import ShownSession
from engine.client.live_session import now_ns
from engine.session.edits import MOST_OF_LABEL, USER
from engine.session.schema import Mark
from engine.session.store import Session


class MarkControl(QObject):
    """Puts a mark at the selected step or token; without one, a run that goes on is marked at the present moment.

    Rename and remove are of the mark that the selected step has, else of the one that was put, renamed or jumped to
    last.
    """

    said = Signal(str)

    def __init__(
        self, window: QWidget, shown: ShownSession, selection: Selection, control: RunControl, edits: Edits
    ) -> None:
        super().__init__(window)
        self._window = window
        self._shown, self._selection = shown, selection
        self._control, self._edits = control, edits
        self._newest: Mark | None = None
        """The mark that was put, renamed or jumped to last."""
        shown.changed.connect(self._forget)

    def put(self) -> None:
        """Put a numbered mark; it can be renamed at once."""
        session = self._shown.session
        if session is None:
            self.said.emit(self.tr("Run a prompt or open a session first: a mark is put into it."))
            return
        moment = moment_of(session, self._selection.now)
        if moment is None and self._shown.is_live and self._control.active:
            moment = now_ns(session)
        if moment is None:
            self.said.emit(self.tr("Select a step or a token first: the mark is put there."))
            return
        mark = Mark(moment, USER, new_label(session, self.tr("mark {}")))
        self._newest = mark
        self._edits.change_mark(None, mark, self.tr("put a mark"))
        words = self.tr("Put {mark} at {time}. F2 renames it.")
        self.said.emit(words.format(mark=mark.label, time=seconds(moment / 1e9)))

    def rename(self) -> None:
        """Ask for another name of the mark that is meant."""
        mark = self._meant()
        if mark is not None:
            self.rename_mark(mark)

    def rename_mark(self, mark: Mark) -> None:
        """Ask for another name of a mark; one that no person put is only jumped to."""
        if not is_own(mark):
            self.jump(mark)
            return

        def then(name: str) -> None:
            after = Mark(mark.t_ns, mark.kind, name)
            self._newest = after
            self._edits.change_mark(mark, after, self.tr("rename a mark"))

        ask_mark_name(self._window, mark.label, MOST_OF_LABEL, then)

    def remove(self) -> None:
        """Remove the mark that is meant; this can be undone."""
        mark = self._meant()
        if mark is not None:
            self.remove_mark(mark)

    def remove_mark(self, mark: Mark) -> None:
        """Remove a mark; this can be undone."""
        self._edits.change_mark(mark, None, self.tr("remove a mark"))
        self.said.emit(self.tr("Removed {}. Undo brings it back.").format(name_of(mark.label)))

    def walk(self, by: int) -> None:
        """Jump to the next mark (1), or to the one before (-1), from what is selected."""
        session = self._shown.session
        if session is None:
            return
        here = moment_of(session, self._selection.now)
        if self._newest is not None and place_of(session, self._newest).get("step") == self._selection.now.step:
            here = self._newest.t_ns  # of several marks in one step each is jumped to
        mark = next_mark(session, here, by)
        if mark is None:
            self.said.emit(self.tr("This session has no marks of yours yet: M puts one."))
        else:
            self.jump(mark)

    def jump(self, mark: Mark) -> None:
        """Select the step of a mark, or its token where no steps are told."""
        session = self._shown.session
        if session is not None:
            self._newest = mark
            self._selection.change(**place_of(session, mark))
            self.said.emit(f"{name_of(mark.label)} · {seconds(mark.t_ns / 1e9)}")

    def _meant(self) -> Mark | None:
        session = self._shown.session
        found = None if session is None else self._of(session)
        if found is None:
            self.said.emit(self.tr("Select a step that has a mark of yours first."))
        return found

    def _of(self, session: Session) -> Mark | None:
        found = mark_of(session, self._selection.now)
        if self._newest is not None and self._newest in session.marks:
            here = found is not None and place_of(session, found) == place_of(session, self._newest)
            return self._newest if found is None or here else found
        return found

    def _forget(self) -> None:
        self._newest = None
