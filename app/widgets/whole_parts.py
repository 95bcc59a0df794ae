"""A label of several figures that shows fewer of them where there is no room for all, and none of them in part."""

from __future__ import annotations

from typing import Final

from PySide6.QtWidgets import QSizePolicy, QWidget

from app.widgets.elided_label import ElidedLabel

SEPARATOR: Final = " · "


class WholeParts(ElidedLabel):
    """One line of parts with " · " between them, the more important ones first; it asks for no room of its own."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("", parent)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)

    def shown(self) -> str:
        """What is written: as many of the first parts as fit, or the beginning of the first one where none does."""
        text = self.text()
        while self.fontMetrics().horizontalAdvance(text) > self.width():
            shorter, separator, _ = text.rpartition(SEPARATOR)
            if not separator:
                return super().shown()
            text = shorter
        return text
