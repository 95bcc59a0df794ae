"""The part of the Inspector that says why its token was late, and who shared its step."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QCoreApplication, QObject, Qt
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QToolButton, QWidget

from app.core.selection import Selection
from app.look.icons import icon
from app.look.theme import CAPTION_SCALE, GRID, theme
from app.look.units import DERIVED, MEASURED, count, seconds
from app.models.delay_words import CONTEXT, culprit_of, sentence_parts
from app.panels.untold import not_told
from app.widgets.plain import plain
from app.widgets.themed_label import ThemedLabel
from engine.figures.culprits import TokenDelay, delay_of
from engine.figures.delays import Delays
from engine.figures.first_tokens import first_token
from engine.figures.step_members import step_members
from engine.figures.token_facts import TokenFacts
from engine.session.store import Session

MOST_MEMBERS: Final = 8
"""The most requests of a step that are listed."""


class LateLines(QObject):
    """Two lines: why the token was late, with a button that goes to the culprit; and the requests of its step."""

    def __init__(self, selection: Selection, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._selection = selection
        self.delay: TokenDelay | None = None
        """Why the shown token was late; None where it was not, or as long as that is not known."""
        self._culprit: dict[str, object] | None = None
        self.late = ThemedLabel(muted=False, scale=CAPTION_SCALE, wrap=True)
        self.members = ThemedLabel(muted=False, scale=CAPTION_SCALE, wrap=True)
        self.button = QToolButton()
        self.button.setAutoRaise(True)
        policy = self.button.sizePolicy()
        policy.setRetainSizeWhenHidden(True)  # the lines stand still from token to token
        self.button.setSizePolicy(policy)
        self.button.hide()
        self.button.setAccessibleName(self.tr("Go to the culprit"))
        self.button.clicked.connect(self.go_to_culprit)

    def add_to(self, facts: QGridLayout, row: int) -> None:
        """Add the lines to a grid of captions and facts, from this row on."""
        line = QWidget()
        beside = QHBoxLayout(line)
        beside.setContentsMargins(0, 0, 0, 0)
        beside.setSpacing(GRID)
        beside.addWidget(self.late, 1)
        beside.addWidget(self.button, 0, Qt.AlignmentFlag.AlignTop)
        for place, (name, label, widget) in enumerate(
            ((self.tr("Late"), self.late, line), (self.tr("Shared by"), self.members, self.members)), row
        ):
            caption = ThemedLabel(scale=CAPTION_SCALE)
            caption.setAlignment(Qt.AlignmentFlag.AlignTop)
            caption.setText(name)
            label.setAccessibleName(name)
            facts.addWidget(caption, place, 0)
            facts.addWidget(widget, place, 1)

    def show_token(self, session: Session, delays: Delays | None, facts: TokenFacts) -> None:
        """Write both lines about a token; `delays` is None while they are computed."""
        index = None if delays is None else delays.index_of(session, facts.row)
        self.delay = None if delays is None or index is None else delay_of(session, delays, index)
        self._culprit = None if self.delay is None else culprit_of(session, self.delay)
        self._write(self.late, self._why(session, delays, facts))
        self._write(self.members, self._who(session, facts))
        self.button.setVisible(self._culprit is not None)
        if self._culprit is not None:
            name = self.tr("Go to the culprit: {what}").format(what=self._words(session)[0])
            self.button.setAccessibleName(name)
            self.button.setToolTip(plain(name))

    def go_to_culprit(self) -> None:
        """Select the token or the step that delayed the shown one most."""
        if self._culprit is not None:
            self._selection.change(**self._culprit)

    def restyle(self) -> None:
        """Take the theme's colours again."""
        self.button.setIcon(icon("right", theme().muted))

    def rows(self) -> list[tuple[object, ...]]:
        """What is copied as CSV: the seconds of each cause."""
        return [] if self.delay is None else [("late_s", part.cause, part.seconds) for part in self.delay.parts]

    def _why(self, session: Session, delays: Delays | None, facts: TokenFacts) -> str:
        if self.delay is not None:
            late = self.tr("by {time} {mark}").format(time=seconds(self.delay.excess_s), mark=DERIVED)
            return " · ".join([late, *self._words(session)])
        if facts.gap_s is None:
            first = first_token(session, facts.request.id)
            if first is None:
                return self.tr("the first token of its request")
            return self.tr("the first token: {waited} of its {passed} were spent in the queue {mark}").format(
                waited=seconds(first.queue_s), passed=seconds(first.ttft_s), mark=MEASURED
            )
        if delays is None or facts.row >= delays.tokens:
            return self.tr("not known yet")
        return self.tr("no: its gap is not above the median of its request")

    def _words(self, session: Session) -> list[str]:
        assert self.delay is not None
        return sentence_parts(session, self.delay, lambda text: QCoreApplication.translate(CONTEXT, text))

    def _who(self, session: Session, facts: TokenFacts) -> str:
        """The other requests of the step, with the positions that it computed for each."""
        if facts.step is None:
            return not_told()
        others = [one for one in step_members(session, facts.step) if one[0] != facts.request.id]
        if not others:
            return self.tr("no other request")
        parts = [self.tr("request {id}: {n}").format(id=one, n=count(n)) for one, n in others[:MOST_MEMBERS]]
        if len(others) > MOST_MEMBERS:
            parts.append(self.tr("and {n} more").format(n=count(len(others) - MOST_MEMBERS)))
        return " · ".join([self.tr("others, with their positions {mark}").format(mark=MEASURED), *parts])

    @staticmethod
    def _write(label: ThemedLabel, text: str) -> None:
        label.setText(text)
        label.setToolTip(plain(text))
