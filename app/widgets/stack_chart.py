"""Stacked bars, one for each step. Where several steps share a pixel column, the slowest of them is drawn."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray
from pyqtgraph.Qt.internals import PrimitiveArray
from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFontMetrics, QFontMetricsF, QKeyEvent, QPainter, QPen, QResizeEvent, QWheelEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.look.theme import CAPTION_SCALE, GRID, theme, ui_font
from app.look.units import count, seconds
from app.models.axis_view import AxisView
from app.models.bar_scale import bar_scale
from app.models.latency import slowest_of_each
from app.models.ticks import round_ticks
from app.widgets.axis_chart import ZOOM_IN, AxisChart
from app.widgets.focus import frame_focus
from app.widgets.line_chart import GUTTER
from app.widgets.log_button import LogButton
from app.widgets.painted import caption_height
from app.widgets.whole_parts import SEPARATOR, first_parts

MARGIN: Final = 1.06
"""The upper edge over the highest bar."""


class StackChart(AxisChart[int]):
    """Bars of µs by part over steps. `clicked` carries the step that was clicked or selected by a key.

    Wheel or W and S zoom, dragging or A and D pan, F shows all steps; the arrow keys go to the step before and after.
    """

    clicked = Signal(int)
    draws_hover = True

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(AxisView(), parent)
        self.describe: Callable[[int], str] | None = None
        self.colours: list[str] = []
        self.lines: list[tuple[float, str]] = []
        """(µs, label) of each thin dashed line across the chart."""
        self.marker: int | None = None
        self.stride = 1
        """How many steps share a bar."""
        self.scale = bar_scale(np.empty(0), log=False)
        """The axis of times in µs as it was drawn last, and how many bars are cut at its top."""
        self.log_button = LogButton(self)
        self.log_button.toggled.connect(lambda _: self.update())
        self._us: NDArray[np.float64] = np.empty((0, 1))
        self.totals: NDArray[np.float64] = np.empty(0)
        """The time of each step in µs, float64 [steps]."""
        self._first = 0
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(140, 88)

    def sizeHint(self) -> QSize:
        return QSize(480, 200)

    def show_steps(self, us: NDArray[np.float64], totals: NDArray[np.float64], first: int) -> None:
        """Draw `us`, float64 [steps, parts], with the parts stacked from the bottom; the first row is step `first`."""
        moved = first != self._first or len(us) < len(self._us)
        self._us, self.totals, self._first = us, totals, first
        if moved:
            self.view = AxisView()
        self.view.advance(float(first), float(first + len(us)))
        self.update()

    def bars(self) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """(step of each bar [bars], edges of the bars in pixels [bars + 1]) of the bars in view."""
        box = self.plot_box()
        lo = max(self._first, int(np.floor(self.view.lo)))
        hi = min(self._first + len(self._us), int(np.ceil(self.view.hi)))
        if hi <= lo:
            return np.empty(0, np.int64), np.empty(0, np.float64)
        stride = max(1, -(-(hi - lo) // max(1, int(box.width()))))
        lo -= (lo - self._first) % stride  # so that each bar stands for the same steps while the view moves
        chosen, self.stride = slowest_of_each(self.totals[lo - self._first : hi - self._first], -(-(hi - lo) // stride))
        edges = np.minimum(lo + np.arange(len(chosen) + 1) * self.stride, hi)
        return chosen + lo, self._pixels(edges.astype(np.float64), box)

    # --- geometry ---------------------------------------------------------------------------------------------------

    def plot_box(self) -> QRectF:
        """The place of the bars in the widget's coordinates."""
        metrics = QFontMetricsF(ui_font(CAPTION_SCALE))
        right = metrics.horizontalAdvance("p99") + 2 * GRID if self.lines else 2 * GRID
        top, bottom = metrics.height() + GRID, metrics.height() + 2 * GRID
        return QRectF(GUTTER, top, max(self.width() - GUTTER - right, 8.0), max(self.height() - top - bottom, 8.0))

    def _pixels(self, steps: NDArray[np.float64], box: QRectF) -> NDArray[np.float64]:
        return box.left() + (steps - self.view.lo) / self.view.span * box.width()

    def step_at(self, x: float) -> int | None:
        """The step whose bar is at a pixel column; None where there is no bar."""
        steps, edges = self.bars()
        index = int(np.searchsorted(edges, x, "right")) - 1
        return int(steps[index]) if 0 <= index < len(steps) else None

    # --- drawing ----------------------------------------------------------------------------------------------------

    def paint(self, painter: QPainter) -> None:
        box = self.plot_box()
        steps, edges = self.bars()
        rows = self._us[steps - self._first]
        totals = self.totals[steps - self._first]
        self.scale = bar_scale(totals, self.log_button.isChecked(), MARGIN)
        self._draw_grid(painter, box)
        if len(steps):
            painter.setClipRect(box.adjusted(0, 0, 1, 1))
            self._draw_bars(painter, box, rows, totals, edges)
            self._draw_cuts(painter, box, totals, edges)
            painter.setClipping(False)
            self._draw_lines(painter, box)
            for step, style in ((self.marker, Qt.PenStyle.SolidLine), (self.hovered, Qt.PenStyle.DotLine)):
                if step is not None:
                    self._draw_marker(painter, box, step, style)
        self._draw_steps(painter, box)
        self._draw_note(painter)
        frame_focus(self, painter)

    def _draw_bars(
        self, painter: QPainter, box: QRectF, rows: NDArray[np.float64], totals: NDArray[np.float64],
        edges: NDArray[np.float64],
    ) -> None:  # fmt: skip
        """Draw all rectangles of a part with one brush and one call. A polygon of many steps would take seconds."""
        left, right = np.round(edges[:-1]), np.round(edges[1:])
        right = np.maximum(right - (1 if (edges[-1] - edges[0]) / len(rows) >= 4 else 0), left + 1)
        tops = np.round(box.bottom() - self._heights(rows, totals) * box.height())
        floor = np.full(len(rows), round(box.bottom()), np.float64)
        painter.setPen(Qt.PenStyle.NoPen)
        for part, colour in enumerate(self.colours[: rows.shape[1]]):
            rectangles = PrimitiveArray(QRectF, 4)
            rectangles.resize(len(rows))
            rectangles.ndarray()[:] = np.stack([left, tops[:, part], right - left, floor - tops[:, part]], axis=1)
            painter.setBrush(QColor(colour))
            painter.drawRects(*rectangles.drawargs())
            floor = tops[:, part]
        painter.setBrush(Qt.BrushStyle.NoBrush)

    def _draw_cuts(
        self, painter: QPainter, box: QRectF, totals: NDArray[np.float64], edges: NDArray[np.float64]
    ) -> None:
        """Draw a small arrow at the top of each bar that is cut (of 256 at most)."""
        if not self.scale.cut:
            return
        painter.setBrush(QColor(theme().warn))
        painter.setPen(QColor(theme().panel))
        for index in np.flatnonzero(totals > self.scale.top)[:256]:
            x = (edges[index] + edges[index + 1]) / 2
            painter.drawPolygon([QPointF(x - 5, box.top() + 8), QPointF(x + 5, box.top() + 8), QPointF(x, box.top())])
        painter.setBrush(Qt.BrushStyle.NoBrush)

    def _draw_grid(self, painter: QPainter, box: QRectF) -> None:
        colours, height = theme(), painter.fontMetrics().height()
        for value in self.scale.ticks(max(2, int(box.height() / (2.2 * height)))):
            y = round(box.bottom() - self.scale.share(value) * box.height())
            painter.setPen(QColor(colours.line))
            painter.drawLine(QPointF(box.left(), y), QPointF(box.right(), y))
            painter.setPen(QColor(colours.muted))
            area = QRectF(0, y - height / 2, GUTTER - 2 * GRID, height)
            text = seconds(value / 1e6) if value else "0"
            painter.drawText(area, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, text)

    def _heights(self, rows: NDArray[np.float64], totals: NDArray[np.float64]) -> NDArray[np.float64]:
        """Where each part of each bar ends, as shares of the height of the chart, float64 [steps, parts].

        On a logarithmic axis a part has its share of its bar: stacked logarithms would make the upper parts vanish.
        """
        ends = np.cumsum(rows, axis=1)
        if not self.scale.log:
            return ends / self.scale.top
        of_bar = ends / np.maximum(ends[:, -1:], 1e-12)
        return np.asarray(of_bar * self.scale.shares(totals)[:, None], np.float64)

    def _draw_lines(self, painter: QPainter, box: QRectF) -> None:
        colours = theme()
        for label, y, middle in self.line_labels(box):
            painter.setPen(QPen(QColor(colours.text), 1, Qt.PenStyle.DashLine))
            painter.drawLine(QPointF(box.left(), y), QPointF(box.right(), y))
            painter.setPen(QColor(colours.muted))
            painter.drawText(QPointF(box.right() + GRID, middle + painter.fontMetrics().ascent() / 2), label)

    def line_labels(self, box: QRectF) -> list[tuple[str, float, float]]:
        """(label, y of its line, y of its middle) from above: beside its line, or as near to it as there is room."""
        height = caption_height()
        shown = [(value, label) for value, label in sorted(self.lines) if value <= self.scale.top]
        ys = [round(box.bottom() - self.scale.share(value) * box.height()) for value, _ in shown]
        middles: list[float] = []
        for y in ys:  # above the numbers of the steps, and above the label below
            middles.append(min(y, middles[-1] - height if middles else box.bottom() - height / 4))
        found: list[tuple[str, float, float]] = []
        free = self.log_button.geometry().bottom() + height / 2
        for (_, label), y, near in reversed(list(zip(shown, ys, middles, strict=True))):
            found.append((label, y, max(free, near)))
            free = found[-1][2] + height
        return found

    def _draw_marker(self, painter: QPainter, box: QRectF, step: int, style: Qt.PenStyle) -> None:
        if not self.view.lo <= step <= self.view.hi:
            return
        left, right = (round(x) for x in self._pixels(np.array([step, step + 1.0]), box))
        painter.setPen(QPen(QColor(theme().accent), 1, style))
        painter.drawRect(QRectF(left - 1, box.top(), max(right - left, 2), box.height()))

    def _draw_steps(self, painter: QPainter, box: QRectF) -> None:
        painter.setPen(QColor(theme().muted))
        edge, below = -1.0, box.bottom() + GRID
        for value in round_ticks(self.view.lo, self.view.hi, max(2, int(box.width() / 72)), smallest=1.0):
            text = count(int(value))
            width = painter.fontMetrics().horizontalAdvance(text)
            x = float(self._pixels(np.array([value + 0.5]), box)[0])
            if x - width / 2 < edge or x + width / 2 > self.width() or not box.left() <= x <= box.right():
                continue
            painter.drawLine(QPointF(round(x), box.bottom()), QPointF(round(x), box.bottom() + GRID))
            painter.drawText(QRectF(x - width, below, 2 * width, 3 * below), Qt.AlignmentFlag.AlignHCenter, text)
            edge = x + width / 2 + 2 * GRID
        area = QRectF(0, below, GUTTER - 2 * GRID, self.height() - below)
        painter.drawText(area, Qt.AlignmentFlag.AlignRight, self.tr("step"))

    def _draw_note(self, painter: QPainter) -> None:
        parts = [self.tr("Time of each step, by part")]
        if self.stride > 1:
            parts = [self.tr("Time by part"), self.tr("a bar is the slowest of {n} steps").format(n=self.stride)]
        if self.scale.log:
            parts[0] = self.tr("Time by part, logarithmic")
            parts.append(self.tr("each part has its share of its bar"))
        room = self.width() - 4 * GRID - self.log_button.width()
        if self.scale.cut:
            parts.insert(0, self._cut_note(painter.fontMetrics(), room))
        text = first_parts(SEPARATOR.join(parts), painter.fontMetrics(), room)
        painter.setPen(QColor(theme().muted))
        painter.drawText(QRectF(3 * GRID, 0, self.width(), 5 * GRID), Qt.AlignmentFlag.AlignLeft, text)

    def _cut_note(self, metrics: QFontMetrics, room: int) -> str:
        """How many bars are cut and, where `room` pixels are enough for that, too, how high the highest is."""
        cut = self.tr("▲ {n} cut, up to {time}")
        whole = cut.format(n=count(self.scale.cut), time=seconds(self.scale.highest / 1e6))
        if metrics.horizontalAdvance(whole) <= room:
            return whole
        return self.tr("▲ {n} cut").format(n=count(self.scale.cut))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.log_button.place(self.width() - GRID, 2 * GRID)

    # --- mouse and keys ---------------------------------------------------------------------------------------------

    def wheelEvent(self, event: QWheelEvent) -> None:
        self.zoom(ZOOM_IN ** (event.angleDelta().y() / 120), self.value_at(event.position().x()))
        event.accept()

    def place_at(self, at: QPointF) -> int | None:
        return self.step_at(at.x())

    def words_for(self, place: int) -> str:
        return self.describe(place) if self.describe is not None else ""

    def pick(self, place: int) -> None:
        self.clicked.emit(place)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key = event.key()
        if self.move_by_key(key):
            return
        if key in (Qt.Key.Key_Left, Qt.Key.Key_Right) and len(self._us):
            last = self._first + len(self._us) - 1
            now = self.marker if self.marker is not None else last
            self.clicked.emit(min(max(now + (1 if key == Qt.Key.Key_Right else -1), self._first), last))
            self.update()
        else:
            super().keyPressEvent(event)
