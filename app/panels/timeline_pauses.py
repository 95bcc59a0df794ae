"""Pauses on the timeline: hatched across the lanes over the time they took; a thin seam on an axis of steps.

The rests of a paced run lie between all its steps: they are hatched faintly, and on an axis of steps not drawn.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from PySide6.QtCore import QCoreApplication, QPointF, QRectF
from PySide6.QtGui import QColor, QFontMetricsF, QPainter, QPen

from app.look.theme import CAPTION_SCALE, ui_font
from app.look.units import name_of, seconds
from app.panels.timeline_paint import Scene, text_in
from app.widgets.textures import hatch
from engine.figures.pauses import Pauses, pauses_of
from engine.session.paced import pace_of
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
    faint = QColor(scene.colours.muted)
    faint.setAlphaF(0.25)
    rests = hatch(faint.name(QColor.NameFormat.HexArgb))
    for begin, end, text, paced in spans(scene, pauses):
        left = max(begin, scene.left)
        if paced:
            area = QRectF(left, top, min(end, right_edge) - left, bottom - top)
            painter.fillRect(area, rests)
            painter.setPen(QColor(scene.colours.muted))
            text_in(painter, QRectF(area.left(), top, area.width(), line), text, scene.colours.panel)
            continue
        area = QRectF(left, top, max(min(end, right_edge) - left, SEAM), bottom - top)
        painter.fillRect(area, hatch(shade.name(QColor.NameFormat.HexArgb)))
        painter.setPen(QPen(QColor(scene.colours.warn), 1))
        painter.drawLine(QPointF(area.left(), top), QPointF(area.left(), bottom))
        painter.drawLine(QPointF(area.right(), top), QPointF(area.right(), bottom))
        painter.setPen(QColor(scene.colours.text))
        text_in(painter, QRectF(area.left(), top, area.width(), line), text, scene.colours.panel)


def spans(scene: Scene, pauses: Pauses) -> list[tuple[float, float, str, bool]]:
    """(left, right, text, whether it is a rest of a paced run) of each pause in view, in pixels."""
    last_ns = float(scene.model.extent("time")[1])
    right_edge = scene.left + scene.width
    found = []
    for index in _in_view(scene, pauses):
        since, until, label = int(pauses.since_ns[index]), int(pauses.until_ns[index]), pauses.labels[index]
        paced = pace_of(label) is not None
        if paced and scene.axis != "time":
            continue
        ended = until <= last_ns
        left = scene.time_x(since)
        right = scene.time_x(until) if ended else right_edge + 1 if scene.axis == "time" else left
        if right >= scene.left and left <= right_edge:
            found.append((left, right, words(until - since if ended else None, name_of(label)), paced))
    return found


def _in_view(scene: Scene, pauses: Pauses) -> range:
    """The pauses that may be in view: on an axis of time only those, as a paced run has one after each step."""
    if scene.axis != "time":
        return range(len(pauses))
    first = np.searchsorted(pauses.until_ns, scene.lo, "left")
    return range(int(first), int(np.searchsorted(pauses.since_ns, scene.hi, "right")))


def pause_at(scene: Scene, x: float, near: float) -> str:
    """The text about the pause within `near` pixels of `x`; "" without one."""
    for left, right, text, _ in spans(scene, pauses_of(scene.model.session)):
        if left - near <= x <= max(right, left + SEAM) + near:
            return text
    return ""


def words(passed_ns: int | None, label: str = "") -> str:
    """How long a pause was, in words, from its length in ns; None: the pause has not ended."""
    translate = QCoreApplication.translate
    if passed_ns is None:
        return translate("Timeline", "paused")
    if pace_of(label) is not None:
        text = translate("Timeline", "rest {}")
    else:
        text = translate("Timeline", "between runs {}") if label == BETWEEN_RUNS else translate("Timeline", "paused {}")
    return text.format(seconds(passed_ns / 1e9))
