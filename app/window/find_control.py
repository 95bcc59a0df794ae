"""Find: searches the shown session beside the window, and selects what was found."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, QTimer, Signal, Slot
from PySide6.QtWidgets import QWidget

from app.core.jobs import Jobs
from app.core.selection import Selection
from app.models.found import Found
from app.models.mark_words import mark_words
from app.widgets.generated_text import GeneratedText
from app.window.shown_session import ShownSession
from engine.figures.finding import NOTHING, Hit, Kind, TextPattern, asked_for, found_in, marked, numbered
from engine.session.patience import Patience
from engine.session.store import Session

if TYPE_CHECKING:
    from app.dialogs.find import FindDialog

Ints = NDArray[np.int64]
TYPING_MS: Final = 150
"""How long nothing is typed before a search begins."""
TOGETHER_S: Final = 0.05
"""Hits are given to the window as often as that, the first ones at once."""
WORK_S: Final = 0.001
REST_S: Final = 0.0005
"""How long it searches before it rests, so that the window is not held up: Python runs one thread at a time."""
CORNER: Final = 40
"""Pixels between the dialog and the window's upper right corner."""


class FindControl(QObject):
    """Opens the dialog, searches what is typed in it, and goes from hit to hit; `found` is what all texts mark."""

    _came = Signal(object, object)
    """(whose search, places): from the thread that searches."""

    def __init__(
        self, window: QWidget, shown: ShownSession, selection: Selection, jobs: Jobs, text: GeneratedText
    ) -> None:
        super().__init__(window)
        self._window, self._shown, self._selection, self._jobs = window, shown, selection, jobs
        self.found = Found(self)
        text.follow(self.found)
        self.dialog: FindDialog | None = None
        self._patience: Patience | None = None
        self._typing = QTimer(self)
        self._typing.setSingleShot(True)
        self._typing.setInterval(TYPING_MS)
        self._typing.timeout.connect(self.search)
        self._came.connect(self._on_came)
        shown.changed.connect(self._on_shown)
        shown.part_changed.connect(self._on_shown)

    @Slot()
    def ask(self) -> None:
        """Open the dialog."""
        if self._shown.session is None:
            return
        dialog = self.dialog = self.dialog or self._make()
        self.found.mark(True)
        if not dialog.isVisible():
            self._place(dialog)
            if dialog.field.text() and self.found.pattern is None:
                self._typing.start()
        dialog.ask()

    @Slot()
    def search(self) -> None:
        """Search the shown session for what is typed."""
        self._typing.stop()
        self.give_up()
        typed, session = self._typed(), self._shown.session
        if session is None or not typed.strip():
            self.found.begin(None, None)
            return
        pattern = TextPattern(typed)
        self.found.begin(session, pattern)
        marks = [(mark.t_ns, mark_words(mark)) for mark in list(session.marks)]
        self.found.add_named([*numbered(session, typed, self._words()), *marked(marks, TextPattern(typed.strip()))])
        patience = self._patience = Patience()
        self._jobs.start(
            lambda: self._work(session, pattern, patience), lambda _: self._on_over(patience), patience=patience,
            reads=session,
        )  # fmt: skip

    def give_up(self) -> None:
        """Do not search on."""
        if self._patience is not None:
            self._patience.give_up()
            self._patience = None

    @Slot(int)
    def go(self, by: int) -> None:
        """Go to the next (1) or previous (−1) hit; past either end it goes on at the other."""
        if self._typing.isActive():
            self.search()
        number = len(self.found)
        if not number:
            if self.dialog is None or not self.dialog.isVisible():
                self.ask()
            elif self.found.over and self.found.grown:
                self.search()
            return
        at = self.found.at
        self.select((0 if by > 0 else number - 1) if at is None else (at + by) % number)

    @Slot(int)
    def select(self, index: int) -> None:
        """Go to a hit: select it in the whole window."""
        self.found.go(index)
        target = self.found.target(index)
        if target:
            self._selection.change(**target)

    def refresh(self) -> None:
        """Say whether the session has grown since it was searched."""
        if self.dialog is not None and self.dialog.isVisible():
            self.dialog.show_state()

    def close(self) -> None:
        """The window closes."""
        self._typing.stop()
        self.give_up()
        if self.dialog is not None:
            self.dialog.close()

    def restyle(self) -> None:
        """Take the theme's colours again."""
        if self.dialog is not None:
            self.dialog.restyle()

    def retranslate(self) -> None:
        """Set all texts anew."""
        if self.dialog is not None:
            self.dialog.retranslate()

    # --- inside -----------------------------------------------------------------------------------------------------

    def _make(self) -> FindDialog:
        from app.dialogs.find import FindDialog  # not before it is first opened, so that the window opens sooner
        from app.widgets.found_list import FoundList

        dialog = FindDialog(FoundList(self.found), self._window)
        dialog.typed.connect(self._on_typed)
        dialog.again.connect(self.search)
        dialog.stepped.connect(self.go)
        dialog.list.chosen.connect(self.select)
        dialog.hidden.connect(self._on_hidden)
        return dialog

    def _work(self, session: Session, pattern: TextPattern, patience: Patience) -> None:
        """Search all texts, on a thread of its own."""
        self._came.emit(patience, asked_for(session, pattern.typed))
        rested_s = time.monotonic()
        for places in together(found_in(session, pattern)):
            if patience.over:
                return
            if len(places):
                self._came.emit(patience, places)
            if time.monotonic() - rested_s > WORK_S:
                time.sleep(REST_S)
                rested_s = time.monotonic()

    @Slot(object, object)
    def _on_came(self, patience: Patience, hits: list[Hit] | Ints) -> None:
        if patience is not self._patience:
            return
        if isinstance(hits, list):
            self.found.add_named(hits)
        else:
            self.found.add_places(hits)

    def _on_over(self, patience: Patience) -> None:
        if patience is self._patience:
            self._patience = None
            self.found.end()

    def _on_typed(self) -> None:
        self.give_up()
        self._typing.start()

    def _on_hidden(self) -> None:
        """The texts show no hits any more; F3 goes on through them."""
        self.found.mark(False)

    @Slot()
    def _on_shown(self) -> None:
        """Another session: what was found in the one before is nowhere."""
        self.give_up()
        self.found.begin(None, None)
        if self.dialog is not None and self.dialog.isVisible() and self._typed():
            self._typing.start()

    def _typed(self) -> str:
        return "" if self.dialog is None else self.dialog.field.text()

    def _words(self) -> dict[str, Kind]:
        """What stands for a step and for a request before a number, in English and in the window's language."""
        return {
            "step": "step", "request": "request", "req": "request",
            self.tr("step").casefold(): "step", self.tr("request").casefold(): "request",
        }  # fmt: skip

    def _place(self, dialog: FindDialog) -> None:
        corner = self._window.mapToGlobal(self._window.rect().topRight())
        dialog.move(corner.x() - dialog.width() - CORNER, corner.y() + CORNER)


def together(parts: Iterator[Ints]) -> Iterator[Ints]:
    """The same places in fewer parts: the first ones at once, then what came in a while; empty ones between them."""
    held: list[Ints] = []
    given_s = 0.0
    for part in parts:
        if len(part):
            held.append(part)
        if held and time.monotonic() - given_s > TOGETHER_S:
            yield np.concatenate(held)
            held, given_s = [], time.monotonic()
        else:
            yield NOTHING
    if held:
        yield np.concatenate(held)
