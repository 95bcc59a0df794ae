"""A label of several figures. Where there is no room for all, it shows fewer figures, but each of them whole."""

from __future__ import annotations

from typing import Final

from PySide6.QtGui import QFontMetrics
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.widgets.elided_label import ElidedLabel
from app.widgets.whole_figures import FIGURE, whole_figures

SEPARATOR: Final = " · "


def first_parts(text: str, metrics: QFontMetrics, width: int) -> str:
    """As many of the first parts as fit into `width` pixels.

    If not even the first part fits, it is elided; nothing is shown where that would leave words without their figure.
    """
    shown = text
    while metrics.horizontalAdvance(shown) > width:
        fewer, separator, _ = shown.rpartition(SEPARATOR)
        if not separator:
            elided = whole_figures(shown, metrics, width)
            return elided if FIGURE.search(elided) or not FIGURE.search(shown) else ""
        shown = fewer
    return shown


class WholeParts(ElidedLabel):
    """One line of parts with " · " between them, the most important first. It asks the layout for no width."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("", parent)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)

    def shown(self) -> str:
        """The text that is drawn: as many of the first parts as fit."""
        return first_parts(self.text(), self.fontMetrics(), self.width())
