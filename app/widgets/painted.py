"""The base of every widget that draws itself."""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from typing import ClassVar

from PySide6.QtCore import QRect, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPaintEvent
from PySide6.QtWidgets import QApplication, QWidget

from app.look.painting import painting
from app.look.theme import CAPTION_SCALE, theme, ui_font


class PaintedWidget(QWidget):
    """A widget that draws itself. A subclass overrides `paint`; the painter begins with the caption font."""

    fills_ground: ClassVar[bool] = True
    """Whether the widget is filled with the panel's colour before `paint`; otherwise its background is transparent."""

    def paint(self, painter: QPainter) -> None:
        """Draw the widget."""
        raise NotImplementedError

    def paintEvent(self, event: QPaintEvent) -> None:
        with painting(self) as painter:
            if self.fills_ground:
                painter.fillRect(self.rect(), QColor(theme().panel))
            painter.setFont(ui_font(CAPTION_SCALE))
            self.paint(painter)


def caption_height() -> float:
    """Height in pixels of a line in the caption font."""
    return _caption_height(QApplication.font())


@lru_cache(maxsize=32)
def _caption_height(_base: QFont) -> float:
    """The same, looked up by the application's font, from which the caption font is made: every move of the pointer
    over a chart asks some times.
    """
    return QFontMetricsF(ui_font(CAPTION_SCALE)).height()


def draw_whole(painter: QPainter, area: QRectF | QRect, side: Qt.AlignmentFlag, text: str) -> None:
    """Write a text of one line at a side of an area, also where it is higher than a line of the painter's font.

    Glyphs of a fallback font can be (Chinese); Qt clips a text to its area unless told otherwise.
    """
    painter.drawText(area, side | Qt.TextFlag.TextDontClip, text)


def is_ideographic(text: str) -> bool:
    """Whether a text has only characters that fill a square, as Chinese has."""
    return bool(text) and all(unicodedata.east_asian_width(one) in "WF" for one in text)


def _draw_column(painter: QPainter, area: QRectF, text: str) -> None:
    """Write a text as a column of upright characters; it is as long as the text in a line."""
    pitch = painter.fontMetrics().horizontalAdvance(text) / len(text)
    top = area.center().y() - pitch * len(text) / 2
    for place, one in enumerate(text):
        square = QRectF(area.left(), top + place * pitch, area.width(), pitch)
        draw_whole(painter, square, Qt.AlignmentFlag.AlignCenter, one)


def draw_turned(painter: QPainter, area: QRectF, text: str) -> None:
    """Write a text from the bottom up, in the middle of an area; Chinese stands upright, from the top down.

    A turned ideograph of a small font is a blot, and Chinese columns are read like that anyway.
    """
    if is_ideographic(text):
        _draw_column(painter, area, text)
        return
    painter.save()
    painter.translate(area.center())
    painter.rotate(-90)
    turned = QRectF(-area.height() / 2, -area.width() / 2, area.height(), area.width())
    painter.drawText(turned, Qt.AlignmentFlag.AlignCenter, text)
    painter.restore()
