"""Asks for the name of a mark."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QCoreApplication
from PySide6.QtWidgets import QWidget

from app.widgets.line_question import ask_line


def ask_mark_name(parent: QWidget, label: str, longest: int, then: Callable[[str], object]) -> None:
    """Open the question and return at once; `then` gets another name, once it is given."""
    ask_line(
        parent,
        "mark-name-dialog",
        QCoreApplication.translate("MarkName", "Rename mark"),
        QCoreApplication.translate("MarkName", "Name of the mark"),
        label,
        longest,
        lambda name: then(name) if name != label else None,
    )
