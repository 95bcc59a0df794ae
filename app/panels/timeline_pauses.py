"""Pauses on the timeline: hatched across the lanes over the time they took; a thin seam on an axis of steps."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QCoreApplication, QPointF, QRectF
from PySide6.QtGui import QColor, QFontMetricsF, QPainter, QPen

from app.look.theme import CAPTION_SCALE, ui_font
from app.look.units import name_of, seconds
from app.panels.timeline_paint import Scene, text_in
from app.widgets.textures import hatch
from engine.figures.pauses import Pauses, pauses_of
from engine.session.schema import BETWEEN_RUNS

SEAM: Final = 3.0
"""Least width of a pause in pixels: an axis of steps has no room for it."""
LINES: Final = 1.4
"""Height of a pause's label, in lines of text."""


def draw_pauses(painter: QPainter, scene: Scene, top: float, bottom: float) -> None:
    """Draw every pause in view, from `top` to `bottom`.

    On an axis of time, a pause that has not ended reaches to the right edge.
    """
    pauses = pauses_of(scene.model.session)
    painter.setFont(ui_font(CAPTION_SCALE))
    line = LINES * QFontMetricsF(painter.font()).height()
    right_edge = scene.left + scene.width
    shade = QColor(scene.colours.warn)
    shade.setAlphaF(0.35)
    for begin, end, text in spans(scene, pauses):
        if end < scene.left or begin > right_edge:
            continue
        left = max(begin, scene.left)
        area = QRectF(left, top, max(min(end, right_edge) - left, SEAM), bottom - top)
        painter.fillRect(area, hatch(shade.name(QColor.NameFormat.HexArgb)))
        painter.setPen(QPen(QColor(scene.colours.warn), 1))
        painter.drawLine(QPointF(area.left(), top), QPointF(area.left(), bottom))
        painter.drawLine(QPointF(area.right(), top), QPointF(area.right(), bottom))
        painter.setPen(QColor(scene.colours.text))
        text_in(painter, QRectF(area.left(), top, area.width(), line), text, scene.colours.panel)


def spans(scene: Scene, pauses: Pauses) -> list[tuple[float, float, str]]:
    """(left, right, text) of each pause, in pixels."""
    last_ns = float(scene.model.extent("time")[1])
    found = []
    for since, until, label in zip(pauses.since_ns.tolist(), pauses.until_ns.tolist(), pauses.labels, strict=True):
        ended = until <= last_ns
        left = scene.time_x(since)
        right = scene.time_x(until) if ended else scene.left + scene.width + 1 if scene.axis == "time" else left
        found.append((left, right, words(until - since if ended else None, name_of(label))))
    return found


def pause_at(scene: Scene, x: float, near: float) -> str:
    """The text about the pause within `near` pixels of `x`; "" without one."""
    for left, right, text in spans(scene, pauses_of(scene.model.session)):
        if left - near <= x <= max(right, left + SEAM) + near:
            return text
    return ""


def words(passed_ns: int | None, label: str = "") -> str:
    """How long a pause was, in words, from its length in ns; None: the pause has not ended."""
    translate = QCoreApplication.translate
    if passed_ns is None:
        return translate("Timeline", "paused")
    text = translate("Timeline", "between runs {}") if label == BETWEEN_RUNS else translate("Timeline", "paused {}")
    return text.format(seconds(passed_ns / 1e9))
