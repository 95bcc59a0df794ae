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
from app.look.units import cut
from app.models import counted
from app.models.finish_words import finish_words
from app.models.found import Found
from app.models.prompt_pieces import NO_TOKEN, prompt_pieces
from app.models.subject_words import subject_words
from app.widgets.found_marks import places_in_sight
from app.widgets.kept_look import keep_look
from app.widgets.plain import PlainLabel, plain
from app.widgets.whole_parts import WholeParts
from engine.session.store import RecordedRequest, Session

MOST_OF_PROMPT: Final = 20_000
"""Most characters of a prompt that are shown."""
FOUND_ALPHA: Final = 90
"""How strong the colour is behind what was found, of 255: the text on it keeps its contrast."""
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
        self._prompt_begin, self._prompt_ends = 0, array("i")
        """Where the prompt begins, and where each of its pieces ends."""
        self._prompt_positions: list[int] = []
        """The position of each piece of the prompt; NO_TOKEN where it is of no token."""
        self._found: Found | None = None
        self.marked: tuple[int, int] | None = None
        """The places of the marked token in the document, [first, end)."""
        self.found_places: list[tuple[int, int]] = []
        """The places in sight of what a search found, [first, end)."""
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
        self.page.verticalScrollBar().valueChanged.connect(self._show_found)
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

    def follow(self, found: Found) -> None:
        """Mark what a search finds."""
        self._found = found
        found.changed.connect(self._show_found)

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
            self._say_why_empty()
            return
        if self._request != subject.request:
            self._show_request(subject.request)
        request = session.requests[subject.request]
        rows = request.token_rows[self._shown_tokens :]
        if rows:
            texts = session.tokens["text"]
            self._ends.extend(self._append([cut(str(texts[row]), MOST_OF_PIECE) for row in rows], theme().text))
            self._shown_tokens += len(rows)
        self._say_why_empty()
        self._show_facts(session, request, subject)
        self._mark(request, subject)
        if rows:
            self._show_found()

    def retranslate(self) -> None:
        """Set all texts in the current language."""
        self._caption.setText(self.tr("Generated text"))
        self.page.setAccessibleName(self.tr("Generated text"))
        self.page.setToolTip(self.tr("The prompt, and what the model has written after it"))
        self._say_why_empty()
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

    def _say_why_empty(self) -> None:
        """What stands where there is no text."""
        session = self._session
        if session is not None and session.serving is not None and session.serving.imported:
            words = self.tr("A profiler's trace tells of no text.")
        elif self._shown_tokens:
            words = self.tr("The texts of these tokens were not told.")
        else:
            words = self.tr("The text appears here token by token.")
        if words != self.page.placeholderText():
            self.page.setPlaceholderText(words)

    def _show_request(self, request_id: int | None) -> None:
        self._request = request_id
        self._shown_tokens = 0
        self.page.clear()
        del self._ends[:], self._prompt_ends[:], self._prompt_positions[:]
        self.marked, self.found_places = None, []
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
        chat = _is_chat(request)
        if chat:
            self._append([self.tr("User") + "\n"], theme().accent, bold=True)
        pieces = prompt_pieces(request, MOST_OF_PROMPT)
        self._prompt_begin = self._end
        self._prompt_positions = [position for _, position in pieces]
        self._prompt_ends.extend(self._append([text for text, _ in pieces], theme().muted))
        if chat:
            self._append(["\n\n"], theme().muted)
            self._append([f"{self.tr('Model')}\n"], theme().accent, bold=True)
        self._ends.append(self._end)  # the first token begins here

    def _show_again(self) -> None:
        """Write the shown request anew, in the present colours and language."""
        request, self._request = self._request, None
        self._show_request(request)
        self.refresh()

    @property
    def _end(self) -> int:
        """The end of the document."""
        cursor = QTextCursor(self.page.document())
        cursor.movePosition(QTextCursor.MoveOperation.End)
        return cursor.position()

    def _append(self, pieces: list[str], colour: str, bold: bool = False) -> list[int]:
        """Add pieces of text at the end, and tell where each ends; the view scrolls to them unless the user has
        scrolled up.
        """
        bar = self.page.verticalScrollBar()
        at_end = bar.value() >= bar.maximum() - 2
        style = QTextCharFormat()
        style.setForeground(QColor(colour))
        style.setFontWeight(QFont.Weight.Bold if bold else QFont.Weight.Normal)
        cursor = QTextCursor(self.page.document())
        cursor.movePosition(QTextCursor.MoveOperation.End)
        at = cursor.position()
        cursor.insertText("".join(pieces), style)
        if at_end:
            bar.setValue(bar.maximum())
        return ends_of(pieces, at)

    def _mark(self, request: RecordedRequest, subject: Subject) -> None:
        """Mark the selected token and bring it into view; nothing where the newest token is followed."""
        marked = None if subject.followed else self._places_of(request, subject)
        if marked == self.marked:
            return
        self.marked = marked
        self._show_selections()
        if marked is not None:
            seen = QTextCursor(self.page.document())
            seen.setPosition(marked[1])
            self.page.setTextCursor(seen)  # scrolls to it

    def _places_of(self, request: RecordedRequest, subject: Subject) -> tuple[int, int] | None:
        """Where the selected token, or the selected position of the prompt, stands in the document."""
        if subject.row is not None:
            place = bisect_left(request.token_rows, subject.row)
            return (self._ends[place], self._ends[place + 1]) if place + 1 < len(self._ends) else None
        if subject.position is None or subject.position not in self._prompt_positions:
            return None
        first = self._prompt_positions.index(subject.position)
        last = first + self._prompt_positions[first:].count(subject.position) - 1
        return (self._prompt_ends[first - 1] if first else self._prompt_begin), self._prompt_ends[last]

    def _show_found(self) -> None:
        """Mark what a search found, as far as it is in sight."""
        found = self._found
        marks = found is not None and found.marks and found.session is self._session
        places = places_in_sight(self.page, found.pattern) if found is not None and found.pattern and marks else []
        if places != self.found_places:
            self.found_places = places
            self._show_selections()

    def _show_selections(self) -> None:
        found = QColor(theme().warn)
        found.setAlpha(FOUND_ALPHA)
        shown = [self._selection_of(first, end, found) for first, end in self.found_places]
        if self.marked is not None:
            shown.append(self._selection_of(*self.marked, QColor(theme().accent), QColor(theme().on_accent)))
        self.page.setExtraSelections(shown)

    def _selection_of(
        self, first: int, end: int, colour: QColor, text_colour: QColor | None = None
    ) -> QTextEdit.ExtraSelection:
        """The places [first, end) of the document on a colour; None: the text keeps its own."""
        mark = QTextEdit.ExtraSelection()
        cursor = QTextCursor(self.page.document())
        cursor.setPosition(first)
        cursor.setPosition(end, QTextCursor.MoveMode.KeepAnchor)
        style = QTextCharFormat()
        style.setBackground(colour)
        if text_colour is not None:
            style.setForeground(text_colour)
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
        if event.type() == QEvent.Type.Resize:
            self._show_found()
        if (
            isinstance(event, QMouseEvent)
            and event.type() == QEvent.Type.MouseButtonRelease
            and event.button() == Qt.MouseButton.LeftButton
            and not self.page.textCursor().hasSelection()
        ):
            self.pick(self.page.cursorForPosition(event.position().toPoint()).position())
        return super().eventFilter(watched, event)

    def pick(self, place: int) -> None:
        """Select the token at a place of the document, or the position of the prompt; nothing behind the text."""
        request = self._session.requests.get(self._request) if self._session and self._request is not None else None
        if request is None:
            return
        token = bisect_right(self._ends, place) - 1
        if 0 <= token < min(len(self._ends) - 1, len(request.token_rows)):
            self._selection.change(token=request.token_rows[token])
            return
        piece = bisect_right(self._prompt_ends, place)
        if place >= self._prompt_begin and piece < len(self._prompt_positions):
            position = self._prompt_positions[piece]
            if position != NO_TOKEN:
                self._selection.change(request=request.id, position=position)


def _is_chat(request: RecordedRequest) -> bool:
    """Whether the prompt is what the user of a chat says, so that the text does not go on where it ends."""
    return bool(request.params.get("chat") or request.params.get("messages"))


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
