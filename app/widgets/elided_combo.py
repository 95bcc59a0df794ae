"""A combo box for texts of any length: where the chosen one is longer than the field, it ends in an ellipsis."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QPaintEvent
from PySide6.QtWidgets import QComboBox, QStyle, QStyleOptionComboBox

from app.look.painting import painting
from app.look.theme import GRID

MARGIN = GRID
"""Pixels that the style leaves before the text."""


class ElidedCombo(QComboBox):
    """Qt cuts a text that is too long in the middle of a letter."""

    def shown(self) -> str:
        """The chosen text as it is drawn."""
        option = QStyleOptionComboBox()
        self.initStyleOption(option)
        field = self.style().subControlRect(
            QStyle.ComplexControl.CC_ComboBox, option, QStyle.SubControl.SC_ComboBoxEditField, self
        )
        return self.fontMetrics().elidedText(self.currentText(), Qt.TextElideMode.ElideRight, field.width() - MARGIN)

    def paintEvent(self, event: QPaintEvent) -> None:
        if self.currentIndex() < 0:  # the placeholder, which Qt draws in a colour of its own
            super().paintEvent(event)
            return
        option = QStyleOptionComboBox()
        self.initStyleOption(option)
        option.currentText = self.shown()
        with painting(self) as painter:
            self.style().drawComplexControl(QStyle.ComplexControl.CC_ComboBox, option, painter, self)
            self.style().drawControl(QStyle.ControlElement.CE_ComboBoxLabel, option, painter, self)
