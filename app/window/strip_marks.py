"""A person's marks in the step strip: a small flag on the ground line, and their names in the tool tip."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QColor, QPainter, QPen, QPolygonF

from app.look.theme import theme
from app.look.units import MOST_OF_TOKEN, cut, name_of
from app.models.marks import marked_steps, marks_of_step
from app.window.strip_paint import StripScene
from engine.session.store import Session

HALF: Final = 4.0
"""Half the width of a flag, and its height."""


def draw_own_marks(painter: QPainter, scene: StripScene) -> None:
    """Draw a triangle under the bar of each step that has a mark, at most one a pixel column."""
    steps = [step for step in marked_steps(scene.session) if scene.first <= step < scene.end]
    painter.setPen(QPen(QColor(theme().panel), 1))
    painter.setBrush(QColor(theme().warn))
    ground = scene.plot.bottom()
    for x in sorted({round(scene.x(step + 0.5)) for step in steps}):
        corners = [QPointF(x, ground - HALF), QPointF(x + HALF, ground + HALF), QPointF(x - HALF, ground + HALF)]
        painter.drawPolygon(QPolygonF(corners))
    painter.setBrush(Qt.BrushStyle.NoBrush)


def mark_lines(session: Session, step: int) -> list[str]:
    """The names of the marks of a step, for its tool tip."""
    return [f"⚑ {cut(name_of(mark.label), MOST_OF_TOKEN)}" for mark in marks_of_step(session, step)]
