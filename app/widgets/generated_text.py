"""The growing text of one request: the prompt in the muted colour, the generated text in the text colour.

In a chat, where the answer does not continue the prompt, each stands under the name of who says it.
"""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QColor, QFont, QTextCharFormat, QTextCursor
from PySide6.QtWidgets import QHBoxLayout, QPlainTextEdit, QToolButton, QVBoxLayout, QWidget

from app.core.selection import Selected, Selection
from app.look.icons import icon
from app.look.theme import CAPTION_SCALE, GRID, theme
from app.look.units import count, cut, name_of, straight
from app.widgets.kept_look import keep_look
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
        keep_look(self._caption, bold=True)
        keep_look(self.facts, scale=CAPTION_SCALE)
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
        self._show_again()

    def restyle(self) -> None:
        """Take the theme's colours again."""
        self._previous.setIcon(icon("left"))
        self._next.setIcon(icon("right"))
        self._text.document().setDocumentMargin(2 * GRID)
        self._show_again()

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
        if request is None:
            return
        prompt = straight(_readable(request.prompt))
        if not _is_chat(request):
            self._append(prompt, theme().muted)
            return
        self._append(f"{self.tr('User')}\n", theme().accent, bold=True)
        self._append(f"{prompt}\n\n", theme().muted)
        self._append(f"{self.tr('Model')}\n", theme().accent, bold=True)

    def _show_again(self) -> None:
        """Write the shown request anew, in the present colours and language."""
        request, self._request = self._request, None
        self._show_request(request)
        self.refresh()

    def _append(self, text: str, colour: str, bold: bool = False) -> None:
        """Add text at the end; the view scrolls to it unless the user has scrolled up."""
        bar = self._text.verticalScrollBar()
        at_end = bar.value() >= bar.maximum() - 2
        style = QTextCharFormat()
        style.setForeground(QColor(colour))
        style.setFontWeight(QFont.Weight.Bold if bold else QFont.Weight.Normal)
        cursor = QTextCursor(self._text.document())
        cursor.movePosition(QTextCursor.MoveOperation.End)
        cursor.insertText(text, style)
        if at_end:
            bar.setValue(bar.maximum())

    def _show_facts(self, session: Session, request: RecordedRequest) -> None:
        facts = self.tr("{} tokens").format(count(len(request.token_rows)))
        if request.finish_reason is not None:
            facts = f"{facts} · {self._reason(request.finish_reason)}"
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

    def _reason(self, reason: str) -> str:
        return {
            "length": self.tr("length reached"),
            "eos": self.tr("end of text"),
            "stop": self.tr("stop string"),
            "cancelled": self.tr("stopped"),
        }.get(reason, name_of(reason))

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


def _is_chat(request: RecordedRequest) -> bool:
    """Whether the prompt is what the user of a chat says, so that the text does not go on where it ends."""
    return bool(request.params.get("chat") or request.params.get("messages"))


def _readable(prompt: str) -> str:
    """The prompt, or only its two ends if it is very long: Qt takes a minute to lay out millions of characters."""
    left_out = len(prompt) - MOST_OF_PROMPT
    if left_out <= 0:
        return prompt
    half = MOST_OF_PROMPT // 2
    return f"{prompt[:half]} … {count(left_out)} … {prompt[-half:]}"


def _first(session: Session) -> int | None:
    return min(session.requests, default=None)
