"""Pauses on the step strip: a seam before the step after a pause, with the pause's length where there is room."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from PySide6.QtCore import QCoreApplication, QPointF, QRectF
from PySide6.QtGui import QColor, QPainter, QPen

from app.look.theme import GRID, theme
from app.look.units import seconds
from app.widgets.textures import hatch
from engine.figures.pauses import pauses_of, steps_after
from engine.session.store import Session
from engine.session.tables import NEVER_NS

SEAM: Final = 4.0
"""Width of a seam in pixels, the same for every length of a pause; it lies between two bars."""


def draw_pauses(painter: QPainter, session: Session, plot: QRectF, x_of: Callable[[float], float]) -> None:
    """A hatched seam for each pause in view; `x_of` gives the pixel at which a step begins."""
    colours = theme()
    metrics = painter.fontMetrics()
    found = pause_texts(session)
    places = [*(x_of(step) for step, _ in found), plot.right()]
    for x, following, (_, text) in zip(places[:-1], places[1:], found, strict=True):
        if not plot.left() <= x <= plot.right():
            continue
        painter.fillRect(QRectF(x - SEAM / 2, plot.top(), SEAM, plot.height()), hatch(colours.warn))
        painter.setPen(QPen(QColor(colours.warn), 1))
        painter.drawLine(QPointF(x, plot.top()), QPointF(x, plot.bottom()))
        width = metrics.horizontalAdvance(text) + GRID
        if x + SEAM + width <= following:
            painter.fillRect(QRectF(x + SEAM, plot.top() + 1, width, metrics.height()), QColor(colours.panel))
            painter.setPen(QColor(colours.muted))
            painter.drawText(QPointF(x + SEAM + GRID / 2, plot.top() + 1 + metrics.ascent()), text)


def pause_texts(session: Session) -> list[tuple[int, str]]:
    """(the first step after it, its text) of each pause."""
    going_on = QCoreApplication.translate("StepStrip", "paused")
    over = QCoreApplication.translate("StepStrip", "paused {}")
    return [
        (step, going_on if passed_ns > NEVER_NS // 2 else over.format(seconds(passed_ns / 1e9)))
        for step, passed_ns in steps_after(session, pauses_of(session))
    ]
