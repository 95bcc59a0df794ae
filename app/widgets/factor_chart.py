"""Horizontal bars of measured factors on a logarithmic axis, each with a band for the claimed range."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QBrush, QColor, QPainter, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.look.theme import GRID, theme
from app.look.units import significant
from app.widgets.painted import PaintedWidget, draw_whole

TICKS: Final = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0)


@dataclass(frozen=True, slots=True)
class Factor:
    """One bar: its name, how many times better it is, and the claimed (lowest, highest) factor."""

    label: str
    value: float
    claim: tuple[float, float] | None


class FactorChart(PaintedWidget):
    """Draws a bar from 1 to each factor; a bar to the left of 1 is a factor that made things worse."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.title = ""
        self.factors: list[Factor] = []
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumHeight(24 * GRID)

    def sizeHint(self) -> QSize:
        return QSize(520, 200)

    def show_factors(self, factors: list[Factor]) -> None:
        """Draw these bars."""
        self.factors = factors
        self.update()

    def limits(self) -> tuple[float, float]:
        """The ends of the axis: the ticks around 1, every factor and every claim; those beyond all ticks are cut."""
        values = [1.0, *(one.value for one in self.factors)]
        values += [edge for one in self.factors if one.claim is not None for edge in one.claim]
        low = max((tick for tick in TICKS if tick < min(values)), default=TICKS[0])
        high = min((tick for tick in TICKS if tick > 1.1 * max(values)), default=TICKS[-1])
        return low, high

    def x_of(self, value: float, box: QRectF) -> float:
        """The x of a factor in pixels."""
        low, high = self.limits()
        share = (math.log(min(max(value, low), high)) - math.log(low)) / (math.log(high) - math.log(low))
        return box.left() + share * box.width()

    def paint(self, painter: QPainter) -> None:
        colours = theme()
        metrics = painter.fontMetrics()
        height = metrics.height()
        names = max((metrics.horizontalAdvance(one.label) for one in self.factors), default=0)
        left = min(names + 4 * GRID, 0.4 * self.width())
        box = QRectF(left, height + 2 * GRID, self.width() - left - 16 * GRID, self.height() - 2 * height - 4 * GRID)
        painter.setPen(QColor(colours.muted))
        head = QRectF(2 * GRID, 0, self.width() - 4 * GRID, height + 2 * GRID)
        draw_whole(painter, head, Qt.AlignmentFlag.AlignVCenter, self.title)
        low, high = self.limits()
        for tick in (one for one in TICKS if low <= one <= high):
            x = round(self.x_of(tick, box))
            painter.setPen(QPen(QColor(colours.muted if tick == 1 else colours.line), 1))
            painter.drawLine(QPointF(x, box.top()), QPointF(x, box.bottom()))
            painter.setPen(QColor(colours.muted))
            area = QRectF(x - 40, box.bottom() + GRID, 80, height)
            painter.drawText(area, Qt.AlignmentFlag.AlignCenter, f"{tick:g}×")
        room = box.height() / max(len(self.factors), 1)
        for index, one in enumerate(self.factors):
            self._draw_bar(painter, box, box.top() + index * room, room, one)

    def _draw_bar(self, painter: QPainter, box: QRectF, top: float, room: float, one: Factor) -> None:
        colours = theme()
        height = painter.fontMetrics().height()
        thick = min(0.5 * room, 4.0 * GRID)
        middle = top + room / 2
        if one.claim is not None:
            start, end = self.x_of(one.claim[0], box), self.x_of(one.claim[1], box)
            band = QRectF(start, middle - 0.85 * thick, end - start, 1.7 * thick)
            painter.setPen(QPen(QColor(colours.muted), 1, Qt.PenStyle.DashLine))
            painter.setBrush(QBrush(QColor(colours.line), Qt.BrushStyle.BDiagPattern))
            painter.drawRect(band)
            painter.setBrush(Qt.BrushStyle.NoBrush)
        base, tip = self.x_of(1.0, box), self.x_of(one.value, box)
        bar = QRectF(min(base, tip), middle - thick / 2, max(abs(tip - base), 1.0), thick)
        painter.fillRect(bar, QColor(colours.positions["new"] if one.value >= 1 else colours.positions["recomputed"]))
        painter.setPen(QColor(colours.text))
        name = painter.fontMetrics().elidedText(one.label, Qt.TextElideMode.ElideRight, int(box.left() - 3 * GRID))
        side = Qt.AlignmentFlag.AlignVCenter
        draw_whole(painter, QRectF(2 * GRID, middle - height / 2, box.left() - 3 * GRID, height), side, name)
        at = max(base, tip) + GRID if one.claim is None else max(tip, base, self.x_of(one.claim[1], box)) + GRID
        painter.drawText(QRectF(at, middle - height / 2, 80, height), side, f"{significant(one.value)}×")
