"""Marks in a shown text what a search found, as far as it is in sight."""

from __future__ import annotations

from itertools import accumulate
from typing import Final

from PySide6.QtCore import QPoint
from PySide6.QtGui import QTextCursor
from PySide6.QtWidgets import QPlainTextEdit

from engine.figures.finding import TextPattern

MOST: Final = 500
"""Most places that are marked at once: more are not in sight in an ordinary text."""
PARAGRAPH: Final = "\u2029"
"""What Qt has for a line end in the text of a selection."""


def places_in_sight(page: QPlainTextEdit, pattern: TextPattern) -> list[tuple[int, int]]:
    """[first, end) in the document of each place in sight; a text of millions of characters costs no more."""
    corner = page.viewport().rect().bottomRight()
    first = page.cursorForPosition(QPoint(0, 0)).position() - 2 * pattern.longest
    end = page.cursorForPosition(corner).position() + 2 * pattern.longest
    cursor = QTextCursor(page.document())
    cursor.movePosition(QTextCursor.MoveOperation.End)
    last = cursor.position()
    first, end = max(first, 0), min(end, last)
    cursor.setPosition(first)
    cursor.setPosition(end, QTextCursor.MoveMode.KeepAnchor)
    text = cursor.selectedText().replace(PARAGRAPH, "\n")
    places = [span for _, span in zip(range(MOST), pattern.spans(text), strict=False)]
    if not places or text.isascii():
        return [(first + begin, first + stop) for begin, stop in places]
    units = [0, *accumulate(1 + (character > "\uffff") for character in text)]  # Qt counts UTF-16 units
    return [(first + units[begin], first + units[stop]) for begin, stop in places]
