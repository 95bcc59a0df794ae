"""Draws the chart of slots around its lanes: shares above, request numbers in the lanes, queue and axis below."""

from __future__ import annotations

from typing import Final

import numpy as np
from PySide6.QtCore import QCoreApplication, QPointF, QRect, QRectF, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QPainter, QPen, QPolygonF

from app.look.theme import GRID, Theme, theme
from app.look.units import count
from app.models.batch import waiting_columns
from app.models.ticks import round_ticks
from app.panels.batch_lanes import DIMMED, SlotScene, hatched
from app.widgets.line_chart import GUTTER
from app.widgets.pixels import argb, blend, image

STRIP: Final = 2 * GRID


def draw_strip(painter: QPainter, scene: SlotScene) -> None:
    """Draw the shares of useful, padding and idle slot-steps as one bar."""
    figures, box = scene.shown.figures, scene.box
    whole = figures.lanes * figures.steps
    x, top = box.left(), box.top() - STRIP - GRID
    for name, value in (("useful", figures.useful), ("padding", figures.padding or 0), ("idle", figures.idle)):
        width = value / whole * box.width() if whole else 0.0
        if width > 0:
            fill(painter, scene.ratio, QRectF(x, top, max(width, 1.0), STRIP), name, theme())
        x += width


def fill(painter: QPainter, ratio: float, box: QRectF, name: str, colours: Theme) -> None:
    """Draw a rectangle in the style of useful, padding or idle slot-steps (`name`)."""
    if name == "padding":
        size = (max(1, round(box.height() * ratio)), max(1, round(box.width() * ratio)))
        painter.drawImage(box.topLeft(), image(hatched(size, colours), ratio))
        return
    if name == "useful":
        painter.fillRect(box, QColor(colours.positions["new"]))
        return
    painter.setPen(QPen(QColor(colours.muted), 1, Qt.PenStyle.DotLine))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.drawRect(box.adjusted(0.5, 0.5, -0.5, -0.5))


def draw_numbers(painter: QPainter, scene: SlotScene) -> None:
    """Write the number of each request into its runs, where it fits."""
    metrics, box = QFontMetricsF(painter.font()), scene.box
    high = box.height() / scene.lanes
    if high < 0.8 * metrics.height():
        return
    scale = box.width() / scene.span
    lo = scene.first
    for slot in range(scene.lanes):
        lane = scene.shown.runs.lane(slot)
        start = np.maximum(lane.start, max(lo, scene.shown.part.first))
        end = np.minimum(lane.end, min(lo + scene.span, scene.shown.part.last + 1))
        wide = np.flatnonzero((lane.owner >= 0) & ((end - start) * scale >= 3 * GRID))
        for place in wide.tolist():
            number = int(lane.owner[place]) - scene.shown.offset
            words = QCoreApplication.translate("SlotChart", "request {}").format(number)
            room = float(end[place] - start[place]) * scale - GRID - 2
            if metrics.horizontalAdvance(words) > room:
                words = str(number)
            if metrics.horizontalAdvance(words) > room:
                continue
            left = box.left() + (float(start[place]) - lo) * scale + GRID
            width = metrics.horizontalAdvance(words)
            middle = box.top() + (slot + 0.5) * high
            area = QRectF(left, middle - metrics.height() / 2, width, metrics.height() - 1)
            _draw_number(painter, scene, area, words, int(lane.owner[place]))


def _draw_number(painter: QPainter, scene: SlotScene, area: QRectF, words: str, owner: int) -> None:
    colours = theme()
    dimmed = scene.request is not None and scene.request != owner
    ground = colours.request(owner - scene.shown.offset)
    # The background hides the lines between the steps behind the text.
    painter.fillRect(area, QColor(blend(ground, colours.panel, DIMMED) if dimmed else ground))
    painter.setPen(QColor(colours.text if dimmed else colours.on_accent))
    painter.drawText(area, Qt.AlignmentFlag.AlignVCenter, words)


def draw_queue(painter: QPainter, scene: SlotScene) -> None:
    """Draw how many requests waited in each step."""
    if not scene.queue.height():
        return
    colours, box = theme(), scene.queue
    columns = max(1, round(box.width()))
    edges = scene.lo + np.arange(columns + 1) / columns * scene.span
    heights = waiting_columns(scene.shown.waiting, edges) / scene.shown.figures.waiting_peak * box.height()
    rows = np.arange(round(box.height()))[::-1, None]
    pixels = np.where(rows < np.rint(heights)[None, :], argb(colours.warn), 0).astype(np.uint32)
    painter.drawImage(box.topLeft(), image(pixels))
    painter.setPen(QColor(colours.line))
    painter.drawLine(box.bottomLeft(), box.bottomRight())
    painter.setPen(QColor(colours.muted))
    area = QRectF(0, box.top(), GUTTER - 2 * GRID, box.height())
    words = QCoreApplication.translate("SlotChart", "queue\n≤ {}").format(count(scene.shown.figures.waiting_peak))
    painter.drawText(area, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, words)


def draw_axes(painter: QPainter, scene: SlotScene) -> None:
    """Draw the numbers of the slots at the left and of the steps below."""
    colours, metrics, box = theme(), QFontMetricsF(painter.font()), scene.box
    line, high = metrics.height(), box.height() / scene.lanes
    bottom = scene.bottom
    painter.setPen(QColor(colours.muted))
    every = max(1, int(np.ceil(line / max(high, 0.01))))
    for slot in range(0, scene.lanes, every):
        area = QRectF(0, box.top() + slot * high, GUTTER - 2 * GRID, high * every)
        flags = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        words = (
            QCoreApplication.translate("SlotChart", "slot {}")
            if scene.shown.has_slots
            else QCoreApplication.translate("SlotChart", "lane {}")
        )
        painter.drawText(area, flags, words.format(slot))
    title = QCoreApplication.translate("SlotChart", "step")
    right = scene.width - metrics.horizontalAdvance(title) - 4 * GRID
    edge = box.left() - GRID
    lo = scene.first
    last = min(lo + scene.span, scene.shown.part.last + 1) - 1
    for value in round_ticks(max(lo, scene.shown.part.first), last, max(2, int(box.width() / 72)), smallest=1.0):
        x = box.left() + (value + 0.5 - lo) / scene.span * box.width()
        text = count(int(value))
        left = max(x - metrics.horizontalAdvance(text) / 2, box.left())
        if left < edge or left + metrics.horizontalAdvance(text) > right:
            continue
        painter.drawLine(QPointF(round(x), bottom + 1), QPointF(round(x), bottom + GRID))
        painter.drawText(QPointF(left, bottom + GRID + metrics.ascent()), text)
        edge = left + metrics.horizontalAdvance(text) + 2 * GRID
    painter.drawText(QPointF(right + 2 * GRID, bottom + GRID + metrics.ascent()), title)


def draw_preemptions(painter: QPainter, scene: SlotScene) -> None:
    """Draw a mark where a request was preempted, at most one per pixel column and slot."""
    box = scene.box
    high = box.height() / scene.lanes
    drawn = set()
    for one in scene.shown.runs.preemptions:
        if not scene.shown.part.first <= one.step <= scene.shown.part.last:
            continue
        at = scene.place(one.step, one.slot)
        x = at.x() + 0.5 / scene.span * box.width()
        if not box.left() <= x <= box.right() or (round(x), one.slot) in drawn:
            continue
        drawn.add((round(x), one.slot))
        draw_triangle(painter, QPointF(x, at.y() + high / 2 - 1), min(high / 2, 5.0), theme())


def draw_selected(painter: QPainter, scene: SlotScene) -> None:
    """Draw a frame around the selected step; it includes the queue."""
    if scene.step is None or not scene.shown.part.first <= scene.step <= scene.shown.part.last:
        return
    box = scene.box
    width = box.width() / scene.span
    left = box.left() + (scene.step - scene.shown.part.first - scene.lo) * width
    bottom = scene.bottom
    area = QRectF(round(left), box.top(), max(round(width), 1), bottom - box.top())
    painter.setPen(QPen(QColor(theme().accent), 1))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    if area.intersects(box):
        painter.drawRect(area.intersected(QRectF(box.left(), box.top(), box.width(), bottom - box.top())))


def draw_swatch(painter: QPainter, scene: SlotScene, box: QRect, name: str) -> None:
    """Draw the sample of a legend entry: the style of a class, or the mark of a preemption."""
    if name == "preempted":
        draw_triangle(painter, QPointF(box.center().x(), box.bottom()), box.height() / 2, theme())
    else:
        fill(painter, scene.ratio, QRectF(box), name, theme())


def draw_triangle(painter: QPainter, tip: QPointF, size: float, colours: Theme) -> None:
    """Draw the mark of a preemption: an outlined triangle that points up, at the end of a run.

    `tip` is the middle of its base, `size` half its width.
    """
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(QPen(QColor(colours.panel), 1))
    painter.setBrush(QColor(colours.error))
    painter.drawPolygon(
        QPolygonF([QPointF(tip.x() - size, tip.y()), QPointF(tip.x() + size, tip.y()), tip - QPointF(0, 1.6 * size)])
    )
    painter.restore()
