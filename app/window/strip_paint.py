"""How the step strip is drawn: bars, the selected range, switches, the axis and the captions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from PySide6.QtCore import QCoreApplication, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QPaintEngine, QPainter, QPen, QPolygonF

from app.look.theme import GRID, ROW_GAP, theme
from app.look.units import count, seconds
from app.models.bar_scale import BarScale
from app.widgets.step_columns import StepColumns, bars_image
from app.widgets.whole_parts import first_parts
from app.window.strip_pauses import draw_pauses
from app.window.strip_text import axis_text, cut_text, kind_names, range_text, switch_marks
from engine.figures.told import told
from engine.session.store import STEP_KINDS, Session

GUTTER: Final = 16 * GRID
"""Room for the axis on the left; as wide as that of the plots below."""
LINE: Final = 1.3
"""Height of a line of captions, as a multiple of the font's: glyphs of other scripts come from taller fonts."""
OUTSIDE: Final = 0.6
"""Opacity of the veil over the bars outside the selected range."""


@dataclass(frozen=True, slots=True)
class StripScene:
    """What is being drawn: a session's steps, which of them are in view, and where they lie on the widget."""

    session: Session
    steps: int
    """How many steps there are."""
    first: float
    """The step at the left edge of the plot."""
    end: float
    """The step that would begin at its right edge."""
    plot: QRectF
    columns: StepColumns
    """The bars in view."""
    scale: BarScale
    """Their heights; its times are in ns."""
    chosen: tuple[int, int] | None
    """The selected range, or the one that is being dragged."""
    step: int | None
    """The selected step."""
    ratio: float
    """Device pixels per logical pixel."""

    def x(self, step: float) -> float:
        """The pixel at which a step begins."""
        return self.plot.left() + (step - self.first) / (self.end - self.first) * self.plot.width()


def draw_strip(painter: QPainter, scene: StripScene) -> None:
    """Draw everything except the ground line, from the bars to the captions."""
    draw_bars(painter, scene)
    draw_range(painter, scene)
    taken = draw_switches(painter, scene)
    draw_pauses(painter, scene.session, scene.plot, scene.x, taken)
    draw_cursor(painter, scene)
    draw_axis(painter, scene)
    draw_captions(painter, scene)


def draw_bars(painter: QPainter, scene: StripScene) -> None:
    """A bar per step or pixel column: as one image, or one by one in a vector picture."""
    colours, plot, columns = theme(), scene.plot, scene.columns
    heights = scene.scale.shares(columns.latency_ns)
    gap = 1.0 if columns.bar >= 3 else 0.0
    width = max(1.0, columns.bar - gap)
    colour_of = [QColor(colour) for colour in _colours_of_kinds(scene.session)]
    painter.save()
    painter.setClipRect(plot)
    painter.setPen(Qt.PenStyle.NoPen)
    if painter.paintEngine().type() == QPaintEngine.Type.Raster:
        scale = scene.ratio
        size = round(plot.width() * scale), round(plot.height() * scale)
        image = bars_image(columns, heights, width, *size, scale, [colour.rgb() for colour in colour_of])
        image.setDevicePixelRatio(scale)
        painter.drawImage(plot.topLeft(), image)
    else:  # a vector picture
        for left, height, kind in zip(columns.left.tolist(), heights.tolist(), columns.kind.tolist(), strict=True):
            painter.setBrush(colour_of[kind])
            tall = height * plot.height()
            painter.drawRect(QRectF(plot.left() + left, plot.bottom() - tall, width, tall))
    painter.setBrush(QColor(colours.warn))  # a triangle on top marks a bar that is cut off
    painter.setPen(QPen(QColor(colours.panel), 1))
    for left in columns.left[columns.latency_ns > scene.scale.top].tolist()[:200]:
        middle = plot.left() + left + width / 2
        base = plot.top() + 7
        painter.drawPolygon(
            QPolygonF([QPointF(middle - 5, base), QPointF(middle + 5, base), QPointF(middle, plot.top() - 1)])
        )
    painter.restore()


def _colours_of_kinds(session: Session) -> list[str]:
    """The colour of each kind of step; one for all where an imported trace does not tell them."""
    colours = theme()
    if not told(session, "step_kinds"):
        return [colours.groups["other"]] * len(STEP_KINDS)
    return [colours.kinds[kind] for kind in STEP_KINDS]


def draw_range(painter: QPainter, scene: StripScene) -> None:
    """The selected range: bars outside it fade, and lines stand at its edges."""
    chosen, plot = scene.chosen, scene.plot
    if chosen is None:
        return
    left = min(max(scene.x(chosen[0]), plot.left()), plot.right())
    right = min(max(scene.x(chosen[1] + 1), left + 1.0), plot.right())
    colour, veil = QColor(theme().accent), QColor(theme().panel)
    veil.setAlphaF(OUTSIDE)
    painter.fillRect(QRectF(plot.left(), plot.top(), left - plot.left(), plot.height()), veil)
    painter.fillRect(QRectF(right, plot.top(), plot.right() - right, plot.height()), veil)
    painter.setPen(QPen(colour, 1))
    for x in (left, right):
        painter.drawLine(QPointF(x, plot.top()), QPointF(x, plot.bottom()))
    painter.fillRect(QRectF(left, plot.top(), right - left, 2), colour)


def draw_cursor(painter: QPainter, scene: StripScene) -> None:
    """A frame around the selected step."""
    step, plot = scene.step, scene.plot
    if step is None or step >= scene.steps:
        return
    left, right = scene.x(step), scene.x(step + 1)
    if right < plot.left() or left > plot.right():
        return
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.setPen(QPen(QColor(theme().text), 1))
    painter.drawRect(QRectF(left, plot.top(), max(1.0, right - left - 1), plot.height()))


def draw_switches(painter: QPainter, scene: StripScene) -> list[tuple[float, float]]:
    """A line for each change of the switches, with what changed where there is room; (left, right) of each text."""
    colours, plot = theme(), scene.plot
    metrics = QFontMetricsF(painter.font())
    marks = [(scene.x(step), text) for step, text in switch_marks(scene.session) if scene.first <= step < scene.end]
    painter.setPen(QPen(QColor(colours.warn), 1, Qt.PenStyle.DashLine))
    for x, _ in marks:
        painter.drawLine(QPointF(x, plot.top()), QPointF(x, plot.bottom()))
    painter.setPen(QColor(colours.warn))
    free_from = plot.left()
    taken = []
    for x, text in marks:  # after all lines, none of which may cross a text
        width = metrics.horizontalAdvance(text)
        if x >= free_from and x + width + GRID < plot.right():
            painter.fillRect(QRectF(x + 2, plot.top(), width + 4, metrics.height()), QColor(colours.panel))
            painter.drawText(QPointF(x + 4, plot.top() + metrics.ascent()), text)
            free_from = x + width + ROW_GAP
            taken.append((x, x + width + 2 + GRID))
    return taken


def draw_axis(painter: QPainter, scene: StripScene) -> None:
    """The latencies at full height and at the ground at the left, the first and the last step in view below."""
    plot, scale = scene.plot, scene.scale
    painter.setPen(QColor(theme().muted))
    line = LINE * painter.fontMetrics().height()
    right = Qt.AlignmentFlag.AlignRight
    gutter = QRectF(0, plot.top() - line / 2 + GRID, GUTTER - GRID, line)
    painter.drawText(gutter, right | Qt.AlignmentFlag.AlignVCenter, seconds(scale.top / 1e9))
    ground = seconds(scale.bottom / 1e9) if scale.log else "0"
    painter.drawText(QRectF(0, plot.bottom() - line + 2, GUTTER - GRID, line), right, ground)
    low, high = max(0, int(scene.first)), min(scene.steps, int(np.ceil(scene.end))) - 1
    below = QRectF(plot.left(), plot.bottom() + 1, plot.width(), line)
    words = QCoreApplication.translate("StepStrip", "step {}").format(count(low))
    painter.drawText(below, Qt.AlignmentFlag.AlignLeft, words)
    if high > low:
        shown_right = min(plot.right(), scene.x(high + 1))
        below.setRight(max(shown_right, below.left() + painter.fontMetrics().horizontalAdvance("0") * 20))
        painter.drawText(below, right, count(high))


def draw_captions(painter: QPainter, scene: StripScene) -> None:
    """Labels of the kinds of steps in view, and on the right the text about the range."""
    colours, plot, columns = theme(), scene.plot, scene.columns
    metrics = painter.fontMetrics()
    x = plot.left()
    names = kind_names(scene.session)
    for kind in np.unique(columns.kind).tolist():
        name = names[STEP_KINDS[kind]]
        side = metrics.height() * 0.6
        sample = QRectF(x, (metrics.height() - side) / 2 + 2, side, side)
        painter.fillRect(sample, QColor(_colours_of_kinds(scene.session)[kind]))
        painter.setPen(QColor(colours.muted))
        painter.drawText(QPointF(x + side + GRID, metrics.ascent() + 2), name)
        x += side + GRID + metrics.horizontalAdvance(name) + 2 * ROW_GAP
    for words, colour in ((cut_text(scene.scale), colours.warn), (axis_text(scene.scale), colours.muted)):
        if words:
            painter.setPen(QColor(colour))
            painter.drawText(QPointF(x, metrics.ascent() + 2), words)
            x += metrics.horizontalAdvance(words) + 2 * ROW_GAP
    text = range_text(scene.session, scene.chosen, scene.steps)
    painter.setPen(QColor(colours.text if scene.chosen else colours.muted))
    room = QRectF(x, 0, plot.right() - x, LINE * metrics.height())
    text = first_parts(text, metrics, int(room.width()))
    painter.drawText(room, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, text)
