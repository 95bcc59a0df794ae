"""Two bars over one time axis: the steps that generated a text, end to end, and one pass over the whole text."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFontMetricsF, QPainter, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.look.theme import GRID, theme
from app.look.units import seconds
from app.models.parallel import SerialSteps, kind_word
from app.models.ticks import round_ticks, short_number
from app.widgets.hover import HoverWidget
from app.widgets.painted import caption_height
from app.widgets.pixels import argb, blend, image
from app.widgets.whole_figures import whole_figures

Row = Literal["serial", "pass"]
CELL: Final = 4
"""Average width of a step in pixels from which a line separates the steps."""
MARGIN: Final = 3 * GRID
THICK: Final = 20 * GRID
"""Largest height of a bar in pixels."""


class ParallelChart(HoverWidget[int]):
    """Draws both bars; `clicked` carries the step."""

    clicked = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.serial: SerialSteps | None = None
        self.pass_s = 0.0
        self.pass_step = -1
        self.labels: dict[Row, str] = {"serial": "", "pass": ""}
        """The caption of each bar."""
        self.step: int | None = None
        self.marked: set[int] = set()
        """Steps whose token the pass does not rank first; each has a notch at the foot of the bar."""
        self.describe: Callable[[int], str] | None = None
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumHeight(30 * GRID)
        self.setMaximumHeight(int(2 * (THICK + 2 * GRID) + 3 * caption_height() + 3 * GRID))

    def sizeHint(self) -> QSize:
        return QSize(480, 45 * GRID)

    def show_bars(self, serial: SerialSteps | None, pass_s: float, pass_step: int, labels: dict[Row, str]) -> None:
        """Draw these steps and this pass."""
        self.serial, self.pass_s, self.pass_step, self.labels = serial, pass_s, pass_step, labels
        self.update()

    # --- geometry ---------------------------------------------------------------------------------------------------

    @property
    def longest_s(self) -> float:
        """Seconds at the right edge."""
        return max(self.serial.total_s if self.serial is not None else 0.0, self.pass_s, 1e-9)

    def bar_box(self, row: Row) -> QRectF:
        """The rectangle of a bar of full length."""
        line = caption_height()
        room = max((self.height() - line - 2 * GRID) / 2, line + 2 * GRID)
        top = (0 if row == "serial" else room) + line + GRID
        return QRectF(MARGIN, top, max(self.width() - 2 * MARGIN, 8), max(min(room - line - 2 * GRID, THICK), 8))

    def x_of(self, moment_s: float) -> float:
        """The x coordinate of a moment, in seconds on the axis."""
        box = self.bar_box("serial")
        return box.left() + moment_s / self.longest_s * box.width()

    def step_at(self, place: QPointF) -> int | None:
        """The step at a point of the widget (in the lower bar, the pass); None outside both bars."""
        if self.serial is None:
            return None
        box = self.bar_box("serial")
        at_s = (place.x() - box.left()) / box.width() * self.longest_s
        if box.contains(place):
            return self.serial.at_s(at_s)
        return self.pass_step if self.bar_box("pass").contains(place) and at_s <= self.pass_s else None

    # --- drawing ----------------------------------------------------------------------------------------------------

    def serial_pixels(self, width: int) -> NDArray[np.uint32]:
        """The steps as one line of pixels, uint32 [width]: each in the colour of its kind, transparent beyond them."""
        assert self.serial is not None
        colours = theme()
        places, begins = self.serial.columns(np.arange(width + 1) / width * self.longest_s)
        kinds = self.serial.kinds[np.maximum(places, 0)]
        paint = np.zeros(width, np.uint32)
        parted = len(self.serial.ids) * CELL <= width
        for kind in np.unique(kinds).tolist():
            strong, weak = colours.kinds[kind_word(kind)], blend(colours.kinds[kind_word(kind)], colours.panel, 0.82)
            here = (kinds == kind) & (places >= 0)
            # Neighbours differ a little: this separates steps that are too narrow for a line between them.
            paint[here] = np.where(places[here] % 2 == 0, argb(strong), argb(weak))
        if parted:
            paint[begins] = argb(colours.panel)
        return paint

    def paint(self, painter: QPainter) -> None:
        if self.serial is not None and len(self.serial.ids):
            self._draw(painter, self.serial)

    def _draw(self, painter: QPainter, serial: SerialSteps) -> None:
        colours, ratio = theme(), self.devicePixelRatioF()
        metrics = QFontMetricsF(painter.font())
        box, other = self.bar_box("serial"), self.bar_box("pass")
        bottom = other.bottom() + GRID
        self._draw_axis(painter, box, bottom)
        line = self.serial_pixels(max(1, round(box.width() * ratio)))
        pixels = np.repeat(line[None, :], max(1, round(box.height() * ratio)), axis=0)
        painter.drawImage(box.topLeft(), image(pixels, ratio))
        width = max(self.x_of(self.pass_s) - other.left(), 1.0)
        painter.fillRect(QRectF(other.left(), other.top(), width, other.height()), QColor(colours.kinds["teacher"]))
        painter.setPen(QPen(QColor(colours.kinds["teacher"]), 1, Qt.PenStyle.DashLine))
        end = self.x_of(self.pass_s)
        painter.drawLine(QPointF(end, box.top()), QPointF(end, other.bottom()))
        for row, area in (("serial", box), ("pass", other)):
            text = self.labels["serial" if row == "serial" else "pass"]
            room = self.width() - 5 * GRID
            words = whole_figures(text, metrics, room)
            painter.setPen(QColor(colours.text))
            at = QPointF(MARGIN, area.top() - GRID - metrics.descent())
            painter.fillRect(
                QRectF(at.x() - 2, at.y() - metrics.ascent(), metrics.horizontalAdvance(words) + 4, metrics.height()),
                QColor(colours.panel),
            )
            painter.drawText(at, words)
        self._draw_marked(painter, serial, box)
        self._draw_selected(painter, serial, box, other)

    def _draw_marked(self, painter: QPainter, serial: SerialSteps, box: QRectF) -> None:
        """Draw a notch in the warning colour at the foot of each marked step, at most one per pixel column."""
        places = [place for step in sorted(self.marked) if (place := serial.place_of(step)) is not None]
        columns = {round(self.x_of(sum(serial.span_s(place)) / 2)) for place in places}
        painter.setPen(QPen(QColor(theme().warn), 2))
        for x in sorted(columns):
            painter.drawLine(QPointF(x, box.bottom() - 1), QPointF(x, box.bottom() + GRID))

    def _draw_axis(self, painter: QPainter, box: QRectF, bottom: float) -> None:
        colours, metrics = theme(), QFontMetricsF(painter.font())
        edge = -1.0
        for value in round_ticks(0.0, self.longest_s, max(2, int(box.width() / 90))):
            x = round(self.x_of(value))
            painter.setPen(QColor(colours.line))
            painter.drawLine(QPointF(x, box.top()), QPointF(x, bottom))
            words = short_number(seconds(value))
            width = metrics.horizontalAdvance(words)
            left = min(x - width / 2, self.width() - width - GRID)
            if left > edge:
                painter.setPen(QColor(colours.muted))
                painter.drawText(QPointF(left, bottom + metrics.ascent()), words)
                edge = left + width + 2 * GRID

    def _draw_selected(self, painter: QPainter, serial: SerialSteps, box: QRectF, other: QRectF) -> None:
        if self.step is None:
            return
        place = serial.place_of(self.step)
        painter.setPen(QPen(QColor(theme().accent), 2))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        if place is not None:
            low, high = (self.x_of(moment) for moment in serial.span_s(place))
            painter.drawRect(QRectF(low, box.top() - 1, max(high - low, 2), box.height() + 2))
        elif self.step == self.pass_step:
            painter.drawRect(QRectF(other.left(), other.top() - 1, self.x_of(self.pass_s) - other.left(),
                                    other.height() + 2))  # fmt: skip

    # --- the pointer ------------------------------------------------------------------------------------------------

    def place_at(self, at: QPointF) -> int | None:
        return self.step_at(at)

    def words_for(self, place: int) -> str:
        return self.describe(place) if self.describe is not None else ""

    def pick(self, place: int) -> None:
        self.clicked.emit(place)
