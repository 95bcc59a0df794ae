"""Asks whether an export holds the selected range of steps only, or the whole session."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QCoreApplication, Qt
from PySide6.QtWidgets import QMessageBox, QWidget

from app.look.units import count


def ask_range(parent: QWidget, steps: tuple[int, int], then: Callable[[tuple[int, int] | None], object]) -> None:
    """Open the question and return at once; `then` gets the steps, or None for the whole session, once it is answered.

    Nothing is called where the user cancels.
    """
    translate = QCoreApplication.translate
    first, last = (count(step) for step in steps)
    box = QMessageBox(parent)
    box.setObjectName("range-question")
    box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    box.setIcon(QMessageBox.Icon.Question)
    box.setWindowTitle("DecodeScope")
    box.setTextFormat(Qt.TextFormat.PlainText)
    box.setText(translate("RangeQuestion", "Steps {}–{} are selected. What is to be exported?").format(first, last))
    box.setInformativeText(
        translate(
            "RangeQuestion",
            "A range holds what these steps did and what happened while they ran: tokens, attention, readings, marks.",
        )
    )
    role = QMessageBox.ButtonRole.AcceptRole
    only = box.addButton(translate("RangeQuestion", "Steps {}–{} only").format(first, last), role)
    whole = box.addButton(translate("RangeQuestion", "Whole session"), role)
    box.addButton(QMessageBox.StandardButton.Cancel)
    box.setDefaultButton(only)
    only.clicked.connect(lambda: then(steps))
    whole.clicked.connect(lambda: then(None))
    box.open()
