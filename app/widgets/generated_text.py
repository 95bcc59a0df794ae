"""The growing text of one request: the prompt in the muted colour, the generated text in the text colour."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QColor, QTextCharFormat, QTextCursor
from PySide6.QtWidgets import QHBoxLayout, QPlainTextEdit, QToolButton, QVBoxLayout, QWidget

from app.core.selection import Selected, Selection
from app.look.icons import icon
from app.look.theme import CAPTION_SCALE, GRID, theme, ui_font
from app.look.units import count, cut, straight
from app.models.finish_words import finish_words
from app.widgets.plain import PlainLabel, plain
from app.widgets.whole_parts import WholeParts
from engine.session.store import RecordedRequest, Session

MOST_OF_PROMPT: Final = 20_000
"""Most characters of a prompt that are shown."""
MOST_OF_PIECE: Final = 2000
"""Most characters of one token that are shown; a token of an ordinary vocabulary has some dozens at most."""


class GeneratedText(QWidget):
    """Shows the selected request, or the first one while none is selected; the arrows select other requests."""

    def __init__(self, selection: Selection, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._selection = selection
        self._session: Session | None = None
        self._request: int | None = None
        self._shown_tokens = 0
        self._caption = PlainLabel()
        self.facts = WholeParts()
        self.facts.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self._previous, self._next = QToolButton(), QToolButton()
        self._previous.clicked.connect(lambda: self.go(-1))
        self._next.clicked.connect(lambda: self.go(1))
        self._text = QPlainTextEdit()
        self._text.setReadOnly(True)
        self._text.setUndoRedoEnabled(False)
        self._text.setTabChangesFocus(True)
        head = QHBoxLayout()
        head.setSpacing(GRID)
        head.addWidget(self._caption)
        head.addWidget(self.facts, 1)
        head.addWidget(self._previous)
        head.addWidget(self._next)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(GRID)
        layout.addLayout(head)
        layout.addWidget(self._text, 1)
        selection.changed.connect(self._on_selected)
        self.restyle()
        self.retranslate()

    @property
    def text(self) -> str:
        """The shown text, prompt included."""
        return self._text.toPlainText()

    def show_session(self, session: Session | None) -> None:
        """Show another session's text."""
        self._session = session
        self._show_request(None)
        self.refresh()

    def refresh(self) -> None:
        """Append the tokens that came since the last call."""
        session = self._session
        if session is None:
            return
        if self._request is None:
            self._show_request(
                self._selection.now.request if self._selection.now.request is not None else _first(session)
            )
        request = None if self._request is None else session.requests.get(self._request)
        if request is None:
            return
        rows = request.token_rows[self._shown_tokens :]
        if rows:
            texts = session.tokens["text"]
            self._append("".join(cut(str(texts[row]), MOST_OF_PIECE) for row in rows), theme().text)
            self._shown_tokens += len(rows)
        self._show_facts(session, request)

    def retranslate(self) -> None:
        """Set all texts in the current language."""
        self._caption.setText(self.tr("Generated text"))
        self._text.setAccessibleName(self.tr("Generated text"))
        self._text.setToolTip(self.tr("The prompt, and what the model has written after it"))
        self._text.setPlaceholderText(self.tr("The text appears here token by token."))
        for button, text in ((self._previous, self.tr("Previous request")), (self._next, self.tr("Next request"))):
            button.setToolTip(plain(text))
            button.setAccessibleName(text)
        if self._session is not None:
            self.refresh()

    def restyle(self) -> None:
        """Take the theme's colours again."""
        self._caption.setFont(ui_font(bold=True))
        self.facts.setFont(ui_font(CAPTION_SCALE))
        self._previous.setIcon(icon("left"))
        self._next.setIcon(icon("right"))
        self._text.document().setDocumentMargin(2 * GRID)
        request, self._request = self._request, None
        self._show_request(request)
        self.refresh()

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.LanguageChange:
            self.retranslate()
        super().changeEvent(event)

    def _show_request(self, request_id: int | None) -> None:
        self._request = request_id
        self._shown_tokens = 0
        self._text.clear()
        self.facts.setText("")
        several = self._session is not None and len(self._session.requests) > 1
        self._previous.setVisible(several)
        self._next.setVisible(several)
        request = self._session.requests.get(request_id) if self._session and request_id is not None else None
        if request is not None:
            self._append(straight(_readable(request.prompt)), theme().muted)

    def _append(self, text: str, colour: str) -> None:
        """Add text at the end; the view scrolls to it unless the user has scrolled up."""
        bar = self._text.verticalScrollBar()
        at_end = bar.value() >= bar.maximum() - 2
        style = QTextCharFormat()
        style.setForeground(QColor(colour))
        cursor = QTextCursor(self._text.document())
        cursor.movePosition(QTextCursor.MoveOperation.End)
        cursor.insertText(text, style)
        if at_end:
            bar.setValue(bar.maximum())

    def _show_facts(self, session: Session, request: RecordedRequest) -> None:
        facts = self.tr("{} tokens").format(count(len(request.token_rows)))
        if request.finish_reason is not None:
            facts = f"{facts} · {finish_words(request)}"
        if len(session.requests) > 1:
            place = 1 + sorted(session.requests).index(request.id)
            facts = self.tr("request {id} ({place} of {all}) · {facts}").format(
                id=request.id, place=place, all=len(session.requests), facts=facts
            )
            self._previous.show()
            self._next.show()
        if facts != self.facts.text():
            self.facts.setText(facts)
            self.facts.setToolTip(plain(facts))

    def go(self, by: int) -> None:
        """Select the request that is `by` places after the shown one; past either end it goes on at the other."""
        if self._session is None or not self._session.requests:
            return
        known = sorted(self._session.requests)
        now = known.index(self._request) if self._request in known else 0
        self._selection.change(request=known[(now + by) % len(known)])

    def _on_selected(self, selected: Selected) -> None:
        if self._session is None or selected.request is None or selected.request == self._request:
            return
        if selected.request in self._session.requests:
            self._show_request(selected.request)
            self.refresh()


def _readable(prompt: str) -> str:
    """The prompt, or only its two ends if it is very long: Qt takes a minute to lay out millions of characters."""
    left_out = len(prompt) - MOST_OF_PROMPT
    if left_out <= 0:
        return prompt
    half = MOST_OF_PROMPT // 2
    return f"{prompt[:half]} … {count(left_out)} … {prompt[-half:]}"


def _first(session: Session) -> int | None:
    return min(session.requests, default=None)
