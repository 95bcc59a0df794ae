"""Two small muted lines; their height does not depend on their width."""

from __future__ import annotations

from typing import Final

from PySide6.QtWidgets import QWidget

from app.look.theme import CAPTION_SCALE, theme, ui_font
from app.widgets.plain import PlainLabel, plain

LINES: Final = 2


class CaptionNote(PlainLabel):
    """Wraps its text; more than two lines of it are in the tool tip. Hidden at first."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("", parent)
        self.setWordWrap(True)
        self.restyle()
        self.hide()

    def hasHeightForWidth(self) -> bool:
        return False  # else a layout gives what stands above the note the height of another width

    def say(self, text: str) -> None:
        """Show this text; "" hides the note."""
        self.setText(text)
        self.setToolTip(plain(text))
        self.setVisible(bool(text))

    def restyle(self) -> None:
        """Take the theme's font and colour again."""
        self.setFont(ui_font(CAPTION_SCALE))
        palette = self.palette()
        palette.setColor(self.foregroundRole(), theme().muted)
        self.setPalette(palette)
        self.setFixedHeight(LINES * self.fontMetrics().lineSpacing())
