"""Small multiples: a lane for each quantity, one under the other, over one shared axis."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from pyqtgraph.functions import arrayToQPolygonF
from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFontMetrics, QKeyEvent, QPainter, QPen, QWheelEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.look.theme import CAPTION_SCALE, GRID, theme, ui_font
from app.models.axis_view import AxisView
from app.models.ticks import round_ticks
from app.widgets.axis_chart import ZOOM_IN, AxisChart
from app.widgets.focus import frame_focus
from app.widgets.line_chart import GUTTER
from app.widgets.painted import draw_whole
from app.widgets.whole_figures import whole_figures

ARROW: Final = 6
"""Pixels between two marks of a cut line."""
LANE_PIXELS: Final = 46
"""Least height of a lane, its heading included."""


def decimal_ticks(top: float, most: int) -> list[float]:
    """Round numbers from 0 to `top`, about `most` at most."""
    return round_ticks(0.0, top, most)


@dataclass(frozen=True, slots=True)
class Lane:
    """One quantity: a heading with its figures, and a line (x ascending; y in the unit that `number` writes).

    `top` is the value at the upper edge, None for the largest value. Larger values raise the edge, unless `cut` is set:
    then they are cut there. A lane without points is only its heading, which says so. The tool tip shows a value from
    `lead` before its x on: half a step where x is the middle of a step.
    """

    title: str
    heading: str
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    colour: str
    number: Callable[[float], str]
    top: float | None = None
    ticks: Callable[[float, int], list[float]] = decimal_ticks
    lead: float = 0.0
    cut: bool = False


class LaneChart(AxisChart[float]):
    """Lanes over one axis; `clicked` carries the x that was clicked."""

    clicked = Signal(float)
    draws_hover = True

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(AxisView(shortest=1e-3), parent)
        self.lanes: list[Lane] = []
        self.x_title = ""
        self.x_number: Callable[[float], str] = lambda value: f"{value:g}"
        self.x_smallest = 0.0
        """Smallest distance between two ticks of the axis (1 where it counts steps)."""
        self.region: tuple[float, float] | None = None
        self.marker: float | None = None
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)

    def sizeHint(self) -> QSize:
        return QSize(480, max(120, self.minimumHeight()))

    def show_lanes(self, lanes: list[Lane], first: float, last: float) -> None:
        """Draw these lanes over an axis whose data lie in [first, last]."""
        self.lanes = lanes
        self.view.advance(first, last)
        least = sum(LANE_PIXELS if len(lane.x) else self._heading_height for lane in lanes)
        least += self._line_height() + 2 * GRID
        if least != self.minimumHeight():
            self.setMinimumHeight(least)
        self.update()

    # --- geometry ---------------------------------------------------------------------------------------------------

    def _line_height(self) -> int:
        return QFontMetrics(ui_font(CAPTION_SCALE)).height()

    @property
    def plot_width(self) -> float:
        """Width of the lanes in pixels: more points than this are not visible."""
        return max(8.0, self.width() - GUTTER - 3 * GRID)

    @property
    def _heading_height(self) -> int:
        return self._line_height() + 2

    def lane_box(self, index: int) -> QRectF:
        """The place of a lane's line, under its heading; its height is 0 where the lane has no points."""
        empty = sum(not len(lane.x) for lane in self.lanes)
        room = self.height() - self._line_height() - 2 * GRID - empty * self._heading_height
        height = room / max(1, len(self.lanes) - empty)
        top = sum(height if len(lane.x) else self._heading_height for lane in self.lanes[:index])
        lane_height = max(8.0, height - self._heading_height - GRID) if len(self.lanes[index].x) else 0.0
        return QRectF(GUTTER, top + self._heading_height, self.plot_width, lane_height)

    def plot_box(self) -> QRectF:
        """The columns of all lanes."""
        return QRectF(GUTTER, 0, self.plot_width, self.height())

    def x_of(self, x: float) -> float:
        """The pixel of a value on the axis."""
        return GUTTER + (x - self.view.lo) / self.view.span * self.plot_width

    def describe(self, x: float) -> str:
        """The value of every lane at x, for the tool tip."""
        x = min(max(x, self.view.first), self.view.last - self.x_smallest)  # outside the data: the nearest value
        lines = [f"{self.x_title} {self.x_number(x)}"]
        for lane in self.lanes:
            if len(lane.x):
                index = min(max(int(np.searchsorted(lane.x, x + lane.lead, "right")) - 1, 0), len(lane.x) - 1)
                lines.append(f"{lane.title}: {lane.number(float(lane.y[index]))}")
        return "\n".join(lines)

    # --- drawing ----------------------------------------------------------------------------------------------------

    def paint(self, painter: QPainter) -> None:
        colours = theme()
        for index, lane in enumerate(self.lanes):
            self._draw_lane(painter, self.lane_box(index), lane)
        if self.lanes:
            bottom = self.lane_box(len(self.lanes) - 1).bottom()
            self._draw_axis(painter, bottom)
            for x, style in ((self.marker, Qt.PenStyle.SolidLine), (self.hovered, Qt.PenStyle.DotLine)):
                if x is not None and self.view.lo <= x <= self.view.hi:
                    painter.setPen(QPen(QColor(colours.accent), 1, style))
                    at = round(self.x_of(x))
                    painter.drawLine(QPointF(at, self._line_height()), QPointF(at, bottom))
        frame_focus(self, painter)

    def _draw_lane(self, painter: QPainter, box: QRectF, lane: Lane) -> None:
        colours, height = theme(), self._line_height()
        painter.fillRect(QRectF(3 * GRID, box.top() - height + height / 2 - 5, 8, 8), QColor(lane.colour))
        painter.setPen(QColor(colours.text))
        room = int(self.width() - 8 * GRID)
        heading = whole_figures(lane.heading, painter.fontMetrics(), room)
        head = QRectF(6 * GRID, box.top() - height - 2, room, height)
        draw_whole(painter, head, Qt.AlignmentFlag.AlignVCenter, heading)
        if not len(lane.x):
            return
        highest = float(lane.y.max())
        keeps = lane.top is not None and (lane.cut or lane.top >= highest)
        top = lane.top if lane.top is not None and keeps else 1.08 * highest or 1.0
        most = max(2, int(box.height() / (2 * height)))
        ticks = next((found for extra in range(4) if len(found := lane.ticks(top, most + extra)) > 1), [0.0])
        self._draw_ticks(painter, box, lane, ticks, top)
        painter.save()
        painter.setClipRect(box.adjusted(0, -1, 1, 1))
        if self.region is not None:
            shade = QColor(colours.accent)
            shade.setAlpha(36)
            left, right = self.x_of(self.region[0]), self.x_of(self.region[1])
            painter.fillRect(QRectF(left, box.top(), max(1.0, right - left), box.height()), shade)
        self._draw_line(painter, box, lane, top)
        self._draw_cuts(painter, box, lane, top)
        painter.restore()

    def _draw_ticks(self, painter: QPainter, box: QRectF, lane: Lane, ticks: list[float], top: float) -> None:
        colours, height = theme(), self._line_height()
        for value in ticks:
            y = round(box.bottom() - value / top * box.height())
            painter.setPen(QColor(colours.line))
            painter.drawLine(QPointF(box.left(), y), QPointF(box.right(), y))
            painter.setPen(QColor(colours.muted))
            middle = min(max(y, box.top() + height / 2 - 3), box.bottom() - height / 2 + 2)
            area = QRectF(0, middle - height / 2, GUTTER - 2 * GRID, height)
            text = lane.number(value) if value else "0"
            painter.drawText(area, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, text)

    def _draw_line(self, painter: QPainter, box: QRectF, lane: Lane, top: float) -> None:
        xs = GUTTER + (lane.x - self.view.lo) / self.view.span * self.plot_width
        ys = box.bottom() - lane.y / top * box.height()
        painter.setPen(QPen(QColor(lane.colour), 1))
        painter.drawPolyline(arrayToQPolygonF(xs, ys))
        if len(xs) <= box.width() / 16:
            for x, y in zip(xs.tolist(), ys.tolist(), strict=True):
                painter.fillRect(QRectF(x - 1, y - 1, 3, 3), QColor(lane.colour))

    def _draw_cuts(self, painter: QPainter, box: QRectF, lane: Lane, top: float) -> None:
        """Draw a small arrow at the top wherever the line is cut there (256 at most)."""
        painter.setBrush(QColor(theme().warn))
        painter.setPen(QColor(theme().panel))
        drawn = box.left() - ARROW
        for x in lane.x[lane.y > top][:256].tolist():
            at = self.x_of(x)
            if at - drawn >= ARROW:
                painter.drawPolygon([QPointF(at - 5, box.top() + 8), QPointF(at + 5, box.top() + 8),
                                     QPointF(at, box.top())])  # fmt: skip
                drawn = at
        painter.setBrush(Qt.BrushStyle.NoBrush)

    def _draw_axis(self, painter: QPainter, bottom: float) -> None:
        painter.setPen(QColor(theme().muted))
        height, edge = self._line_height(), 0.0
        ticks = round_ticks(self.view.lo, self.view.hi, max(2, int(self.plot_width / 80)), smallest=self.x_smallest)
        for value in ticks:
            text, x = self.x_number(value), self.x_of(value)
            width = painter.fontMetrics().horizontalAdvance(text)
            if x - width / 2 < edge or not GUTTER <= x <= GUTTER + self.plot_width:
                continue
            painter.drawLine(QPointF(round(x), bottom), QPointF(round(x), bottom + GRID))
            left = min(x - width / 2, self.width() - width - 2)
            painter.drawText(QRectF(left, bottom + GRID, width + 2, height), Qt.AlignmentFlag.AlignLeft, text)
            edge = left + width + 2 * GRID
        area = QRectF(0, bottom + GRID, GUTTER - 3 * GRID, height)
        draw_whole(painter, area, Qt.AlignmentFlag.AlignRight, self.x_title)

    # --- mouse and keys ---------------------------------------------------------------------------------------------

    def wheelEvent(self, event: QWheelEvent) -> None:
        if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self.zoom(ZOOM_IN ** (event.angleDelta().y() / 120), self.value_at(event.position().x()))
            event.accept()
        else:
            event.ignore()  # passed on, so that it scrolls the lanes

    def place_at(self, at: QPointF) -> float | None:
        """The value on the axis at a point of the widget; None outside the lanes, and where there are no lanes."""
        x = self.value_at(at.x())
        return x if self.view.lo <= x <= self.view.hi and self.lanes else None

    def words_for(self, place: float) -> str:
        return self.describe(place)

    def pick(self, place: float) -> None:
        self.clicked.emit(place)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if not self.move_by_key(event.key()):
            super().keyPressEvent(event)
