"""Asks for the name of a mark."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QCoreApplication, Qt
from PySide6.QtWidgets import QInputDialog, QLineEdit, QWidget


def ask_mark_name(parent: QWidget, label: str, longest: int, then: Callable[[str], object]) -> None:
    """Open the question and return at once; `then` gets another name, once it is given.

    It is a line of at most `longest` characters, and not empty.
    """
    dialog = QInputDialog(parent)
    dialog.setObjectName("mark-name-dialog")
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    dialog.setInputMode(QInputDialog.InputMode.TextInput)
    dialog.setWindowTitle(QCoreApplication.translate("MarkName", "Rename mark"))
    dialog.setLabelText(QCoreApplication.translate("MarkName", "Name of the mark"))
    dialog.setTextValue(label)
    for edit in dialog.findChildren(QLineEdit):
        edit.setMaxLength(longest)
        edit.setMinimumWidth(320)

    def take(text: str) -> None:
        name = " ".join(text.split())
        if name and name != label:
            then(name)

    dialog.textValueSelected.connect(take)
    dialog.open()
