"""Finds what is at a point of the timeline: a step, a layer, a token, a request, a group, or the drafts of a step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from PySide6.QtCore import QPointF, QRectF

from app.look.theme import GRID
from app.models.request_lanes import Group, RequestLanes, Row
from app.models.timeline_trace import TraceLanes
from app.panels.timeline_chunks import token_at
from app.panels.timeline_drafts import drafts_text
from app.panels.timeline_groups import group_text
from app.panels.timeline_lanes import Lanes
from app.panels.timeline_layers import layers_words, piece_at, piece_text
from app.panels.timeline_legend import legend_entries
from app.panels.timeline_marks import marked_near, marks_near
from app.panels.timeline_paint import Scene
from app.panels.timeline_pauses import pause_at
from app.panels.timeline_requests import token_cells
from app.panels.timeline_text import host_words, request_text, step_text, token_text
from app.panels.timeline_trace import item_at, item_text
from app.panels.untold import why_untold
from engine.figures.told import told
from engine.session.schema import Mark

NEAR: Final = 4
"""A mark is found up to this many pixels to its left or right."""


@dataclass(frozen=True, slots=True)
class Hit:
    """The step, token (row of Session.tokens), request (id), layer and group at a point; None for each not there."""

    step: int | None = None
    token: int | None = None
    request: int | None = None
    layer: int | None = None
    group: Group | None = None


def hit(scene: Scene, lanes: Lanes, shown: RequestLanes, scrolled: int, place: QPointF) -> Hit:
    """What is at a point of the picture, where the rows of requests are scrolled by `scrolled` pixels."""
    row = _row_at(lanes, shown, scrolled, place)
    if row is not None and row.group is not None:
        return Hit(group=row.group)
    if scene.model.trace is not None:
        return Hit(_step_of_trace(scene, scene.model.trace, lanes, place))
    return _hit_of_run(scene, lanes, row, scrolled, place)


def _hit_of_run(scene: Scene, lanes: Lanes, row: Row | None, scrolled: int, place: QPointF) -> Hit:
    """What of a run is at a point, whose row of the requests is `row`, if it is in one."""
    request = None if row is None else row.request
    if not scene.model.stepped:
        token = None if row is None else _token_at(scene, lanes.row_box(row, scrolled), place, request)
        return Hit(token=token, request=request)
    if place.x() < scene.left or place.x() > scene.left + scene.width:
        return Hit(request=request)
    step = _step_near(scene, place.x())
    if request is None or step is None or request not in scene.model.lanes:
        piece = piece_at(scene, lanes.layers, place)
        return Hit(step, None, request, None if piece is None else piece.layer)
    cells = [cell for cell in token_cells(scene, request, step, step + 1) if cell[0] >= 0]
    if not cells:
        return Hit(step, None, request)
    token = min(cells, key=lambda cell: max(cell[1] - place.x(), place.x() - cell[2], 0.0))[0]
    return Hit(step, token, request)


def mark_at(scene: Scene, lanes: Lanes, place: QPointF) -> Mark | None:
    """The mark whose line or label is at a point of the lane of marks, the first of several; None elsewhere."""
    return next(iter(marked_near(scene, lanes.marks, place, NEAR)), None) if lanes.marks.contains(place) else None


def tooltip(scene: Scene, lanes: Lanes, shown: RequestLanes, scrolled: int, place: QPointF) -> str:
    """The tool tip of a point of the picture; "" where nothing is."""
    model = scene.model
    found = hit(scene, lanes, shown, scrolled, place)
    if lanes.marks.contains(place):
        return "\n".join(marks_near(scene, lanes.marks, place, NEAR))
    if found.group is not None:
        return group_text(scene, shown, found.group, place.x())
    if found.token is not None:
        return token_text(model, found.token)
    if found.request is not None:
        return request_text(model.session, found.request, int(model.extent("time")[1]))
    if lanes.legend.contains(place):
        return "\n".join(entry.words for entry in legend_entries(model, lanes.layers.height() > 0))
    return _tip_above_requests(scene, lanes, place, found.step)


def _tip_above_requests(scene: Scene, lanes: Lanes, place: QPointF, step: int | None) -> str:
    """The tool tip of what is neither a request nor the legend."""
    if scene.model.trace is not None:
        return _tip_of_trace(scene, scene.model.trace, lanes, place, step)
    return "" if place.y() <= lanes.axis.bottom() else _tip_beside_requests(scene, lanes, place, step)


def _tip_of_trace(scene: Scene, trace: TraceLanes, lanes: Lanes, place: QPointF, step: int | None) -> str:
    """The tool tip of a kernel or range; beside them in the lane of the host, that of the step."""
    item = item_at(scene, trace, lanes, place)
    if item is not None:
        return item_text(scene, item)
    return step_text(scene.model, step) if step is not None and lanes.host.contains(place) else ""


def _tip_beside_requests(scene: Scene, lanes: Lanes, place: QPointF, step: int | None) -> str:
    """The tool tip of the lanes above the requests, and of what is below them."""
    model = scene.model
    if lanes.host.contains(place) and not model.stepped:
        return why_untold(model.session, "steps")
    if lanes.host.contains(place) and place.x() < scene.left:
        return host_words()
    if lanes.layers.contains(place):
        piece = piece_at(scene, lanes.layers, place)
        return layers_words() if piece is None else piece_text(scene, piece)
    if step is None:
        return pause_at(scene, place.x(), 0.0)
    drafts = drafts_text(model, step) if lanes.drafts.contains(place) else ""
    if drafts or not lanes.host.contains(place) or scene.dense:
        return drafts or step_text(model, step)
    return f"{step_text(model, step)}\n{host_words()}" if told(model.session, "phases") else step_text(model, step)


def _step_of_trace(scene: Scene, trace: TraceLanes, lanes: Lanes, place: QPointF) -> int | None:
    """The step that launched the kernel at a point, or that was going on there; None where there is none."""
    if not scene.model.stepped or not scene.left <= place.x() <= scene.left + scene.width:
        return None
    item = item_at(scene, trace, lanes, place)
    if item is not None and item.row.side == "device":
        step = int(scene.model.session.kernels["step_id"][item.id])
        return step if step >= 0 else None
    return _step_near(scene, place.x())


def _row_at(lanes: Lanes, shown: RequestLanes, scrolled: int, place: QPointF) -> Row | None:
    """The row of a group or a request at a point."""
    if not lanes.requests.contains(place):
        return None
    return next(
        (row for row in shown.rows if lanes.row_box(row, scrolled).adjusted(0, 0, 0, GRID).contains(place)), None
    )


def _token_at(scene: Scene, box: QRectF, place: QPointF, request: int | None) -> int | None:
    """The token at a point of a request's lane, where no steps are told."""
    if request is None or not scene.left <= place.x() <= scene.left + scene.width:
        return None
    return token_at(scene, box, request, place)


def _step_near(scene: Scene, x: float) -> int | None:
    """The step under a pixel; where none is, the first one within 2 pixels, as a step may be narrower than a pixel."""
    step = scene.model.step_at(scene.axis, scene.value(x))
    if step is not None:
        return step
    first, end = scene.model.visible(scene.axis, scene.value(x - 2), scene.value(x + 2))
    return first if first < end else None
