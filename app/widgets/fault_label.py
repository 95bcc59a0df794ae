"""The sentence beside a field that says what is wrong with its value; hidden while nothing is."""

from __future__ import annotations

from PySide6.QtWidgets import QWidget

from app.look.theme import CAPTION_SCALE, theme
from app.widgets.themed_label import ThemedLabel


class FaultLabel(ThemedLabel):
    """Wrapped text in the theme's colour of faults, with a sign before it, so that colour is not alone."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent, scale=CAPTION_SCALE, wrap=True)
        self.fault = ""
        """The sentence; empty where nothing is wrong."""
        self.hide()

    def show_fault(self, sentence: str) -> None:
        """Show what is wrong; an empty sentence hides the label."""
        self.fault = sentence
        self.setText(f"⚠ {sentence}" if sentence else "")
        self.setVisible(bool(sentence))

    def drawing_colour(self) -> str:
        return theme().error
