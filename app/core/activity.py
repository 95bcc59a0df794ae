"""What the engine does at this moment, where no figure shows it yet: the window keeps it, panels show it."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal


class Activity(QObject):
    """A line of text and how far the work is; `changed` says that one of them is another."""

    changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.text = ""
        """What is going on, with the time that it has taken; "" where a run shows itself, or nothing goes on."""
        self.share: float | None = None
        """How much of it is done, 0 to 1; None where that is not known."""

    def show(self, text: str, share: float | None = None) -> None:
        """Show this from now on."""
        if (text, share) != (self.text, self.share):
            self.text, self.share = text, share
            self.changed.emit()
