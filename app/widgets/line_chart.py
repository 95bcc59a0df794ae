"""A small chart of lines over an axis that begins at zero. Its arrays are already thinned to the screen's width."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFontMetricsF, QPainter, QPen, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.look.theme import CAPTION_SCALE, GRID, theme, ui_font
from app.models.ticks import binary_ticks, round_ticks, short_number
from app.widgets.hover import HoverWidget
from app.widgets.marked_lines import draw_marked_lines
from app.widgets.painted import caption_height, draw_whole
from app.widgets.whole_figures import whole_figures
from app.widgets.whole_parts import first_parts

GUTTER: Final = 64
"""Pixels of the left axis. They are the same in every panel, so that stacked plots line up."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line: x ascending, y in the unit that the chart's `number` writes."""

    label: str
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    colour: str
    dashed: bool = False
    filled: bool = False
    short: str = ""
    """The label that is used in a narrow chart."""


@dataclass(frozen=True, slots=True)
class Note:
    """A vertical line with a label, for example at the change of a switch."""

    x: float
    label: str


NARROW: Final = 440
"""Width of the chart in pixels below which the short labels are used."""


class LineChart(HoverWidget[float]):
    """Lines over one x axis, each labelled at its right end; `clicked` carries the x that was clicked."""

    clicked = Signal(float)
    draws_hover = True

    def __init__(self, number: Callable[[float], str], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._number = number
        self._binary = False
        self.title = ""
        self.x_title = ""
        self.describe: Callable[[float], str] | None = None
        self.lines: list[Line] = []
        self.notes: list[Note] = []
        self.x_range = (0.0, 1.0)
        self.marker: float | None = None
        self.region: tuple[float, float] | None = None
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(120, 72)

    def sizeHint(self) -> QSize:
        return QSize(360, 160)

    def use_binary_ticks(self) -> None:
        """Put the ticks of the y axis at multiples of a power of two (for bytes)."""
        self._binary = True

    def show_lines(self, lines: list[Line], x_range: tuple[float, float]) -> None:
        """Draw these lines over this range of x."""
        self.lines, self.x_range = lines, (x_range[0], max(x_range[1], x_range[0] + 1e-9))
        self.update()

    # --- geometry ---------------------------------------------------------------------------------------------------

    def plot_box(self) -> QRectF:
        """The place of the lines in the widget's coordinates."""
        metrics = QFontMetricsF(ui_font(CAPTION_SCALE))
        widest = max((metrics.horizontalAdvance(self._label_of(line)) for line in self.lines), default=0.0)
        right = min(widest + 3 * GRID, 0.42 * self.width())
        top, bottom = metrics.height() + GRID, metrics.height() + 2 * GRID
        return QRectF(GUTTER, top, max(self.width() - GUTTER - right, 8.0), max(self.height() - top - bottom, 8.0))

    def _label_of(self, line: Line) -> str:
        return line.short if line.short and self.width() < NARROW else line.label

    def top_value(self) -> float:
        """The value at the upper edge: the largest value and a small margin."""
        highest = max((float(line.y.max()) for line in self.lines if len(line.y)), default=0.0)
        return 1.06 * highest if highest > 0 else 1.0

    def _x_at(self, pixel: float) -> float:
        box = self.plot_box()
        lo, hi = self.x_range
        return lo + (pixel - box.left()) / box.width() * (hi - lo)

    def _to_x(self, x: float, box: QRectF) -> float:
        lo, hi = self.x_range
        return box.left() + (x - lo) / (hi - lo) * box.width()

    # --- drawing ----------------------------------------------------------------------------------------------------

    def paint(self, painter: QPainter) -> None:
        colours = theme()
        box = self.plot_box()
        self._draw_axes(painter, box)
        self._draw_title(painter)
        if self.region is not None:
            left, right = (min(max(self._to_x(x, box), box.left()), box.right()) for x in self.region)
            shade = QColor(colours.accent)
            shade.setAlpha(36)
            painter.fillRect(QRectF(left, box.top(), right - left, box.height()), shade)
        for line in self.lines:
            self._draw_line(painter, box, line)
        self._draw_notes(painter, box)
        for x, style in ((self.marker, Qt.PenStyle.SolidLine), (self.hovered, Qt.PenStyle.DotLine)):
            if x is not None and self.x_range[0] <= x <= self.x_range[1]:
                painter.setPen(QPen(QColor(colours.accent), 1, style))
                at = round(self._to_x(x, box))
                painter.drawLine(QPointF(at, box.top()), QPointF(at, box.bottom()))
        self._draw_labels(painter, box)

    def _draw_axes(self, painter: QPainter, box: QRectF) -> None:
        colours, height = theme(), caption_height()
        top = self.top_value()
        for value in self._y_ticks(top, min(max(2, int(box.height() / (2.6 * height))), 10)):
            y = round(box.bottom() - value / top * box.height())
            painter.setPen(QColor(colours.line))
            painter.drawLine(QPointF(box.left(), y), QPointF(box.right(), y))
            painter.setPen(QColor(colours.muted))
            area = QRectF(0, max(y - height / 2, box.top() - GRID), GUTTER - 2 * GRID, height)  # below the title
            painter.drawText(
                area, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, short_number(self._number(value))
            )
        below = box.bottom() + GRID
        edge = -1.0
        for value in round_ticks(*self.x_range, max(2, int(box.width() / 72)), smallest=1.0):
            text = f"{value:,.0f}".replace(",", "\u2009")
            width = painter.fontMetrics().horizontalAdvance(text)
            x = self._to_x(value, box)
            if x - width / 2 < edge:
                continue
            painter.drawLine(QPointF(round(x), box.bottom()), QPointF(round(x), box.bottom() + GRID))
            painter.drawText(QRectF(x - width, below, 2 * width, height), Qt.AlignmentFlag.AlignCenter, text)
            edge = x + width / 2 + 2 * GRID
        beside = QRectF(box.right(), below, self.width() - box.right() - GRID, height)
        draw_whole(painter, beside, Qt.AlignmentFlag.AlignRight, self.x_title)

    def _draw_title(self, painter: QPainter) -> None:
        """Draw the title in the text colour: unlike the scales, it may hold figures of the session."""
        painter.setPen(QColor(theme().text))
        title = first_parts(self.title, painter.fontMetrics(), self.width() - 3 * GRID)
        at_left = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        draw_whole(painter, QRectF(3 * GRID, 0, self.width(), caption_height() + GRID), at_left, title)

    def _y_ticks(self, top: float, most: int) -> list[float]:
        return binary_ticks(top, most) if self._binary else round_ticks(0.0, top, most)

    def _draw_line(self, painter: QPainter, box: QRectF, line: Line) -> None:
        if not len(line.x):
            return
        lo, hi = self.x_range
        xs = box.left() + (line.x - lo) / (hi - lo) * box.width()
        ys = box.bottom() - line.y / self.top_value() * box.height()
        points = [QPointF(x, y) for x, y in zip(xs.tolist(), ys.tolist(), strict=True)]
        if line.filled:
            fill = QColor(line.colour)
            fill.setAlpha(56)
            ground = [QPointF(points[-1].x(), box.bottom()), QPointF(points[0].x(), box.bottom())]
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(fill)
            painter.drawPolygon(QPolygonF(points + ground))
            painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(QColor(line.colour), 1, Qt.PenStyle.DashLine if line.dashed else Qt.PenStyle.SolidLine))
        painter.drawPolyline(points)
        if len(points) == 1:
            painter.fillRect(QRectF(points[0].x() - 1, points[0].y() - 1, 3, 3), QColor(line.colour))

    def _draw_notes(self, painter: QPainter, box: QRectF) -> None:
        marked = [(self._to_x(note.x, box), note.label) for note in self.notes]
        draw_marked_lines(painter, box, marked, theme().warn, theme().warn, box.right())

    def _draw_labels(self, painter: QPainter, box: QRectF) -> None:
        """Draw the labels at the right ends of the lines, moved apart so that none covers another."""
        height, top = caption_height(), self.top_value()
        wanted = [(box.bottom() - float(line.y[-1]) / top * box.height(), line) for line in self.lines if len(line.y)]
        wanted.sort(key=lambda pair: pair[0])
        places: list[float] = []
        for y, _ in wanted:
            places.append(max(y, places[-1] + height if places else 0.0))
        limit = box.bottom() + GRID - height / 2
        for index in range(len(places) - 1, -1, -1):
            places[index] = min(places[index], limit)
            limit = places[index] - height
        room = self.width() - box.right() - 2 * GRID
        for place, (_, line) in zip(places, wanted, strict=True):
            painter.setPen(QColor(line.colour))
            text = whole_figures(self._label_of(line), painter.fontMetrics(), int(room))
            area = QRectF(box.right() + GRID, place - height / 2, room + GRID, height)
            draw_whole(painter, area, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, text)

    # --- the pointer ------------------------------------------------------------------------------------------------

    def place_at(self, at: QPointF) -> float | None:
        """The x at a point of the widget; None outside the range, and where there are no lines."""
        x = self._x_at(at.x())
        return x if self.x_range[0] <= x <= self.x_range[1] and self.lines else None

    def words_for(self, place: float) -> str:
        return self.describe(place) if self.describe is not None else ""

    def pick(self, place: float) -> None:
        self.clicked.emit(place)
