"""The editor of a query: monospace, coloured, with a wavy line under what is wrong."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QEvent, QMimeData, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QFont,
    QFontMetrics,
    QKeyEvent,
    QSyntaxHighlighter,
    QTextCharFormat,
    QTextCursor,
)
from PySide6.QtWidgets import QPlainTextEdit, QTextEdit, QWidget

from app.look.theme import mono_font, theme
from app.look.units import count
from app.widgets.kept_look import keep_look
from engine.session.asking import LONGEST_SQL
from engine.session.sql_text import KEYWORDS, Token, tokens

ENTER: Final = (Qt.Key.Key_Return, Qt.Key.Key_Enter)
LINES: Final = 2
"""Lines for which the editor asks for room at least."""
COMMENT, TEXT = 1, 2
"""States of a line that ends within a comment or a text."""


class SqlColours(QSyntaxHighlighter):
    """Colours keywords, texts, numbers, comments and values that are left open."""

    def highlightBlock(self, text: str) -> None:
        opened = {COMMENT: "/*", TEXT: "'"}.get(self.previousBlockState(), "")
        begin = -len(opened)
        self.setCurrentBlockState(-1)
        for token in tokens(opened + text):
            place, length = begin + token.begin, token.end - token.begin
            if place < 0:
                place, length = 0, length + place
            if (colour := _colour(token)) is not None:
                at = _units(text[:place])
                self.setFormat(at, _units(text[place : place + length]), _format(colour, token))
            if token.end == len(opened + text):
                self.setCurrentBlockState(_state_after(token))


class SqlEdit(QPlainTextEdit):
    """Text of a query. Ctrl+Return emits `run_asked` in place of the window's key; Tab goes on to the next widget."""

    run_asked = Signal()
    refused = Signal(str)
    """Pasted text was refused; carries the sentence to show."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        keep_look(self, code=True)
        self.setTabChangesFocus(True)
        self.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self._colours = SqlColours(self.document())
        metrics = QFontMetrics(mono_font())
        self.setMinimumHeight(LINES * metrics.lineSpacing() + 2 * int(self.document().documentMargin()))
        self.textChanged.connect(lambda: self.setExtraSelections([]))

    def sql(self) -> tuple[str, int]:
        """(the text to run, where it begins): what is selected, or else everything."""
        cursor = self.textCursor()
        if not cursor.hasSelection():
            return self.toPlainText(), 0
        text = self.toPlainText()
        begin = len(_from_units(text, cursor.selectionStart()))
        end = len(_from_units(text, cursor.selectionEnd()))
        return text[begin:end], begin

    def replace_all(self, sql: str) -> None:
        """Put another query in place of the text; Ctrl+Z brings the text back."""
        cursor = self.textCursor()
        cursor.select(QTextCursor.SelectionType.Document)
        cursor.insertText(sql)
        cursor.movePosition(QTextCursor.MoveOperation.Start)
        self.setTextCursor(cursor)

    def insert(self, word: str) -> None:
        """Insert a name at the cursor, with a space before it where it would grow into another word."""
        cursor = self.textCursor()
        begin = cursor.selectionStart()
        before = self.document().characterAt(begin - 1) if begin else " "
        joined = before.isalnum() or before in "_\"'"
        cursor.insertText(f" {word}" if joined else word)
        self.setFocus()

    def mark_wrong(self, begin: int, end: int) -> None:
        """Underline a part of the text, [begin, end) in characters, and bring it into sight."""
        text = self.toPlainText()
        wrong = QTextEdit.ExtraSelection()
        cursor = QTextCursor(self.document())
        cursor.setPosition(_units(text[:begin]))
        shown = QTextCursor(cursor)
        cursor.setPosition(_units(text[:end]), QTextCursor.MoveMode.KeepAnchor)
        wrong.cursor = cursor
        wrong.format.setUnderlineStyle(QTextCharFormat.UnderlineStyle.WaveUnderline)
        wrong.format.setUnderlineColor(QColor(theme().error))
        if not self.textCursor().hasSelection():
            self.setTextCursor(shown)
        self.setExtraSelections([wrong])

    def restyle(self) -> None:
        """Take the theme's colours again."""
        self._colours.rehighlight()

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent) and _runs(event):
            event.accept()
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if _runs(event):
            self.run_asked.emit()
            return
        super().keyPressEvent(event)

    def insertFromMimeData(self, source: QMimeData) -> None:
        """Insert pasted or dropped text, unless no query can be so long."""
        length = self.document().characterCount() + len(source.text())
        if length > LONGEST_SQL:
            words = self.tr("This text is too long: a query has at most {} characters.")
            self.refused.emit(words.format(count(LONGEST_SQL)))
            return
        super().insertFromMimeData(source)


def _runs(event: QKeyEvent) -> bool:
    modifiers = event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
    return event.key() in ENTER and modifiers == Qt.KeyboardModifier.ControlModifier


def _colour(token: Token) -> str | None:
    colours = theme()
    if token.kind == "word":
        return colours.accent if token.text.upper() in KEYWORDS else None
    return {
        "comment": colours.muted, "text": colours.groups["norm"], "number": colours.groups["sampling"],
        "parameter": colours.groups["ffn"],
    }.get(token.kind)  # fmt: skip


def _format(colour: str, token: Token) -> QTextCharFormat:
    found = QTextCharFormat()
    found.setForeground(QColor(colour))
    if token.kind == "word":
        found.setFontWeight(QFont.Weight.DemiBold)
    return found


def _state_after(token: Token) -> int:
    """Whether the next line begins within a comment or a text."""
    if (
        token.kind == "comment"
        and token.text.startswith("/*")
        and not (token.text.endswith("*/") and len(token.text) > 3)
    ):
        return COMMENT
    if token.kind == "text" and (token.text.count("'") % 2):
        return TEXT
    return -1


def _units(text: str) -> int:
    """How many places of a Qt text this text takes: characters beyond the first plane take two."""
    return len(text) + sum(char > "\uffff" for char in text)


def _from_units(text: str, units: int) -> str:
    """The first part of a text that takes so many places of a Qt text."""
    if len(text) == _units(text):
        return text[:units]
    return text.encode("utf-16-le")[: 2 * units].decode("utf-16-le", "ignore")
