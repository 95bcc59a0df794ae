"""Pauses on the step strip: a seam before the step after a pause, with the pause's length where there is room.

The rests of a paced run lie between all its steps: one seam says where the pace begins, and a line how far it goes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from PySide6.QtCore import QCoreApplication, QPointF, QRectF
from PySide6.QtGui import QColor, QPainter, QPen

from app.look.theme import GRID, theme
from app.look.units import seconds
from app.models.mark_words import pace_words
from app.widgets.textures import hatch
from engine.figures.pauses import pauses_of, steps_after
from engine.session.paced import pace_of
from engine.session.store import Session
from engine.session.tables import NEVER_NS

SEAM: Final = 4.0
"""Width of a seam in pixels, the same for every length of a pause; it lies between two bars."""
LINE: Final = 3.0
"""Height of the line on top of steps that a pace slowed down."""


def draw_pauses(
    painter: QPainter, session: Session, plot: QRectF, x_of: Callable[[float], float],
    taken: Sequence[tuple[float, float]] = (),
) -> None:  # fmt: skip
    """A hatched seam for each pause in view, and a hatched line on top of steps that a pace slowed down.

    `x_of` gives the pixel at which a step begins; in `taken`, from left to right, stands another text already.
    """
    colours = theme()
    metrics = painter.fontMetrics()
    found = pause_texts(session)
    for first, end in paced_steps(session):
        left, right = max(x_of(first), plot.left()), min(x_of(end), plot.right())
        if left < right:
            painter.fillRect(QRectF(left, plot.top(), right - left, LINE), hatch(colours.warn))
    places = [*(x_of(step) for step, _ in found), plot.right()]
    for x, following, (_, text) in zip(places[:-1], places[1:], found, strict=True):
        if not plot.left() <= x <= plot.right():
            continue
        painter.fillRect(QRectF(x - SEAM / 2, plot.top(), SEAM, plot.height()), hatch(colours.warn))
        painter.setPen(QPen(QColor(colours.warn), 1))
        painter.drawLine(QPointF(x, plot.top()), QPointF(x, plot.bottom()))
        width = metrics.horizontalAdvance(text) + GRID
        covers = any(left < x + SEAM + width and x + SEAM < right for left, right in taken)
        if x + SEAM + width <= following and not covers:
            painter.fillRect(QRectF(x + SEAM, plot.top() + 1, width, metrics.height()), QColor(colours.panel))
            painter.setPen(QColor(colours.muted))
            painter.drawText(QPointF(x + SEAM + GRID / 2, plot.top() + 1 + metrics.ascent()), text)


def pause_texts(session: Session) -> list[tuple[int, str]]:
    """(the first step after it, its text) of each pause; of the rests of a pace only the first, with the pace."""
    pauses = pauses_of(session)
    found = []
    before = None
    for (step, passed_ns), label in zip(steps_after(session, pauses), pauses.labels, strict=True):
        paced = pace_of(label)
        if paced is None or label != before:
            found.append((step, pause_words(passed_ns) if paced is None else pace_words(paced)))
        before = label
    return found


def pauses_before(session: Session, step: int) -> list[str]:
    """The text of each pause between this step and the one before it."""
    pauses = pauses_of(session)
    found = []
    for (after, passed_ns), label in zip(steps_after(session, pauses), pauses.labels, strict=True):
        if after == step:
            paced = pace_of(label)
            found.append(" · ".join([pause_words(passed_ns), *([] if paced is None else [pace_words(paced)])]))
    return found


def pause_words(passed_ns: int) -> str:
    """How long a pause was, or that it goes on."""
    if passed_ns > NEVER_NS // 2:
        return QCoreApplication.translate("StepStrip", "paused")
    return QCoreApplication.translate("StepStrip", "paused {}").format(seconds(passed_ns / 1e9))


def paced_steps(session: Session) -> list[tuple[int, int]]:
    """[first, end) of the steps that each rest of a pace lies before, joined where they follow each other."""
    pauses = pauses_of(session)
    found: list[tuple[int, int]] = []
    for (step, _), label in zip(steps_after(session, pauses), pauses.labels, strict=True):
        if pace_of(label) is None or step >= len(session.steps):
            continue
        first = found.pop()[0] if found and found[-1][1] >= step else step
        found.append((first, step + 1))
    return found
