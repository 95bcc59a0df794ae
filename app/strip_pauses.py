"""Pauses on the step strip: a seam before the step that came after one, with its length where there is room."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from PySide6.QtCore import QCoreApplication, QPointF, QRectF
from PySide6.QtGui import QColor, QPainter, QPen

from app.theme import GRID, theme
from app.units import seconds
from app.widgets.textures import hatch
from engine.session.pauses import NEVER_NS, pauses_of, steps_after
from engine.session.store import Session

SEAM: Final = 4.0
"""Pixels of a seam, which stands between two bars whatever the time it took."""


def draw_pauses(painter: QPainter, session: Session, plot: QRectF, x_of: Callable[[float], float]) -> None:
    """A hatched seam for each pause in view; `x_of` gives the pixel at which a step begins."""
    colours = theme()
    metrics = painter.fontMetrics()
    free_from = plot.left()
    for step, text in pause_texts(session):
        x = x_of(step)
        if not plot.left() <= x <= plot.right():
            continue
        painter.fillRect(QRectF(x - SEAM / 2, plot.top(), SEAM, plot.height()), hatch(colours.warn))
        painter.setPen(QPen(QColor(colours.warn), 1))
        painter.drawLine(QPointF(x, plot.top()), QPointF(x, plot.bottom()))
        width = metrics.horizontalAdvance(text)
        left = min(x + SEAM, plot.right() - width - GRID)
        if left >= free_from:
            top = plot.bottom() - metrics.height()
            painter.fillRect(QRectF(left, top, width + GRID, metrics.height()), QColor(colours.panel))
            painter.setPen(QColor(colours.muted))
            painter.drawText(QPointF(left + GRID / 2, top + metrics.ascent()), text)
            free_from = left + width + 2 * GRID


def pause_texts(session: Session) -> list[tuple[int, str]]:
    """(the step that came next, what is said) of each pause."""
    going_on = QCoreApplication.translate("StepStrip", "paused")
    over = QCoreApplication.translate("StepStrip", "paused {}")
    return [
        (step, going_on if passed_ns > NEVER_NS // 2 else over.format(seconds(passed_ns / 1e9)))
        for step, passed_ns in steps_after(session, pauses_of(session))
    ]
