"""A thin bar that shows which share of a piece of work is done; hidden where that is not known."""

from __future__ import annotations

from typing import Final

from PySide6.QtWidgets import QProgressBar, QWidget

from app.look.theme import GRID

PARTS: Final = 1000


class ShareBar(QProgressBar):
    """Has no text: what it is about is said beside it. It stands still, as a moving one would take time from a run."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setRange(0, PARTS)
        self.setTextVisible(False)
        self.setFixedHeight(2 * GRID)
        self.hide()

    def show_share(self, share: float | None) -> None:
        """Show this share, 0 to 1; None hides the bar."""
        self.setVisible(share is not None)
        if share is not None:
            self.setValue(round(PARTS * share))
