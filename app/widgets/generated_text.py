"""The growing text of one request: the prompt in the muted colour, the generated text in the text colour.

The token that all panels show is marked in it. In a chat, where the answer does not continue the prompt, each stands
under the name of who says it.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from typing import Final

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QColor, QFont, QMouseEvent, QTextCharFormat, QTextCursor
from PySide6.QtWidgets import QHBoxLayout, QPlainTextEdit, QTextEdit, QToolButton, QVBoxLayout, QWidget

from app.core.selection import Selected, Selection
from app.core.subject import Subject, subject_of
from app.look.icons import icon
from app.look.theme import CAPTION_SCALE, GRID, theme
from app.look.units import count, cut, straight
from app.models import counted
from app.models.finish_words import finish_words
from app.models.subject_words import subject_words
from app.widgets.kept_look import keep_look
from app.widgets.plain import PlainLabel, plain
from app.widgets.whole_parts import WholeParts
from engine.session.store import RecordedRequest, Session

MOST_OF_PROMPT: Final = 20_000
"""Most characters of a prompt that are shown."""
MOST_OF_PIECE: Final = 2000
"""Most characters of one token that are shown; a token of an ordinary vocabulary has some dozens at most."""


class GeneratedText(QWidget):
    """Shows the request that all panels show (`subject_of`); the arrows select other requests."""

    def __init__(self, selection: Selection, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._selection = selection
        self._session: Session | None = None
        self._request: int | None = None
        self._shown_tokens = 0
        self._ends = array("i")
        """Where the prompt and each shown token ends, in places of the document."""
        self.marked: tuple[int, int] | None = None
        """The places of the marked token in the document, [first, end)."""
        self._caption = PlainLabel()
        self.facts = WholeParts()
        self.facts.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        keep_look(self._caption, bold=True)
        keep_look(self.facts, scale=CAPTION_SCALE)
        self.place = WholeParts()
        keep_look(self.place, scale=CAPTION_SCALE)
        self.place.hide()
        self._previous, self._next = QToolButton(), QToolButton()
        self._previous.clicked.connect(lambda: self.go(-1))
        self._next.clicked.connect(lambda: self.go(1))
        self.page = QPlainTextEdit()
        self.page.setReadOnly(True)
        self.page.setUndoRedoEnabled(False)
        self.page.setTabChangesFocus(True)
        self.page.viewport().installEventFilter(self)
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
        layout.addWidget(self.place)
        layout.addWidget(self.page, 1)
        selection.changed.connect(self._on_selected)
        self.restyle()
        self.retranslate()

    @property
    def text(self) -> str:
        """The shown text, prompt included."""
        return self.page.toPlainText()

    def show_session(self, session: Session | None) -> None:
        """Show another session's text."""
        self._session = session
        self._show_request(None)
        self.refresh()

    def refresh(self) -> None:
        """Append the tokens that came since the last call."""
        session = self._session
        subject = None if session is None else subject_of(session, self._selection.now)
        if session is None or subject is None:
            return
        if self._request != subject.request:
            self._show_request(subject.request)
        request = session.requests[subject.request]
        rows = request.token_rows[self._shown_tokens :]
        if rows:
            texts = session.tokens["text"]
            self._append([cut(str(texts[row]), MOST_OF_PIECE) for row in rows], theme().text)
            self._shown_tokens += len(rows)
        self._show_facts(session, request, subject)
        self._mark(request, subject)

    def retranslate(self) -> None:
        """Set all texts in the current language."""
        self._caption.setText(self.tr("Generated text"))
        self.page.setAccessibleName(self.tr("Generated text"))
        self.page.setToolTip(self.tr("The prompt, and what the model has written after it"))
        self.page.setPlaceholderText(self.tr("The text appears here token by token."))
        for button, text in ((self._previous, self.tr("Previous request")), (self._next, self.tr("Next request"))):
            button.setToolTip(plain(text))
            button.setAccessibleName(text)
        self._show_again()

    def restyle(self) -> None:
        """Take the theme's colours again."""
        self._previous.setIcon(icon("left"))
        self._next.setIcon(icon("right"))
        self.page.document().setDocumentMargin(2 * GRID)
        self._show_again()

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.LanguageChange:
            self.retranslate()
        super().changeEvent(event)

    def _show_request(self, request_id: int | None) -> None:
        self._request = request_id
        self._shown_tokens = 0
        self.page.clear()
        del self._ends[:]
        self.marked = None
        self.page.setExtraSelections([])
        self.facts.setText("")
        self.place.setText("")
        self.place.hide()
        several = self._session is not None and len(self._session.requests) > 1
        self._previous.setVisible(several)
        self._next.setVisible(several)
        request = self._session.requests.get(request_id) if self._session and request_id is not None else None
        if request is None:
            return
        prompt = straight(_readable(request.prompt))
        if not _is_chat(request):
            self._append([prompt], theme().muted)
            return
        user, model = self.tr("User"), self.tr("Model")
        self._append([f"{user}\n"], theme().accent, bold=True)
        self._append([f"{prompt}\n\n"], theme().muted)
        self._append([f"{model}\n"], theme().accent, bold=True)
        del self._ends[:-1]  # the first token begins where these end

    def _show_again(self) -> None:
        """Write the shown request anew, in the present colours and language."""
        request, self._request = self._request, None
        self._show_request(request)
        self.refresh()

    def _append(self, pieces: list[str], colour: str, bold: bool = False) -> None:
        """Add pieces of text at the end; the view scrolls to them unless the user has scrolled up."""
        bar = self.page.verticalScrollBar()
        at_end = bar.value() >= bar.maximum() - 2
        style = QTextCharFormat()
        style.setForeground(QColor(colour))
        style.setFontWeight(QFont.Weight.Bold if bold else QFont.Weight.Normal)
        cursor = QTextCursor(self.page.document())
        cursor.movePosition(QTextCursor.MoveOperation.End)
        at = cursor.position()
        cursor.insertText("".join(pieces), style)
        self._ends.extend(ends_of(pieces, at))
        if at_end:
            bar.setValue(bar.maximum())

    def _mark(self, request: RecordedRequest, subject: Subject) -> None:
        """Mark the selected token and bring it into view; nothing where the newest token is followed."""
        place = None if subject.row is None or subject.followed else bisect_left(request.token_rows, subject.row)
        marked = None if place is None or place + 1 >= len(self._ends) else (self._ends[place], self._ends[place + 1])
        if marked == self.marked:
            return
        self.marked = marked
        self.page.setExtraSelections([] if marked is None else [self._selection_of(*marked)])
        if marked is not None:
            seen = QTextCursor(self.page.document())
            seen.setPosition(marked[1])
            self.page.setTextCursor(seen)  # scrolls to it

    def _selection_of(self, first: int, end: int) -> QTextEdit.ExtraSelection:
        """The places [first, end) of the document in the colours of a selection."""
        mark = QTextEdit.ExtraSelection()
        cursor = QTextCursor(self.page.document())
        cursor.setPosition(first)
        cursor.setPosition(end, QTextCursor.MoveMode.KeepAnchor)
        style = QTextCharFormat()
        style.setBackground(QColor(theme().accent))
        style.setForeground(QColor(theme().on_accent))
        mark.cursor, mark.format = cursor, style
        return mark

    def _show_facts(self, session: Session, request: RecordedRequest, subject: Subject) -> None:
        facts = counted.tokens(len(request.token_rows))
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
        place_words = "" if subject.followed else subject_words(subject)
        if place_words != self.place.text():
            self.place.setText(place_words)
            self.place.setVisible(bool(place_words))

    def go(self, by: int) -> None:
        """Select the request that is `by` places after the shown one; past either end it goes on at the other."""
        if self._session is None or not self._session.requests:
            return
        known = sorted(self._session.requests)
        now = known.index(self._request) if self._request in known else 0
        self._selection.change(request=known[(now + by) % len(known)])

    def _on_selected(self, _: Selected) -> None:
        self.refresh()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """A click on a token selects it; a drag over the text selects text, as everywhere."""
        if (
            isinstance(event, QMouseEvent)
            and event.type() == QEvent.Type.MouseButtonRelease
            and event.button() == Qt.MouseButton.LeftButton
            and not self.page.textCursor().hasSelection()
        ):
            self.pick(self.page.cursorForPosition(event.position().toPoint()).position())
        return super().eventFilter(watched, event)

    def pick(self, place: int) -> None:
        """Select the token at a place of the document; nothing in the prompt and behind the text."""
        request = self._session.requests.get(self._request) if self._session and self._request is not None else None
        token = bisect_right(self._ends, place) - 1
        if request is not None and 0 <= token < min(len(self._ends) - 1, len(request.token_rows)):
            self._selection.change(token=request.token_rows[token])


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


def ends_of(pieces: list[str], at: int) -> list[int]:
    """Where each piece ends in a document, inserted one after the other from `at` on: Qt counts UTF-16 units, and
    takes "\\r\\n" for one.
    """
    ends, before = [], ""
    for piece in pieces:
        units = len(piece.encode("utf-16-le", "surrogatepass")) // 2
        at += units - piece.count("\r\n") - (before.endswith("\r") and piece.startswith("\n"))
        before = piece or before
        ends.append(at)
    return ends
