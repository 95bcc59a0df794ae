"""Log-log chart of a device's ceilings and the points under them, each with its name beside it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from PySide6.QtCore import QEvent, QPoint, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QKeyEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QPolygonF,
)
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.look.theme import GRID, theme
from app.look.units import rate
from app.models.roofline import decades
from app.widgets.focus import claims_key, draw_focus
from app.widgets.hover import HoverWidget
from app.widgets.painted import caption_height, draw_whole

GUTTER: Final = 22 * GRID
SLOPE_PLACES: Final = 8
"""How many parts a slope is divided into to find a free place for its label."""
REACH: Final = 14
"""Pixels from a point within which the pointer finds it."""
KEYS: Final = frozenset({Qt.Key.Key_Left, Qt.Key.Key_Right, Qt.Key.Key_Home, Qt.Key.Key_End})


@dataclass(frozen=True, slots=True)
class Dot:
    """A point of the chart: its key, its name, its place (FLOP/byte, FLOP/s), and how it is drawn."""

    key: str
    label: str
    intensity: float
    flops_per_s: float
    colour: str
    square: bool
    """A phase is a square, a kind of step a circle."""


@dataclass(frozen=True, slots=True)
class Ceiling:
    """A pair of limits: FLOP/s at the top and B/s of the slope, with the label of each."""

    flops_per_s: float
    bytes_per_s: float
    flops_label: str
    bytes_label: str
    slope_name: str = ""
    """What is written along the slope where `bytes_label` is too long."""
    dashed: bool = False
    cache: bool = False
    """For the roof of a cache: only its slope is drawn, lighter, up to the FLOP/s of the roof of memory."""


class RooflineChart(HoverWidget[Dot]):
    """Draws ceilings and dots; `picked` carries the key of a dot that was clicked or selected by a key."""

    picked = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.x_title = self.y_title = ""
        self.describe: Callable[[str], str] | None = None
        self.dots: list[Dot] = []
        self.ceilings: list[Ceiling] = []
        self.slope_labels: list[str] = []
        """What is written along the slopes of the last painting."""
        self.current = ""
        self.x_decades, self.y_decades = (-1, 3), (9, 12)
        """Powers of ten at the ends of the axes."""
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(160, 100)

    def sizeHint(self) -> QSize:
        return QSize(520, 340)

    def show_dots(
        self, dots: list[Dot], ceilings: list[Ceiling], limits: tuple[tuple[int, int], tuple[int, int]]
    ) -> None:
        """Draw these dots under these ceilings; `limits` are the decades of both axes."""
        self.dots, self.ceilings = dots, ceilings
        self.x_decades, self.y_decades = limits
        self.update()

    # --- geometry ---------------------------------------------------------------------------------------------------

    def plot_box(self) -> QRectF:
        """The place of the points in the widget's coordinates."""
        line = caption_height()
        top, bottom = line + 2 * GRID, 2 * line + 2 * GRID
        return QRectF(GUTTER, top, max(self.width() - GUTTER - 4 * GRID, 8.0), max(self.height() - top - bottom, 8.0))

    def place(self, intensity: float, flops_per_s: float) -> QPointF:
        """The place of a point in the widget's coordinates."""
        box = self.plot_box()
        x = (math.log10(intensity) - self.x_decades[0]) / (self.x_decades[1] - self.x_decades[0])
        y = (math.log10(flops_per_s) - self.y_decades[0]) / (self.y_decades[1] - self.y_decades[0])
        return QPointF(box.left() + x * box.width(), box.bottom() - y * box.height())

    # --- drawing ----------------------------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        draw_focus(self)

    def paint(self, painter: QPainter) -> None:
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self._draw_axes(painter)
        spots = [self.place(dot.intensity, dot.flops_per_s) for dot in self.dots]
        taken = [QRectF(spot.x() - 6, spot.y() - 6, 12, 12) for spot in spots]
        self.slope_labels.clear()
        for ceiling in self.ceilings:
            self._draw_ceiling(painter, ceiling, taken)
        for dot, spot in zip(self.dots, spots, strict=True):
            self._draw_dot(painter, dot, spot)
        for dot, spot in zip(self.dots, spots, strict=True):
            self._draw_label(painter, dot, spot, taken)

    def _draw_axes(self, painter: QPainter) -> None:
        colours, box = theme(), self.plot_box()
        height = painter.fontMetrics().height()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        for exponent in decades(*self.y_decades, most=int(box.height() / (1.6 * height))):
            y = round(self.place(1.0, 10.0**exponent).y())
            painter.setPen(QColor(colours.line))
            painter.drawLine(QPointF(box.left(), y), QPointF(box.right(), y))
            painter.setPen(QColor(colours.muted))
            area = QRectF(0, y - height / 2, GUTTER - 2 * GRID, height)
            right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
            painter.drawText(area, right, _plain(rate(10.0**exponent, "FLOP/s")))
        for exponent in decades(*self.x_decades, most=int(box.width() / 64)):
            x = round(self.place(10.0**exponent, 10.0 ** self.y_decades[0]).x())
            painter.setPen(QColor(colours.line))
            painter.drawLine(QPointF(x, box.top()), QPointF(x, box.bottom()))
            painter.setPen(QColor(colours.muted))
            text = f"{10.0**exponent:g}"
            painter.drawText(QRectF(x - 40, box.bottom() + GRID, 80, height), Qt.AlignmentFlag.AlignCenter, text)
        painter.setPen(QColor(colours.muted))
        below = QRectF(box.left(), box.bottom() + GRID + height, box.width(), height)
        draw_whole(painter, below, Qt.AlignmentFlag.AlignCenter, self.x_title)
        painter.drawText(QPointF(3 * GRID, painter.fontMetrics().ascent()), self.y_title)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)

    def _draw_ceiling(self, painter: QPainter, ceiling: Ceiling, taken: list[QRectF]) -> None:
        colours, box = theme(), self.plot_box()
        ridge = ceiling.flops_per_s / ceiling.bytes_per_s
        left = 10.0 ** self.x_decades[0]
        if left * ceiling.bytes_per_s < 10.0 ** self.y_decades[0]:
            left = 10.0 ** self.y_decades[0] / ceiling.bytes_per_s
        start, knee = self.place(left, left * ceiling.bytes_per_s), self.place(ridge, ceiling.flops_per_s)
        end = self.place(10.0 ** self.x_decades[1], ceiling.flops_per_s)
        colour = QColor(colours.muted if ceiling.dashed or ceiling.cache else colours.text)
        painter.setPen(QPen(colour, 1, Qt.PenStyle.DashLine if ceiling.dashed else Qt.PenStyle.SolidLine))
        painter.save()
        painter.setClipRect(box)
        painter.drawPolyline(QPolygonF([start, knee] if ceiling.cache else [start, knee, end]))
        painter.restore()
        metrics = painter.fontMetrics()
        width = metrics.horizontalAdvance(ceiling.flops_label) + 2
        area = QRectF(max(end.x() - width, box.left()), knee.y() - metrics.height() - 2, width, metrics.height())
        if ceiling.flops_label and not any(area.intersects(one) for one in taken) and area.top() >= 0:
            painter.drawText(QPointF(area.left(), area.top() + metrics.ascent()), ceiling.flops_label)
            taken.append(area)
        self._draw_slope_label(painter, ceiling, start, knee, taken)
        taken += boxes_along(start, knee, 2.0, 0.0, math.dist(start.toTuple(), knee.toTuple()))

    def _draw_slope_label(
        self, painter: QPainter, ceiling: Ceiling, start: QPointF, knee: QPointF, taken: list[QRectF]
    ) -> None:
        """Draw the label of a slope along it, at the first place where it covers nothing.

        The search begins at the foot of a measured ceiling, and at the knee of a stated one (dashed).
        """
        for label in (ceiling.bytes_label, ceiling.slope_name):
            if label and self._draw_along(painter, label, (start, knee), ceiling.dashed, taken):
                self.slope_labels.append(label)
                return

    @staticmethod
    def _draw_along(
        painter: QPainter, label: str, slope: tuple[QPointF, QPointF], from_knee: bool, taken: list[QRectF]
    ) -> bool:
        """Draw a label along a slope; returns whether there was a place for it."""
        start, knee = slope
        metrics = painter.fontMetrics()
        length = math.hypot(knee.x() - start.x(), knee.y() - start.y())
        width = metrics.horizontalAdvance(label)
        if width + 4 * GRID > length:
            return False
        first, last = 0.1 * length + 3 * GRID, length - width - 3 * GRID
        tried = [first + (last - first) * part / SLOPE_PLACES for part in range(SLOPE_PLACES + 1)]
        wanted = reversed(tried) if from_knee else tried
        for at in wanted if last > first else (length - width,):
            boxes = boxes_along(start, knee, metrics.height(), at, at + width, lift=GRID + metrics.height() / 2)
            if not any(box.intersects(one) for box in boxes for one in taken):
                break
        else:
            return False  # the table and the tool tips show the text too
        taken += boxes
        painter.save()
        painter.translate(start)
        painter.rotate(math.degrees(math.atan2(knee.y() - start.y(), knee.x() - start.x())))
        painter.drawText(QPointF(at, -GRID), label)
        painter.restore()
        return True

    def _draw_dot(self, painter: QPainter, dot: Dot, spot: QPointF) -> None:
        colours = theme()
        painter.setBrush(QColor(dot.colour))
        chosen = dot.key == self.current
        painter.setPen(QPen(QColor(colours.accent if chosen else colours.text), 2 if chosen else 1))
        size = 5 if chosen else 4
        if dot.square:
            painter.drawRect(QRectF(spot.x() - size, spot.y() - size, 2 * size, 2 * size))
        else:
            painter.drawEllipse(spot, size + 1.5, size + 1.5)
        painter.setBrush(Qt.BrushStyle.NoBrush)

    def _draw_label(self, painter: QPainter, dot: Dot, spot: QPointF, taken: list[QRectF]) -> None:
        """Draw a dot's name at the first place around it where it covers nothing, with a line if it is far."""
        metrics = painter.fontMetrics()
        width, height = metrics.horizontalAdvance(dot.label) + 2, metrics.height()
        bounds = QRectF(self.rect()).adjusted(GUTTER, 0, 0, 0)
        x, y = spot.x(), spot.y()
        near = [
            QRectF(x + 9, y - height / 2, width, height), QRectF(x - 9 - width, y - height / 2, width, height),
            QRectF(x - width / 2, y - 9 - height, width, height), QRectF(x - width / 2, y + 9, width, height),
        ]  # fmt: skip
        far = [
            QRectF(x + 18 if side > 0 else x - 18 - width, y + shift * height - height / 2, width, height)
            for shift in (1, -1, 2, -2, 3, -3, 4, -4)
            for side in (1, -1)
        ]
        for area in [*near, *far]:
            if bounds.contains(area) and not any(area.intersects(one) for one in taken):
                break
        else:
            return  # the table and the tool tip show the name
        taken.append(area)
        if area not in near:
            painter.setPen(QColor(theme().line))
            painter.drawLine(spot, QPointF(area.left() if area.left() > x else area.right(), area.center().y()))
        painter.setPen(QColor(theme().text))
        # Draw text on whole pixels: between pixels it is blurred.
        draw_whole(painter, area.toAlignedRect(), Qt.AlignmentFlag.AlignCenter, dot.label)

    # --- pointer and keys -------------------------------------------------------------------------------------------

    def dot_at(self, place: QPointF) -> Dot | None:
        """The dot nearest to a place of the widget; None where it is REACH pixels away or more."""
        found, least = None, float(REACH)
        for dot in self.dots:
            spot = self.place(dot.intensity, dot.flops_per_s)
            distance = math.hypot(spot.x() - place.x(), spot.y() - place.y())
            if distance < least:
                found, least = dot, distance
        return found

    def place_at(self, at: QPointF) -> Dot | None:
        return self.dot_at(at)

    def words_for(self, place: Dot) -> str:
        return self.describe(place.key) if self.describe is not None else ""

    def pick(self, place: Dot) -> None:
        self.current = place.key
        self.update()
        self.picked.emit(place.key)

    def event(self, event: QEvent) -> bool:
        return claims_key(event, KEYS) or super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        order = sorted(self.dots, key=lambda dot: dot.intensity)
        if event.key() not in KEYS or not order:
            super().keyPressEvent(event)
            return
        at = next((i for i, dot in enumerate(order) if dot.key == self.current), -1)
        by = {Qt.Key.Key_Left: at - 1 if at > 0 else 0, Qt.Key.Key_Right: at + 1, Qt.Key.Key_Home: 0,
              Qt.Key.Key_End: len(order)}[Qt.Key(event.key())]  # fmt: skip
        dot = order[min(max(by, 0), len(order) - 1)]
        self.pick(dot)
        spot = self.place(dot.intensity, dot.flops_per_s).toPoint()
        self.show_tip(self.words_for(dot), self.mapToGlobal(spot + QPoint(GRID, GRID)))


def boxes_along(
    start: QPointF, end: QPointF, side: float, first: float, last: float, lift: float = 0.0
) -> list[QRectF]:
    """Squares that together cover a band along a line, from `first` to `last` pixels on it, `lift` pixels above it."""
    length = max(math.dist(start.toTuple(), end.toTuple()), 1e-6)
    along = QPointF((end.x() - start.x()) / length, (end.y() - start.y()) / length)
    above = QPointF(along.y(), -along.x())
    steps = max(1, math.ceil((last - first) / max(side / 2, 4.0)))
    found = []
    for step in range(steps + 1):
        at = first + (last - first) * step / steps
        middle = start + along * at + above * lift
        found.append(QRectF(middle.x() - side / 2, middle.y() - side / 2, side, side))
    return found


def _plain(text: str) -> str:
    """A round number without the zeros that only show its precision: `1.00 GFLOP/s` as `1 GFLOP/s`."""
    head, _, tail = text.partition("\u2009")
    return f"{float(head):g}\u2009{tail}"
