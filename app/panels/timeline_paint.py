"""Draws the lanes of the timeline: bars where there is room, else a density; no step is left out."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QPainter, QPen

from app.look.theme import CAPTION_SCALE, GRID, Theme, ui_font
from app.look.units import percent, seconds
from app.models.ticks import round_ticks
from app.models.timeline import BAND_OF, BANDS, Axis, TimelineModel
from app.widgets.pixels import blend, image, stacked_columns
from engine.session.schema import PHASES

CELL_PIXELS: Final = 3.0
"""Mean width of a step in pixels from which bars and tokens are drawn one by one."""
PHASE_PIXELS: Final = 28.0
"""Mean width in pixels of the steps in view from which a step's phases are side by side; below it they are stacked."""
GAP_PIXELS: Final = 48.0
"""Width of an idle gap in pixels from which its length is written into it."""


@dataclass(frozen=True, slots=True)
class Scene:
    """One drawing: the model, the visible part of the axis, and its place on the widget.

    `lo` and `hi` are values of the axis, `left` and `width` logical pixels, `ratio` device pixels per logical pixel.
    """

    model: TimelineModel
    axis: Axis
    lo: float
    hi: float
    left: float
    width: float
    ratio: float
    colours: Theme

    def x(self, value: float) -> float:
        """The x coordinate of a value on the axis."""
        return self.left + (value - self.lo) / (self.hi - self.lo) * self.width

    def value(self, x: float) -> float:
        """The value on the axis at an x coordinate."""
        return self.lo + (x - self.left) / self.width * (self.hi - self.lo)

    def time_x(self, t_ns: float) -> float:
        """The x coordinate of a moment in ns, on either axis."""
        return self.x(self.model.convert(t_ns, "time", self.axis))

    def edges(self) -> NDArray[np.float64]:
        """The edges of the device pixel columns, in values of the axis."""
        return np.linspace(self.lo, self.hi, max(1, round(self.width * self.ratio)) + 1)

    def visible(self) -> tuple[int, int]:
        return self.model.visible(self.axis, self.lo, self.hi)

    def pixels(self, first: int, end: int) -> list[tuple[float, float]]:
        """(left, right) x coordinate of each of the steps [first, end)."""
        left, right = self.model.span_of(self.axis, first, end)
        scale = self.width / (self.hi - self.lo)
        lefts, rights = self.left + (left - self.lo) * scale, self.left + (right - self.lo) * scale
        return list(zip(lefts.tolist(), rights.tolist(), strict=True))

    @property
    def dense(self) -> bool:
        """Whether there are too many steps in view to draw them one by one."""
        first, end = self.visible()
        return (end - first) * CELL_PIXELS > self.width


def draw_axis(painter: QPainter, scene: Scene, box: QRectF, bottom: float) -> None:
    """Draw ticks at round values with their numbers in `box`, and faint lines down to `bottom`."""
    painter.setFont(ui_font(CAPTION_SCALE))
    metrics = QFontMetricsF(painter.font())
    most = max(2, int(scene.width / 88))
    ticks = round_ticks(scene.lo, scene.hi, most, smallest=1.0)
    step = ticks[1] - ticks[0] if len(ticks) > 1 else scene.hi - scene.lo
    edge = scene.left - GRID
    for value in ticks:
        x = round(scene.x(value))
        painter.setPen(QColor(scene.colours.line))
        painter.drawLine(QPointF(x, box.bottom() - GRID), QPointF(x, bottom))
        text = step_tick(value) if scene.axis == "steps" else time_tick(value, step, scene.hi)
        width = metrics.horizontalAdvance(text)
        left = min(max(x - width / 2, scene.left), scene.left + scene.width - width)
        if left < edge:
            continue
        painter.setPen(QColor(scene.colours.muted))
        painter.drawText(QRectF(left, box.top(), width + 2, box.height() - GRID), Qt.AlignmentFlag.AlignCenter, text)
        edge = left + width + 3 * GRID


def time_tick(value_ns: float, step_ns: float, largest_ns: float) -> str:
    """A moment as text, in the unit that suits `largest_ns`, with the decimals that ticks `step_ns` apart need."""
    scale, unit = next(
        (pair for pair in ((1e9, "s"), (1e6, "ms"), (1e3, "µs")) if abs(largest_ns) >= pair[0]), (1.0, "ns")
    )
    decimals = max(0, math.ceil(-math.log10(max(step_ns, 1e-3) / scale) - 1e-9))
    return f"{value_ns / scale:.{decimals}f}\u2009{unit}"


def step_tick(value: float) -> str:
    return f"{value:,.0f}".replace(",", "\u2009")


def draw_host(painter: QPainter, scene: Scene, box: QRectF, idle_text: str) -> None:
    """Draw the steps by phase. The room decides: phases side by side, stacked bars, or a density; gaps stay empty."""
    if scene.dense:
        columns = scene.model.band_columns(scene.axis, scene.edges())
        height = max(1, round(box.height() * scene.ratio))
        picture = stacked_columns(columns, [scene.colours.groups[band] for band in BANDS], height)
        painter.drawImage(QPointF(scene.left, box.top()), image(picture, scene.ratio))
        return
    first, end = scene.visible()
    colours = {band: QColor(scene.colours.groups[band]) for band in BANDS}
    ground = QColor(scene.colours.panel)
    pixels = scene.pixels(first, end)
    wide = sum(right - left for left, right in pixels) >= PHASE_PIXELS * len(pixels)  # one choice for all steps in view
    before: float | None = None
    for step, (left, true_right) in enumerate(pixels, first):
        right = max(true_right, left + 1)
        if scene.axis == "time" and before is not None and left - before >= GAP_PIXELS:
            _draw_idle(painter, scene, step, QRectF(before, box.top(), left - before, box.height()), idle_text)
        before = right
        area = QRectF(left, box.top(), right - left, box.height())
        if wide:
            _draw_phases(painter, scene, step, area, colours)
        else:
            _draw_stack(painter, scene.model.band_ns(step), area, colours)
        if right - left >= 8:
            painter.fillRect(QRectF(right - 1, box.top(), 1, box.height()), ground)


def _draw_idle(painter: QPainter, scene: Scene, step: int, area: QRectF, idle_text: str) -> None:
    """Write the length of the gap before a step; a gap with a pause in it has the pause's label instead."""
    idle_ns = scene.model.idle_before(step)
    steps = scene.model.session.steps
    if idle_ns < int(steps["start_ns"][step] - steps["end_ns"][step - 1]):
        return
    painter.setPen(QColor(scene.colours.muted))
    painter.setFont(ui_font(CAPTION_SCALE))
    text_in(painter, area, idle_text.format(seconds(idle_ns / 1e9)))


def _draw_phases(painter: QPainter, scene: Scene, step: int, area: QRectF, colours: dict[str, QColor]) -> None:
    """Draw the phases of one step side by side, in proportion to their time, in the order of PHASES."""
    us = scene.model.session.phases["us"][step].astype(float)
    wall = float(scene.model.band_ns(step).sum()) / 1000
    if wall <= 0:
        painter.fillRect(area, colours["other"])
        return
    us[PHASES.index("other")] += max(0.0, wall - float(us.sum()))
    scale = area.width() / max(wall, float(us.sum()))
    painter.setFont(ui_font(CAPTION_SCALE))
    metrics = QFontMetricsF(painter.font())
    x = area.left()
    for phase, share in zip(PHASES, us.tolist(), strict=True):
        width = share * scale
        if width <= 0:
            continue
        part = QRectF(x, area.top(), width, area.height())
        painter.fillRect(part, colours[BAND_OF[phase]])
        if width >= 6:
            painter.fillRect(QRectF(x, area.top(), 1, area.height()), QColor(scene.colours.panel))
        if width >= metrics.horizontalAdvance(phase) + 2 * GRID and area.height() >= metrics.height():
            painter.setPen(QColor(scene.colours.on_accent))
            painter.drawText(part, Qt.AlignmentFlag.AlignCenter, phase)
        x += width


def _draw_stack(painter: QPainter, ns: NDArray[np.float64], area: QRectF, colours: dict[str, QColor]) -> None:
    total = float(ns.sum())
    if total <= 0:
        painter.fillRect(area, colours["other"])
        return
    bottom = area.bottom()
    for band, share in zip(BANDS, (ns / total).tolist(), strict=True):
        height = share * area.height()
        painter.fillRect(QRectF(area.left(), bottom - height, area.width(), height), colours[band])
        bottom -= height


def draw_not_reported(painter: QPainter, scene: Scene, box: QRectF, words: str) -> None:
    """Write why the lane of the device is empty."""
    painter.setFont(ui_font(CAPTION_SCALE))
    painter.setPen(QColor(scene.colours.muted))
    text_in(painter, box, words, scene.colours.window)


def draw_device(painter: QPainter, scene: Scene, box: QRectF) -> None:
    """Draw the busy share of the device in each step as a bar from the bottom, divided into phases."""
    painter.setFont(ui_font(CAPTION_SCALE))
    colours = {band: QColor(scene.colours.groups[band]) for band in BANDS}
    if scene.dense:
        shares = scene.model.device_band_columns(scene.axis, scene.edges())
        names = [scene.colours.groups[band] for band in BANDS]
        picture = stacked_columns(shares, names, max(1, round(box.height() * scene.ratio)))
        painter.drawImage(QPointF(scene.left, box.top()), image(picture, scene.ratio))
        return
    first, end = scene.visible()
    steps = scene.model.session.steps
    device = steps["device_ns"][first:end].tolist()
    wall = (steps["end_ns"][first:end] - steps["start_ns"][first:end]).tolist()
    track = QColor(blend(scene.colours.groups["other"], scene.colours.panel, 0.18))
    spans = zip(range(first, end), scene.pixels(first, end), device, wall, strict=True)
    for step, (left, right), busy, whole in spans:
        width = max(right - left - (1 if right - left >= 4 else 0), 1)
        if busy < 0:
            continue
        part = min(busy / max(whole, 1), 1.0)
        painter.fillRect(QRectF(left, box.top(), width, box.height()), track)
        bar = QRectF(left, box.bottom() - part * box.height(), width, part * box.height())
        if busy:
            _draw_stack(painter, scene.model.device_band_ns(step), bar, colours)
        painter.setPen(QColor(scene.colours.text))
        text_in(painter, QRectF(left, box.top(), width, box.height()), percent(part), scene.colours.panel)


def draw_range(painter: QPainter, scene: Scene, steps: tuple[int, int], top: float, bottom: float) -> None:
    """Shade the selected range of steps, and draw a line at each of its edges."""
    first, last = max(steps[0], 0), min(steps[1], scene.model.n - 1)
    if last < first:
        return
    (left, _), (_, right) = scene.pixels(first, first + 1)[0], scene.pixels(last, last + 1)[0]
    right_edge = scene.left + scene.width
    left, right = min(max(left, scene.left), right_edge), min(max(right, scene.left), right_edge)
    shade = QColor(scene.colours.accent)
    shade.setAlpha(30)
    painter.fillRect(QRectF(left, top, right - left, bottom - top), shade)
    painter.setPen(QColor(scene.colours.accent))
    for x in (left, right):
        painter.drawLine(QPointF(round(x), top), QPointF(round(x), bottom))


def draw_step(painter: QPainter, scene: Scene, step: int, box: QRectF) -> None:
    """Draw a frame around the selected step in the host lane."""
    if not 0 <= step < scene.model.n:
        return
    left, right = scene.pixels(step, step + 1)[0]
    if right < scene.left or left > scene.left + scene.width:
        return
    painter.setPen(QPen(QColor(scene.colours.text), 1))
    painter.drawRect(QRectF(round(left) - 1, box.top() - 1, max(round(right - left), 1) + 1, box.height() + 1))


def text_in(painter: QPainter, area: QRectF, text: str, ground: str | None = None) -> None:
    """Draw text in the middle of an area, on a background of colour `ground` if given; nothing if it does not fit."""
    metrics = QFontMetricsF(painter.font())
    width = metrics.horizontalAdvance(text)
    if width + 2 * GRID > area.width() or metrics.height() > area.height() + 2:
        return
    if ground is not None:
        patch = QRectF(0, 0, width + 2 * GRID, metrics.height())
        patch.moveCenter(area.center())
        painter.fillRect(patch, QColor(ground))
    painter.drawText(area, Qt.AlignmentFlag.AlignCenter, text)
