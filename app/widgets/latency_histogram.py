"""A histogram of the times of steps, or of gaps, on a logarithmic axis; dragging over it selects a band of times."""

from __future__ import annotations

import math
from typing import Final, Literal

import numpy as np
from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QGuiApplication, QHelpEvent, QKeyEvent, QMouseEvent, QPainter, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.core.places import meant_key
from app.look.theme import GRID, theme
from app.look.units import MEASURED, count, seconds
from app.models.latency_histogram import Histogram
from app.models.ticks import log_ticks
from app.widgets.focus import claims_key, frame_focus
from app.widgets.hover import HoverWidget
from app.widgets.line_chart import GUTTER
from app.widgets.marked_lines import draw_marked_lines
from app.widgets.painted import caption_height

KEYS: Final = frozenset({Qt.Key.Key_Left, Qt.Key.Key_Right, Qt.Key.Key_Home, Qt.Key.Key_End, Qt.Key.Key_N,
                         Qt.Key.Key_Backspace})  # fmt: skip


class LatencyHistogram(HoverWidget[int]):
    """Draws a Histogram of what is `counted`. `band_changed` carries the band as (from, to) in µs, or None;
    `wants_next` carries 1 or −1.

    Dragging selects a band, and a click on the band clears it. The arrow keys, Home and End move through the bins; with
    Shift they widen the band. Backspace clears it. N and Shift+N go to the next and the previous step of the band, or
    outlier where there is no band: they emit `wants_next`.
    """

    band_changed = Signal(object)
    wants_next = Signal(int)
    draws_hover = True

    def __init__(self, counted: Literal["steps", "gaps"] = "steps", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._of_steps = counted == "steps"
        self.histogram: Histogram | None = None
        self.band: tuple[float, float] | None = None
        self.fence_us: float | None = None
        """Time in µs from which a step counts as an outlier."""
        self.lines: list[tuple[float, str]] = []
        """(µs, label) of thin dashed lines."""
        self._first: int | None = None
        self._last = 0
        self._dragging = False
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(140, 88)
        self.setAccessibleName(
            self.tr("How many steps took how long") if self._of_steps else self.tr("How many gaps took how long")
        )

    def sizeHint(self) -> QSize:
        return QSize(360, 200)

    def show_histogram(self, histogram: Histogram, fence_us: float | None, lines: list[tuple[float, str]]) -> None:
        """Draw this histogram; the selected band stays."""
        self.histogram, self.fence_us, self.lines = histogram, fence_us, lines
        self.update()

    def clear_band(self) -> None:
        """Clear the band."""
        self._first = None
        if self.band is not None:
            self.band = None
            self.band_changed.emit(None)
        self.update()

    def show_band(self, band: tuple[float, float] | None) -> None:
        """Show this band as selected, without emitting `band_changed`."""
        self.band, self._first = band, None
        if band is not None and self.histogram is not None:
            self._first = self.histogram.bin_of(band[0])
            self._last = max(self._first, int(np.searchsorted(self.histogram.edges_us, band[1])) - 1)
        self.update()

    # --- geometry ---------------------------------------------------------------------------------------------------

    def bin_count(self) -> int:
        """The number of bins that fit: 8 to 64."""
        return int(min(64, max(8, self.plot_box().width() / 8)))

    def plot_box(self) -> QRectF:
        """The place of the bars in the widget's coordinates."""
        line = caption_height()
        top, bottom = line + 2 * GRID, line + 2 * GRID
        return QRectF(GUTTER, top, max(8.0, self.width() - GUTTER - 4 * GRID), max(8.0, self.height() - top - bottom))

    def x_of(self, us: float) -> float:
        """The pixel column of a time."""
        left, low, span, width = self._scale()
        return left + (math.log(max(us, 1e-9)) - low) / span * width

    def bin_at(self, x: float) -> int:
        """The bin at a pixel column; outside the bars, the nearest bin."""
        assert self.histogram is not None
        left, low, span, width = self._scale()
        xs = left + (np.log(np.maximum(self.histogram.edges_us, 1e-9)) - low) / span * width
        place = int(np.searchsorted(xs, min(max(x, left), left + width), "right")) - 1
        return min(max(place, 0), len(self.histogram.counts) - 1)

    def _scale(self) -> tuple[float, float, float, float]:
        """(first pixel column, logarithm of the time there, span of the axis as a logarithm, number of columns)."""
        assert self.histogram is not None
        box, edges = self.plot_box(), self.histogram.edges_us
        low = math.log(edges[0])
        return box.left(), low, max(math.log(edges[-1]) - low, 1e-12), box.width()

    # --- drawing ----------------------------------------------------------------------------------------------------

    def paint(self, painter: QPainter) -> None:
        colours, box = theme(), self.plot_box()
        metrics = painter.fontMetrics()
        painter.setPen(QColor(colours.muted))
        title = self.tr("Steps by time {} · drag to select")
        if not self._of_steps:
            title = self.tr("Gaps between chunks by time {} · drag to select")
        title = title.format(MEASURED)
        if self.band is not None:
            title = self.tr("Selected: {low} to {high}").format(
                low=seconds(self.band[0] / 1e6), high=seconds(self.band[1] / 1e6)
            )
        painter.drawText(QPointF(3 * GRID, metrics.ascent()), title)
        if self.histogram is None or not self.histogram.counts.any():
            return
        self._draw_axes(painter, box)
        self._draw_bars(painter, box)
        self._draw_lines(painter, box)
        frame_focus(self, painter)

    def _draw_axes(self, painter: QPainter, box: QRectF) -> None:
        assert self.histogram is not None
        colours, metrics = theme(), painter.fontMetrics()
        most = int(self.histogram.counts.max())
        for number, y in ((most, box.top()), (0, box.bottom())):
            painter.setPen(QColor(colours.line))
            painter.drawLine(QPointF(box.left(), y), QPointF(box.right(), y))
            painter.setPen(QColor(colours.muted))
            area = QRectF(0, y - metrics.height() / 2, GUTTER - 2 * GRID, metrics.height())
            painter.drawText(area, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, count(number))
        edge = -1.0
        for value in log_ticks(float(self.histogram.edges_us[0]), float(self.histogram.edges_us[-1])):
            text, x = seconds(value / 1e6), self.x_of(value)
            width = metrics.horizontalAdvance(text)
            if x - width / 2 < edge or x + width / 2 > self.width():
                continue
            painter.drawLine(QPointF(round(x), box.bottom()), QPointF(round(x), box.bottom() + GRID))
            painter.drawText(QPointF(x - width / 2, box.bottom() + GRID + metrics.ascent()), text)
            edge = x + width / 2 + 2 * GRID

    def _draw_bars(self, painter: QPainter, box: QRectF) -> None:
        assert self.histogram is not None
        colours, most = theme(), int(self.histogram.counts.max())
        edges = self.histogram.edges_us
        for index, number in enumerate(self.histogram.counts.tolist()):
            if not number:
                continue
            left, right = round(self.x_of(edges[index])), round(self.x_of(edges[index + 1]))
            height = max(2.0, number / most * box.height())  # a single step among thousands stays visible
            inside = self.band is None or self.band[0] <= edges[index] < self.band[1]
            far = self.fence_us is not None and edges[index] >= self.fence_us
            colour = QColor(colours.warn if far else colours.positions["new"])
            if not inside:
                colour.setAlpha(80)
            bar = QRectF(left, box.bottom() - height, max(1, right - left - 1), height)
            painter.fillRect(bar, colour)
            if index == self.hovered:
                painter.setPen(QPen(QColor(colours.text), 1))
                painter.drawRect(bar.adjusted(-1, -1, 0, 0))
        if self.band is not None:
            start, end = self.x_of(self.band[0]), self.x_of(self.band[1])
            shade = QColor(colours.accent)
            shade.setAlpha(36)
            painter.fillRect(QRectF(start, box.top(), max(1.0, end - start), box.height()), shade)

    def _draw_lines(self, painter: QPainter, box: QRectF) -> None:
        lines = list(self.lines)
        if self.fence_us is not None:
            lines.append((self.fence_us, self.tr("outliers from here")))
        marked = [(self.x_of(value), label) for value, label in sorted(lines)]
        draw_marked_lines(painter, box, marked, theme().text, theme().muted, self.width())

    # --- pointer and keys -------------------------------------------------------------------------------------------

    def _pick(self, first: int, last: int) -> None:
        assert self.histogram is not None
        self._first, self._last = first, last
        low, high = min(first, last), max(first, last)
        edges = self.histogram.edges_us
        band = (float(edges[low]), float(edges[high + 1]))
        if band != self.band:
            self.band = band
            self.band_changed.emit(band)
        self.update()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() != Qt.MouseButton.LeftButton or self.histogram is None:
            return
        at = self.bin_at(event.position().x())
        if self.band is not None and self.band[0] <= self.histogram.edges_us[at] < self.band[1]:
            self.clear_band()
            return
        self._dragging = True
        self._pick(at, at)

    def place_at(self, at: QPointF) -> int | None:
        return self.bin_at(at.x()) if self.histogram is not None else None

    def words_for(self, place: int) -> str:
        return self.describe(place)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        super().mouseMoveEvent(event)
        if self._dragging and self._first is not None and self.hovered is not None:
            self._pick(self._first, self.hovered)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self._dragging = False

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent) and self.plot_box().contains(QPointF(event.pos())):
            return True  # no general tool tip: the one of the bin says more
        return claims_key(event, KEYS) or super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if self.histogram is None:
            super().keyPressEvent(event)
            return
        key = meant_key(event, QGuiApplication.platformName())
        wide = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
        last = len(self.histogram.counts) - 1
        if key in (Qt.Key.Key_Left, Qt.Key.Key_Right, Qt.Key.Key_Home, Qt.Key.Key_End):
            by = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1, Qt.Key.Key_Home: -last}.get(Qt.Key(key), last)
            at = min(max(self._last + by, 0), last) if self._first is not None else (last if by < 0 else 0)
            self._pick(self._first if wide and self._first is not None else at, at)
            self.setAccessibleDescription(self.describe(at))
        elif key == Qt.Key.Key_Backspace:
            self.clear_band()
        elif key == Qt.Key.Key_N:
            self.wants_next.emit(-1 if wide else 1)
        else:
            super().keyPressEvent(event)

    def describe(self, index: int) -> str:
        """The text about a bin."""
        assert self.histogram is not None
        edges = self.histogram.edges_us
        words = self.tr("{low} to {high} · steps: {n} {mark} measured")
        if not self._of_steps:
            words = self.tr("{low} to {high} · gaps: {n} {mark} measured")
        return words.format(
            n=count(int(self.histogram.counts[index])), low=seconds(edges[index] / 1e6),
            high=seconds(edges[index + 1] / 1e6), mark=MEASURED,
        )  # fmt: skip
