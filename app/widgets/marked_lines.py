"""Vertical lines in a plot with a word at each: changes of switches, percentiles, limits."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QPainter, QPen

from app.look.theme import GRID, theme


def draw_marked_lines(
    painter: QPainter, box: QRectF, marked: Sequence[tuple[float, str]], line: str, text: str, right: float
) -> None:
    """Draw a dashed line of the colour `line` at each (x, word) in the plot `box`, and the words at their tops.

    `marked` is in ascending order of x. The words come after all lines, so that none is crossed. A word stands on the
    right of its line, on the left where it would end behind `right`, and is left out where another one has its place.
    """
    placed = [(round(x), word) for x, word in marked if box.left() <= round(x) <= box.right()]
    painter.setPen(QPen(QColor(line), 1, Qt.PenStyle.DashLine))
    for x, _ in placed:
        painter.drawLine(QPointF(x, box.top()), QPointF(x, box.bottom()))
    metrics = QFontMetricsF(painter.font())
    painter.setPen(QColor(text))
    edge = -1.0
    for x, word in placed:
        width = metrics.horizontalAdvance(word)
        left = x + GRID if x + GRID + width <= right else max(x - GRID - width, box.left() + GRID)
        if left < edge:
            continue
        painter.fillRect(QRectF(left - 2, box.top(), width + 4, metrics.height()), QColor(theme().panel))
        painter.drawText(QPointF(left, box.top() + metrics.ascent()), word)
        edge = left + width + GRID
