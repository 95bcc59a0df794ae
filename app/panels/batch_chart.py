"""The Gantt of slots: a lane a slot, each request in its colour, padding hatched; shares above, the queue below."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QFontMetricsF,
    QPainter,
    QPen,
    QPolygonF,
    QWheelEvent,
)
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.look.theme import CAPTION_SCALE, GRID, Theme, theme, ui_font
from app.look.units import DERIVED, MEASURED, count, percent
from app.models.axis_view import AxisView
from app.models.batch import lane_columns, waiting_columns
from app.models.ticks import round_ticks
from app.widgets.axis_chart import ZOOM_IN, AxisChart
from app.widgets.line_chart import GUTTER
from app.widgets.painted import caption_height
from app.widgets.pixels import argb, blend, image
from engine.figures.slot_runs import IDLE, NOTHING, PADDING, SlotRuns
from engine.figures.slots import BatchPart, SlotFigures

STRIP: Final = 2 * GRID
QUEUE: Final = 6 * GRID
"""Height of the queue's own lane."""
LANE_LEAST: Final = 3
"""Pixels under which a lane is not drawn alone: several share the height of one."""
MOST_IN_A_ROW: Final = 16
"""Lanes that are read for a row of pixels that many share; of more, every so many-th stands for those beside it."""
CELL: Final = 8.0
"""Pixels a step from which steps are parted by a line."""
DIMMED: Final = 0.35
"""How much of its colour a request keeps while another one is selected."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What a chart draws: a part of a session's steps, its figures, and who waited in each of its steps."""

    runs: SlotRuns
    part: BatchPart
    figures: SlotFigures
    waiting: NDArray[np.int64]
    title: str


class SlotChart(AxisChart[tuple[int, int]]):
    """Draws one part; `clicked` carries (step, slot or -1), `moved` says that the shared view was zoomed or panned."""

    clicked = Signal(int, int)
    moved = Signal()

    def __init__(self, view: AxisView, parent: QWidget | None = None) -> None:
        """`view` is counted from the first step of the part; both charts of a panel share it."""
        super().__init__(view, parent)
        self.shown: Shown | None = None
        self.step: int | None = None
        self.request: int | None = None
        self.describe: Callable[[int, int], str] | None = None
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(220, 72)

    def sizeHint(self) -> QSize:
        return QSize(480, 220)

    def show_part(self, shown: Shown | None) -> None:
        """Draw this part; called again whenever it has grown."""
        self.shown = shown
        self.update()

    # --- geometry ---------------------------------------------------------------------------------------------------

    def plot_box(self) -> QRectF:
        """Where the lanes lie, in the widget's coordinates."""
        top = self._legend_rows() * caption_height() + STRIP + 3 * GRID
        bottom = caption_height() + GRID + (QUEUE + GRID if self._queue_shown else 0)
        return QRectF(GUTTER, top, max(self.width() - GUTTER - 3 * GRID, 8), max(self.height() - top - bottom, 8))

    def queue_box(self) -> QRectF:
        """Where the queue lies, under the lanes."""
        box = self.plot_box()
        return QRectF(box.left(), box.bottom() + GRID, box.width(), QUEUE if self._queue_shown else 0)

    @property
    def _queue_shown(self) -> bool:
        return self.shown is not None and self.shown.figures.waiting_peak > 0

    @property
    def lanes(self) -> int:
        """Slots that are drawn."""
        return max(self.shown.figures.lanes, 1) if self.shown is not None else 1

    def place(self, step: int, slot: int) -> QPointF:
        """The middle of a slot-step in the widget's coordinates."""
        assert self.shown is not None
        box = self.plot_box()
        x = box.left() + (step - self.shown.part.first + 0.5 - self.view.lo) / self.view.span * box.width()
        return QPointF(x, box.top() + (slot + 0.5) / self.lanes * box.height())

    def cell_at(self, place: QPointF) -> tuple[int, int] | None:
        """(step, slot) at a place of the widget; slot -1 in the queue."""
        if self.shown is None:
            return None
        box, queue = self.plot_box(), self.queue_box()
        area = box if box.contains(place) else queue
        if not area.contains(place):
            return None
        part = self.shown.part
        step = part.first + int(np.floor(self.view.lo + (place.x() - box.left()) / box.width() * self.view.span))
        if not part.first <= step <= part.last:
            return None
        return step, int((place.y() - box.top()) / box.height() * self.lanes) if area is box else -1

    # --- drawing ----------------------------------------------------------------------------------------------------

    def paint(self, painter: QPainter) -> None:
        if self.shown is not None:
            self._draw(painter, self.shown)

    def _draw(self, painter: QPainter, shown: Shown) -> None:
        box = self.plot_box()
        self._draw_legend(painter)
        self._draw_strip(painter, shown, box)
        ratio = self.devicePixelRatioF()
        painter.drawImage(box.topLeft(), image(self.lane_pixels(ratio), ratio))
        self._draw_numbers(painter, shown, box)
        self._draw_queue(painter, shown)
        self._draw_axes(painter, shown, box)
        self._draw_preemptions(painter, shown, box)
        self._draw_selected(painter, shown, box)

    def legend(self) -> list[tuple[str, str]]:
        """(class, words) of the entries above the picture; the title has no class."""
        if self.shown is None:
            return []
        figures = self.shown.figures
        whole = max(figures.lanes * figures.steps, 1)
        entries = [("", self.shown.title)]
        for name, words, value in (
            ("useful", self.tr("useful {n} ({share})"), figures.useful),
            ("padding", self.tr("padding {n} ({share})"), figures.padding),
            ("idle", self.tr("idle {n} ({share})"), figures.idle),
        ):
            entries.append((name, words.format(n=count(value), share=percent(value / whole)) + f" {MEASURED}"))
        entries.append(("", self.tr("{n} slot-steps computed, {share} wasted {mark}").format(
            n=count(figures.computed), share=percent(figures.waste), mark=DERIVED)))  # fmt: skip
        if pushed := self._preempted():
            entries.append(("preempted", self.tr("preempted {}×").format(count(pushed))))
        if not figures.waiting_peak:
            entries.append(("", self.tr("nobody waited")))
        return entries

    def _preempted(self) -> int:
        assert self.shown is not None
        part = self.shown.part
        return sum(part.first <= one.step <= part.last for one in self.shown.runs.preemptions)

    def _legend_places(self) -> list[tuple[int, float, str, str]]:
        metrics = QFontMetricsF(ui_font(CAPTION_SCALE))
        places, row, x = [], 0, 3.0 * GRID
        for name, words in self.legend():
            swatch = metrics.height() + GRID if name else 0.0
            width = swatch + metrics.horizontalAdvance(words)
            if x + width > self.width() - GRID and x > 3 * GRID:
                row, x = row + 1, 3.0 * GRID
            places.append((row, x, name, words))
            x += width + 4 * GRID
        return places

    def _legend_rows(self) -> int:
        places = self._legend_places()
        return places[-1][0] + 1 if places else 1

    def _draw_legend(self, painter: QPainter) -> None:
        colours, metrics = theme(), QFontMetricsF(painter.font())
        line = metrics.height()
        for row, x, name, words in self._legend_places():
            top = GRID / 2 + row * line
            if name:
                side = int(line) - 4
                self._draw_swatch(painter, QRect(int(x), int(top + 2), side, side), name, colours)
            painter.setPen(QColor(colours.text))
            left = x + line + GRID if name else x
            painter.drawText(QPointF(left, top + metrics.ascent()), words)

    def _draw_swatch(self, painter: QPainter, box: QRect, name: str, colours: Theme) -> None:
        if name == "preempted":
            _draw_triangle(painter, QPointF(box.center().x(), box.bottom()), box.height() / 2, colours)
            return
        self._fill(painter, QRectF(box), name, colours)

    def _draw_strip(self, painter: QPainter, shown: Shown, box: QRectF) -> None:
        """The shares of useful, padding and idle slot-steps as one bar."""
        figures = shown.figures
        whole = figures.lanes * figures.steps
        x, top = box.left(), box.top() - STRIP - GRID
        for name, value in (("useful", figures.useful), ("padding", figures.padding), ("idle", figures.idle)):
            width = value / whole * box.width() if whole else 0.0
            if width > 0:
                self._fill(painter, QRectF(x, top, max(width, 1.0), STRIP), name, theme())
            x += width

    def _fill(self, painter: QPainter, box: QRectF, name: str, colours: Theme) -> None:
        """A rectangle in the look of useful, padding or idle slot-steps."""
        if name == "padding":
            ratio = self.devicePixelRatioF()
            size = (max(1, round(box.height() * ratio)), max(1, round(box.width() * ratio)))
            painter.drawImage(box.topLeft(), image(hatched(size, colours), ratio))
            return
        if name == "useful":
            painter.fillRect(box, QColor(colours.positions["new"]))
            return
        painter.setPen(QPen(QColor(colours.muted), 1, Qt.PenStyle.DotLine))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRect(box.adjusted(0.5, 0.5, -0.5, -0.5))

    def lane_pixels(self, ratio: float = 1.0) -> NDArray[np.uint32]:
        """The lanes as uint32 [height, width] premultiplied ARGB: at most one mark a pixel column and class.

        A column that stands for several steps is filled from below as far as they were useful, then hatched as far
        as they were padding; what is left was idle.
        """
        assert self.shown is not None
        colours, box = theme(), self.plot_box()
        width, height = max(1, round(box.width() * ratio)), max(1, round(box.height() * ratio))
        edges = self.shown.part.first + self.view.lo + np.arange(width + 1) / width * self.view.span
        inside = (edges[:-1] < self.shown.part.last + 1) & (edges[1:] > self.shown.part.first)
        pixels = np.full((height, width), argb(colours.panel), np.uint32)
        hatch: NDArray[np.uint32] | None = None
        rows = min(self.lanes, max(1, int(height / (LANE_LEAST * ratio))))
        used = self.shown.runs.slots
        bounds = np.arange(rows + 1) * height // rows
        for row in range(rows):
            lanes = range(row * self.lanes // rows, (row + 1) * self.lanes // rows)
            slots = used[bisect_left(used, lanes.start) : bisect_left(used, lanes.stop)]
            useful, padding, owner = self._lane_row(slots, len(lanes), edges)
            useful, padding = useful * inside, padding * inside
            top, bottom = int(bounds[row]), int(bounds[row + 1])
            gap = round(ratio) if bottom - top >= 3 * GRID * ratio else 0
            high = bottom - top - gap
            middle = top + high // 2
            pixels[middle, inside] = argb(colours.line)
            filled = np.rint(np.where((useful > 0) & (useful * high < 1), 1, useful * high)).astype(np.int64)
            over = np.rint(np.where((padding > 0) & (padding * high < 1), 1, padding * high)).astype(np.int64)
            over = np.minimum(over, high)
            filled = np.minimum(filled, high - over)
            place = np.arange(high)[::-1, None]  # rows counted from the bottom of the lane
            paint = self._owner_colours(owner, colours)
            lane = pixels[top : top + high]
            np.copyto(lane, paint[None, :], where=place < filled)
            if over.any():
                hatch = hatched((height, width), colours) if hatch is None else hatch
                np.copyto(lane, hatch[:high], where=(place >= filled) & (place < filled + over))
        if box.width() / self.view.span >= CELL:
            steps = np.floor(edges).astype(np.int64)
            pixels[:, np.flatnonzero(np.diff(steps) > 0)] = argb(colours.panel)
        return pixels

    def _lane_row(
        self, slots: list[int], lanes: int, edges: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
        """Shares and owner of one row of the picture: one lane, or the mean of those that share the row, of which
        `slots` were ever used.
        """
        assert self.shown is not None
        useful, padding, owner = lane_columns(NOTHING, edges)
        drawn = slots[:: -(-len(slots) // MOST_IN_A_ROW)] if slots else []
        for slot in drawn:
            more = lane_columns(self.shown.runs.lane(slot), edges)
            useful, padding = useful + more[0], padding + more[1]
            owner = np.where(owner == IDLE, more[2], owner)
        share = len(slots) / max(len(drawn), 1) / lanes
        return useful * share, padding * share, owner

    def _owner_colours(self, owner: NDArray[np.int64], colours: Theme) -> NDArray[np.uint32]:
        strong = [argb(colour) for colour in colours.requests]
        weak = [argb(blend(colour, colours.panel, DIMMED)) for colour in colours.requests]
        index = np.maximum(owner, 0) % len(strong)
        paint: NDArray[np.uint32] = np.array(strong, np.uint32)[index]
        if self.request is not None:
            paint = np.where(owner == self.request, paint, np.array(weak, np.uint32)[index])
        return paint

    def _draw_numbers(self, painter: QPainter, shown: Shown, box: QRectF) -> None:
        """The number of each request that has room for it."""
        metrics = QFontMetricsF(painter.font())
        high = box.height() / self.lanes
        if high < 0.8 * metrics.height():
            return
        scale = box.width() / self.view.span
        lo = shown.part.first + self.view.lo
        for slot in range(self.lanes):
            lane = shown.runs.lane(slot)
            start = np.maximum(lane.start, max(lo, shown.part.first))
            end = np.minimum(lane.end, min(lo + self.view.span, shown.part.last + 1))
            wide = np.flatnonzero((lane.owner >= 0) & ((end - start) * scale >= 3 * GRID))
            for place in wide.tolist():
                words = self.tr("request {}").format(lane.owner[place])
                room = float(end[place] - start[place]) * scale - GRID - 2
                if metrics.horizontalAdvance(words) > room:
                    words = str(lane.owner[place])
                if metrics.horizontalAdvance(words) > room:
                    continue
                left = box.left() + (float(start[place]) - lo) * scale + GRID
                width = metrics.horizontalAdvance(words)
                middle = box.top() + (slot + 0.5) * high
                area = QRectF(left, middle - metrics.height() / 2, width, metrics.height() - 1)
                self._draw_number(painter, area, words, int(lane.owner[place]))

    def _draw_number(self, painter: QPainter, area: QRectF, words: str, owner: int) -> None:
        colours = theme()
        dimmed = self.request is not None and self.request != owner
        ground = colours.request(owner)
        # The lines that part the steps end at the words.
        painter.fillRect(area, QColor(blend(ground, colours.panel, DIMMED) if dimmed else ground))
        painter.setPen(QColor(colours.text if dimmed else colours.on_accent))
        painter.drawText(area, Qt.AlignmentFlag.AlignVCenter, words)

    def _draw_queue(self, painter: QPainter, shown: Shown) -> None:
        if not self._queue_shown:
            return
        colours, box = theme(), self.queue_box()
        columns = max(1, round(box.width()))
        edges = self.view.lo + np.arange(columns + 1) / columns * self.view.span
        heights = waiting_columns(shown.waiting, edges) / shown.figures.waiting_peak * box.height()
        rows = np.arange(round(box.height()))[::-1, None]
        pixels = np.where(rows < np.rint(heights)[None, :], argb(colours.warn), 0).astype(np.uint32)
        painter.drawImage(box.topLeft(), image(pixels))
        painter.setPen(QColor(colours.line))
        painter.drawLine(box.bottomLeft(), box.bottomRight())
        painter.setPen(QColor(colours.muted))
        area = QRectF(0, box.top(), GUTTER - 2 * GRID, box.height())
        words = self.tr("queue\n≤ {}").format(count(shown.figures.waiting_peak))
        painter.drawText(area, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, words)

    def _draw_axes(self, painter: QPainter, shown: Shown, box: QRectF) -> None:
        colours, metrics = theme(), QFontMetricsF(painter.font())
        line, high = metrics.height(), box.height() / self.lanes
        bottom = (self.queue_box() if self._queue_shown else box).bottom()
        painter.setPen(QColor(colours.muted))
        every = max(1, int(np.ceil(line / max(high, 0.01))))
        for slot in range(0, self.lanes, every):
            area = QRectF(0, box.top() + slot * high, GUTTER - 2 * GRID, high * every)
            flags = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
            painter.drawText(area, flags, self.tr("slot {}").format(slot))
        title = self.tr("step")
        right = self.width() - metrics.horizontalAdvance(title) - 4 * GRID
        edge = box.left() - GRID
        lo = shown.part.first + self.view.lo
        last = min(lo + self.view.span, shown.part.last + 1) - 1
        for value in round_ticks(max(lo, shown.part.first), last, max(2, int(box.width() / 72)), smallest=1.0):
            x = box.left() + (value + 0.5 - lo) / self.view.span * box.width()
            text = count(int(value))
            left = max(x - metrics.horizontalAdvance(text) / 2, box.left())
            if left < edge or left + metrics.horizontalAdvance(text) > right:
                continue
            painter.drawLine(QPointF(round(x), bottom + 1), QPointF(round(x), bottom + GRID))
            painter.drawText(QPointF(left, bottom + GRID + metrics.ascent()), text)
            edge = left + metrics.horizontalAdvance(text) + 2 * GRID
        painter.drawText(QPointF(right + 2 * GRID, bottom + GRID + metrics.ascent()), title)

    def _draw_preemptions(self, painter: QPainter, shown: Shown, box: QRectF) -> None:
        high = box.height() / self.lanes
        drawn = set()
        for one in shown.runs.preemptions:
            if not shown.part.first <= one.step <= shown.part.last:
                continue
            at = self.place(one.step, one.slot)
            x = at.x() + 0.5 / self.view.span * box.width()
            if not box.left() <= x <= box.right() or (round(x), one.slot) in drawn:
                continue
            drawn.add((round(x), one.slot))
            _draw_triangle(painter, QPointF(x, at.y() + high / 2 - 1), min(high / 2, 5.0), theme())

    def _draw_selected(self, painter: QPainter, shown: Shown, box: QRectF) -> None:
        if self.step is None or not shown.part.first <= self.step <= shown.part.last:
            return
        width = box.width() / self.view.span
        left = box.left() + (self.step - shown.part.first - self.view.lo) * width
        bottom = (self.queue_box() if self._queue_shown else box).bottom()
        area = QRectF(round(left), box.top(), max(round(width), 1), bottom - box.top())
        painter.setPen(QPen(QColor(theme().accent), 1))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        if area.intersects(box):
            painter.drawRect(area.intersected(QRectF(box.left(), box.top(), box.width(), bottom - box.top())))

    # --- the pointer ------------------------------------------------------------------------------------------------

    def place_at(self, at: QPointF) -> tuple[int, int] | None:
        return self.cell_at(at)

    def words_for(self, place: tuple[int, int]) -> str:
        return self.describe(*place) if self.describe is not None else ""

    def pick(self, place: tuple[int, int]) -> None:
        self.clicked.emit(*place)

    def moved_by_hand(self) -> None:
        self.moved.emit()

    def wheelEvent(self, event: QWheelEvent) -> None:
        if notches := event.angleDelta().y() / 120:
            self.zoom(ZOOM_IN**notches, self.value_at(event.position().x()))
        event.accept()


def hatched(size: tuple[int, int], colours: Theme) -> NDArray[np.uint32]:
    """The look of padding, uint32 [height, width]: grey, with a diagonal hatch."""
    y, x = np.indices(size, sparse=True)
    grey = colours.positions["padding"]
    pixels: NDArray[np.uint32] = np.where((x + y) % 6 < 2, argb(grey), argb(blend(grey, colours.panel, 0.18))).astype(
        np.uint32
    )
    return pixels


def owner_words(owner: int) -> str:
    """`request 3`, `padding` or `idle`, for the rows of a table."""
    return {PADDING: "padding", IDLE: "idle"}.get(owner, f"request {owner}")


def _draw_triangle(painter: QPainter, tip: QPointF, size: float, colours: Theme) -> None:
    """The mark of a preemption: an outlined triangle that points up at the end of a run."""
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(QPen(QColor(colours.panel), 1))
    painter.setBrush(QColor(colours.error))
    painter.drawPolygon(
        QPolygonF([QPointF(tip.x() - size, tip.y()), QPointF(tip.x() + size, tip.y()), tip - QPointF(0, 1.6 * size)])
    )
    painter.restore()
