"""Buttons whose text may be longer than their place: it is elided, and no column becomes wider for it."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QSize
from PySide6.QtGui import QPaintEvent
from PySide6.QtWidgets import (
    QPushButton,
    QSizePolicy,
    QStyle,
    QStyleOptionButton,
    QStyleOptionToolButton,
    QStylePainter,
    QToolButton,
)

from app.look.theme import GRID
from app.widgets.whole_figures import whole_figures

LEAST: Final = 12 * GRID
"""Pixels that such a button needs at least."""


class ElidedToolButton(QToolButton):
    """A tool button with a text beside its arrow."""

    def __init__(self) -> None:
        super().__init__()
        self.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)

    def minimumSizeHint(self) -> QSize:
        return QSize(LEAST, super().minimumSizeHint().height())

    def paintEvent(self, _event: QPaintEvent) -> None:
        option = QStyleOptionToolButton()
        self.initStyleOption(option)
        option.text = fitting(self)
        painter = QStylePainter(self)
        painter.drawComplexControl(QStyle.ComplexControl.CC_ToolButton, option)
        painter.end()


class ElidedPushButton(QPushButton):
    """A push button with a text."""

    def __init__(self) -> None:
        super().__init__()
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)

    def minimumSizeHint(self) -> QSize:
        return QSize(LEAST, super().minimumSizeHint().height())

    def paintEvent(self, _event: QPaintEvent) -> None:
        option = QStyleOptionButton()
        self.initStyleOption(option)
        option.text = fitting(self)
        painter = QStylePainter(self)
        painter.drawControl(QStyle.ControlElement.CE_PushButton, option)
        painter.end()


def fitting(button: ElidedToolButton | ElidedPushButton) -> str:
    """As much of a button's text as there is room for beside its arrow and its margins."""
    metrics = button.fontMetrics()
    beside = button.sizeHint().width() - metrics.horizontalAdvance(button.text())
    return whole_figures(button.text(), metrics, button.width() - beside)
