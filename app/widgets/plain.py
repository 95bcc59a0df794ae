"""Shows text from outside (tokens, prompts, paths, names) literally.

Qt reads text such as `<s>` or `<table>` as rich text. It takes the letter after `&` for a key, and `[*]` in a title for
the mark of unsaved changes. Some characters change the direction of writing. So every text that is not part of this
program goes through this module before it is shown.
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
"""Most characters and most lines of a tool tip, which must fit on the screen."""


def plain(text: str, wrap: bool = True) -> str:
    """A text for a tool tip, escaped where Qt would read it as rich text. Without `wrap`, lines are not wrapped."""
    text = _fitting(text)
    if wrap and not QtGui.Qt.mightBeRichText(text):
        return text
    body = html.escape(text).replace("\n", "<br>")
    return f"<p style='white-space:{'pre-wrap' if wrap else 'pre'}'>{body}</p>"


def _fitting(text: str) -> str:
    """As much of a text as a tool tip can show; callers shorten the parts of a long text beforehand."""
    text = cut(text, MOST_OF_TIP)
    lines = text.split("\n", MOST_TIP_LINES)
    return text if len(lines) <= MOST_TIP_LINES else "\n".join([*lines[: MOST_TIP_LINES - 1], "…"])


def menu_text(text: str) -> str:
    """A text for a menu or a button, with `&` doubled: a single `&` marks the letter of a key there."""
    return straight(text).replace("&", "&&")


def without_keys(text: str) -> str:
    """The text of a menu or a button without its `&` marks.

    Where the letter of the key is none of the text's own, it stands in brackets behind it (`文件(&F)`): these go too.
    """
    return re.sub(r"&(.?)", r"\1", re.sub(r"\s*\(&\w\)", "", text))


def title_text(text: str) -> str:
    """A text for the title of a window, with `[*]` doubled: a single one is the mark of unsaved changes there."""
    return straight(text).replace("[*]", "[*][*]")


class PlainStaticText(QtGui.QStaticText):
    """A text that is laid out once and painted often, literally."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.setTextFormat(Qt.TextFormat.PlainText)  # before the text, which is read as it is set
        self.setText(straight(text))


class PlainLabel(QLabel):
    """A label that shows its text literally; with a buddy, `&` marks the letter of its key."""

    def __init__(self, text: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setText(text)

    def setText(self, text: str) -> None:
        super().setText(cut(text))
