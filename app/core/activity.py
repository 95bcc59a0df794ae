"""What the engine does at this moment, where no figure shows it yet: the window keeps it, panels show it."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal


class Activity(QObject):
    """A line of text, how far the work is, and whether a run goes on; `changed` says that one of them is another."""

    changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.text = ""
        """What is going on, with the time that it has taken; "" where a run shows itself, or nothing goes on."""
        self.share: float | None = None
        """How much of it is done, 0 to 1; None where that is not known."""
        self.runs = False
        """Whether a run goes on, so that none is to be offered."""

    def show(self, text: str, share: float | None = None, runs: bool = False) -> None:
        """Show this from now on."""
        if (text, share, runs) != (self.text, self.share, self.runs):
            self.text, self.share, self.runs = text, share, runs
            self.changed.emit()
