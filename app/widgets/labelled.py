"""A field and its label as one widget."""

from __future__ import annotations

from PySide6.QtWidgets import QHBoxLayout, QLabel, QWidget

from app.widgets.plain import PlainLabel


def labelled(text: str, field: QWidget, gap: int) -> tuple[QWidget, QLabel]:
    """(widget, label): a field with its label before it in one widget, so that a row does not wrap between them."""
    both = QWidget()
    row = QHBoxLayout(both)
    row.setContentsMargins(0, 0, 0, 0)
    row.setSpacing(gap)
    label = PlainLabel(text)
    label.setBuddy(field)
    row.addWidget(label)
    row.addWidget(field)
    return both, label
