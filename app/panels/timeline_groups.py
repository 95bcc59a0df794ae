"""Groups of requests on the timeline: their heads, and the line that says which requests are shown."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QCoreApplication, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QPainter, QPolygonF

from app.look.theme import CAPTION_SCALE, GRID, ui_font
from app.look.units import count
from app.models import counted
from app.models.request_lanes import Group, RequestLanes, State
from app.panels.timeline_lanes import Lanes
from app.panels.timeline_paint import Scene
from app.widgets.pixels import blend, image, stacked_columns
from engine.session.store import Session


def group_words(shown: RequestLanes, group: Group) -> str:
    """A group's name with the number of its requests, and whether it is folded."""
    translate = QCoreApplication.translate
    words = translate("Timeline", "{} waiting") if group == "waiting" else translate("Timeline", "{} finished")
    words = words.format(count(len(shown.members[group])))
    return translate("Timeline", "{group}, folded").format(group=words) if group in shown.folded else words


def note_words(shown: RequestLanes, lanes: Lanes, scrolled: int) -> str:
    """How many requests there are in each state, and how many of them have a lane in view."""
    translate = QCoreApplication.translate
    states: dict[State, str] = {
        "running": translate("Timeline", "{} running"),
        "waiting": translate("Timeline", "{} waiting"),
        "finished": translate("Timeline", "{} finished"),
    }
    parts = [counted.requests(shown.requests)]
    parts += [words.format(count(len(shown.members[state]))) for state, words in states.items() if shown.members[state]]
    own = [row for row in shown.rows if row.request is not None]
    visible = sum(lanes.requests.intersects(lanes.row_box(row, scrolled)) for row in own)
    parts.append(translate("Timeline", "lanes in view: {}").format(count(visible)))
    if visible < len(own):
        parts.append(translate("Timeline", "above and below: {}").format(count(len(own) - visible)))
    if shown.folded:
        parts.append(translate("Timeline", "folded: {}").format(count(shown.requests - len(own))))
    return " · ".join(parts)


def draw_note(painter: QPainter, scene: Scene, box: QRectF, words: str) -> None:
    """Write above the rows which requests are shown."""
    painter.setFont(ui_font(CAPTION_SCALE))
    painter.setPen(QColor(scene.colours.muted))
    metrics = QFontMetricsF(painter.font())
    shown = metrics.elidedText(words, Qt.TextElideMode.ElideRight, scene.width)
    area = QRectF(scene.left, box.top(), metrics.horizontalAdvance(shown) + GRID, box.height())
    painter.fillRect(area, QColor(scene.colours.panel))
    painter.drawText(area, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter | Qt.TextFlag.TextDontClip, shown)


def draw_group(painter: QPainter, scene: Scene, box: QRectF, shown: RequestLanes, state: Group) -> None:
    """Draw a group's head: a triangle, its words, and for a folded one how many of it ran or waited at each time."""
    colours = scene.colours
    folded = state in shown.folded
    plot = QRectF(scene.left, box.top(), scene.width, box.height())
    painter.fillRect(plot, QColor(colours.window))
    if folded:
        _draw_load(painter, scene, plot, shown.members[state], state)
    painter.setFont(ui_font(CAPTION_SCALE))
    metrics = QFontMetricsF(painter.font())
    words = group_words(shown, state)
    left, middle = box.left() + 2 * GRID, box.center().y()
    corners = [(0, -4), (6, 0), (0, 4)] if folded else [(-1, -3), (7, -3), (3, 3)]
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(colours.text))
    painter.drawPolygon(QPolygonF([QPointF(left + x, middle + y) for x, y in corners]))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    text = QRectF(left + 3 * GRID, box.top(), metrics.horizontalAdvance(words) + 2 * GRID, box.height())
    beyond = text.intersected(plot)
    painter.fillRect(beyond.adjusted(0, 0, GRID, 0), QColor(colours.panel))
    painter.setPen(QColor(colours.text))
    painter.drawText(text, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter | Qt.TextFlag.TextDontClip, words)


def group_text(scene: Scene, shown: RequestLanes, state: Group, x: float) -> str:
    """The tool tip of a group's head: its size, how many of it ran or waited at the pointer, and what a click does."""
    translate = QCoreApplication.translate
    lines = [group_words(shown, state)]
    if scene.left <= x <= scene.left + scene.width:
        at = load_of(scene.model.session, shown.members[state], state, _times(scene, np.array([scene.value(x)])))
        words = (
            translate("Timeline", "{} of them waited at this time")
            if state == "waiting"
            else translate("Timeline", "{} of them ran at this time")
        )
        lines.append(words.format(count(int(at[0]))))
    if state in shown.folded:
        lines.append(translate("Timeline", "A click unfolds the group, a lane for each request."))
    else:
        lines.append(translate("Timeline", "A click folds the group into one lane."))
    return "\n".join(lines)


def load_of(
    session: Session, members: tuple[int, ...], state: Group, times_ns: NDArray[np.float64]
) -> NDArray[np.int64]:
    """How many of these requests ran at each time (for `waiting`: had come and waited), int64."""
    begins: list[int] = []
    ends: list[int] = []
    for one in members:
        request = session.requests[one]
        begin = request.arrived_ns if state == "waiting" else request.scheduled_ns
        begin = request.first_token_ns if begin is None else begin
        if begin is not None:
            begins.append(begin)
        if request.finished_ns is not None and begin is not None:
            ends.append(request.finished_ns)
    return np.sort(begins).searchsorted(times_ns, "right") - np.sort(ends).searchsorted(times_ns, "right")


def _draw_load(painter: QPainter, scene: Scene, plot: QRectF, members: tuple[int, ...], state: Group) -> None:
    """Draw how many requests of a folded group ran or waited in each pixel column, relative to the most in view."""
    edges = scene.edges()
    times_ns = _times(scene, (edges[:-1] + edges[1:]) / 2)
    load = load_of(scene.model.session, members, state, times_ns)
    load[times_ns > scene.model.extent("time")[1]] = 0
    most = int(load.max(initial=0))
    if not most:
        return
    colours = scene.colours
    colour = colours.muted if state == "waiting" else colours.accent
    height = max(1, round(plot.height() * scene.ratio))
    picture = stacked_columns((load / most)[:, None], [blend(colour, colours.window, 0.45)], height)
    painter.drawImage(plot.topLeft(), image(picture, scene.ratio))


def _times(scene: Scene, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Moments in ns of values on the axis."""
    return values if scene.axis == "time" else scene.model.times_at(values)
