"""Text that comes from outside (tokens, prompts, paths, names) shown as it stands.

Qt takes for rich text what looks like it (`<s>`, `<table>`), makes a key of the letter after `&`, a mark of unsaved
changes of `[*]`, and writes backwards after a character that says so. Whatever is not written in this program goes
through here on its way to the screen.
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
"""Characters and lines of a tool tip, which has to fit a screen."""


def plain(text: str, wrap: bool = True) -> str:
    """A text for a tool tip, which has no switch for rich text; `wrap` False keeps lines as long as they are."""
    text = _fitting(text)
    if wrap and not QtGui.Qt.mightBeRichText(text):
        return text
    body = html.escape(text).replace("\n", "<br>")
    return f"<p style='white-space:{'pre-wrap' if wrap else 'pre'}'>{body}</p>"


def _fitting(text: str) -> str:
    """As much of a text as a tool tip can show; what says it shortened its parts already where it could."""
    text = cut(text, MOST_OF_TIP)
    lines = text.split("\n", MOST_TIP_LINES)
    return text if len(lines) <= MOST_TIP_LINES else "\n".join([*lines[: MOST_TIP_LINES - 1], "…"])


def menu_text(text: str) -> str:
    """A text for a menu or a button, where `&` stands before the letter of a key."""
    return straight(text).replace("&", "&&")


def without_keys(text: str) -> str:
    """What a menu's or a button's text says, without the marks of its keys."""
    return re.sub(r"&(.?)", r"\1", text)


def title_text(text: str) -> str:
    """A text for a window's title, where `[*]` stands for unsaved changes."""
    return straight(text).replace("[*]", "[*][*]")


class PlainLabel(QLabel):
    """A label that shows its text as it stands; with a buddy, `&` stands before the letter of its key."""

    def __init__(self, text: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setText(text)

    def setText(self, text: str) -> None:
        super().setText(cut(text))
