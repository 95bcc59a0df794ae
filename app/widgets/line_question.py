"""Asks for a line of text, such as a name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QInputDialog, QLineEdit, QWidget

WIDTH: Final = 320
"""Least width of the field in pixels: the frame around it must have room for the title, too."""


def ask_line(
    parent: QWidget, name: str, title: str, label: str, text: str, longest: int, then: Callable[[str], object]
) -> None:
    """Open the question and return at once; `then` gets the line, once it is given.

    It has at most `longest` characters, and is not empty. `name` is the dialog's in the program.
    """
    dialog = QInputDialog(parent)
    dialog.setObjectName(name)
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    dialog.setInputMode(QInputDialog.InputMode.TextInput)
    dialog.setWindowTitle(title)
    dialog.setLabelText(label)
    dialog.setTextValue(text)
    for edit in dialog.findChildren(QLineEdit):
        edit.setMaxLength(longest)
        edit.setMinimumWidth(WIDTH)

    def take(given: str) -> None:
        line = " ".join(given.split())
        if line:
            then(line)

    dialog.textValueSelected.connect(take)
    dialog.open()
