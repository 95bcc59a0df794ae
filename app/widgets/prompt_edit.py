"""The text box for a prompt."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QMimeData, Signal
from PySide6.QtGui import QTextOption
from PySide6.QtWidgets import QPlainTextEdit

from app.look.units import count

MOST_CHARACTERS: Final = 500_000
"""Most characters of a prompt: Qt lays them out in half a second. Longer prompts go into a request list."""
LONGEST_WORD: Final = 2000
"""Longest word with which text is wrapped between words. Qt's time grows with the square of the word's length, to ten
seconds for 200 000 characters."""


class PromptEdit(QPlainTextEdit):
    """A QPlainTextEdit that refuses pasted text which would take Qt too long to lay out."""

    refused = Signal(str)
    """Emitted where pasted text was refused; carries the sentence to show."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.setTabChangesFocus(True)
        self.setWordWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)

    def insertFromMimeData(self, source: QMimeData) -> None:
        """Insert pasted or dropped text, unless it is too long."""
        text = source.text()
        length = self.document().characterCount() + len(text)
        if length > MOST_CHARACTERS:
            sentence = self.tr("This text has {} characters, and the prompt takes {}: put it into a request list.")
            self.refused.emit(sentence.format(count(len(text)), count(MOST_CHARACTERS)))
            return
        if max(map(len, (self.toPlainText() + text).split()), default=0) > LONGEST_WORD:
            self.setWordWrapMode(QTextOption.WrapMode.WrapAnywhere)
        super().insertFromMimeData(source)
