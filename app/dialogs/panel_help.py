"""What a panel shows and how to read it: a small dialog beside the panel, which Esc closes."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QFontMetrics
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QVBoxLayout, QWidget

from app.look.theme import GRID, GROUP_GAP, PANEL_PADDING, ROW_GAP, TITLE_SCALE, ui_font
from app.widgets.kept_look import keep_look
from app.widgets.plain import PlainLabel

LETTERS: Final = 64
"""Width of the text, in average letters: longer lines are hard to read."""


class PanelHelp(QDialog):
    """Shows a title and paragraphs. The text can be read and copied with the keyboard alone.

    The whole text is also the description of the dialog and of its text, which a screen reader says at once.
    """

    def __init__(self, title: str, paragraphs: list[str], parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("panel-help")
        self.setWindowTitle(title)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        text = "\n\n".join(filter(None, paragraphs))
        self.setAccessibleName(title)
        self.setAccessibleDescription(text)
        heading = PlainLabel(title)
        keep_look(heading, scale=TITLE_SCALE, bold=True)
        self.text = PlainLabel(text)
        keep_look(self.text)
        self.text.setWordWrap(True)
        self.text.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        self.text.setAccessibleName(title)
        self.text.setAccessibleDescription(text)
        self.text.setFixedWidth(LETTERS * QFontMetrics(ui_font()).averageCharWidth())
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(GROUP_GAP, PANEL_PADDING, GROUP_GAP, PANEL_PADDING)
        layout.setSpacing(ROW_GAP)
        layout.addWidget(heading)
        layout.addWidget(self.text)
        layout.addWidget(buttons)
        layout.setSizeConstraint(QVBoxLayout.SizeConstraint.SetFixedSize)

    def open_beside(self, panel: QWidget) -> None:
        """Open over the panel's upper left corner, or further in where the screen ends."""
        self.adjustSize()
        room = panel.screen().availableGeometry()
        corner = panel.mapToGlobal(QPoint(PANEL_PADDING, 10 * GRID))
        self.move(
            max(room.left(), min(corner.x(), room.right() - self.width() - 2 * GRID)),
            max(room.top(), min(corner.y(), room.bottom() - self.height() - 10 * GRID)),
        )
        self.open()
