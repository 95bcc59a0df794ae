"""Shows text from outside (tokens, prompts, paths, names) literally.

Qt reads text such as `<s>` or `<table>` as rich text, takes the letter after `&` for a key and `[*]` for the mark of
unsaved changes, and some characters turn the direction of writing. Every text that is not part of this program goes
through this module on its way to the screen.
"""

from __future__ import annotations

import html
import re
from typing import Final

from PySide6 import QtGui
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QWidget

from app.look.units import cut, straight

MOST_OF_TIP: Final = 4000
MOST_TIP_LINES: Final = 40
"""Most characters and lines of a tool tip, which has to fit a screen."""


def plain(text: str, wrap: bool = True) -> str:
    """A text for a tool tip, escaped because a tool tip always reads rich text; without `wrap` long lines stay."""
    text = _fitting(text)
    if wrap and not QtGui.Qt.mightBeRichText(text):
        return text
    body = html.escape(text).replace("\n", "<br>")
    return f"<p style='white-space:{'pre-wrap' if wrap else 'pre'}'>{body}</p>"


def _fitting(text: str) -> str:
    """As much of a text as a tool tip can show; callers shorten the parts of a long text before."""
    text = cut(text, MOST_OF_TIP)
    lines = text.split("\n", MOST_TIP_LINES)
    return text if len(lines) <= MOST_TIP_LINES else "\n".join([*lines[: MOST_TIP_LINES - 1], "…"])


def menu_text(text: str) -> str:
    """A text for a menu or a button, where `&` stands before the letter of a key."""
    return straight(text).replace("&", "&&")


def without_keys(text: str) -> str:
    """The text of a menu or a button without the marks of its keys."""
    return re.sub(r"&(.?)", r"\1", text)


def title_text(text: str) -> str:
    """A text for a window's title, where `[*]` stands for unsaved changes."""
    return straight(text).replace("[*]", "[*][*]")


class PlainLabel(QLabel):
    """A label that shows its text literally; with a buddy, `&` stands before the letter of its key."""

    def __init__(self, text: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setText(text)

    def setText(self, text: str) -> None:
        super().setText(cut(text))
