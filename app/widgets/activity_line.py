"""Two lines that say what goes on, and a bar that shows how far it is."""

from __future__ import annotations

from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.look.theme import GRID
from app.widgets.caption_note import CaptionNote
from app.widgets.share_bar import ShareBar


class ActivityLine(QWidget):
    """Hidden while there is nothing to say."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._note, self._bar = CaptionNote(), ShareBar()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(GRID)
        layout.addWidget(self._note)
        layout.addWidget(self._bar)
        self.hide()

    @property
    def text(self) -> str:
        """What is said; "" for nothing."""
        return self._note.text()

    def show_activity(self, text: str, share: float | None = None) -> None:
        """Say this, "" for nothing; `share` of it is done, None where that is not known."""
        self._note.say(text)
        self._bar.show_share(share if text else None)
        self._bar.setAccessibleName(text)
        self.setVisible(bool(text))

    def restyle(self) -> None:
        """Take the theme's font and colour again."""
        self._note.restyle()
