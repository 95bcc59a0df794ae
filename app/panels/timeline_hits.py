"""Finds what is at a point of the timeline: a step, a token, a request, or the drafts of a step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from PySide6.QtCore import QPointF

from app.models.timeline import TimelineModel
from app.panels.timeline_chunks import token_at
from app.panels.timeline_drafts import drafts_text
from app.panels.timeline_lanes import Lanes
from app.panels.timeline_paint import Scene, marks_near
from app.panels.timeline_pauses import pause_at
from app.panels.timeline_requests import token_cells
from app.panels.timeline_text import request_text, step_text, token_text
from app.panels.untold import why_untold

NEAR: Final = 4
"""A mark is found up to this many pixels to its left or right."""


@dataclass(frozen=True, slots=True)
class Hit:
    """The step, token (row of Session.tokens) and request (id) at a point; None for each that is not there."""

    step: int | None = None
    token: int | None = None
    request: int | None = None


def hit(scene: Scene, lanes: Lanes, scrolled: int, place: QPointF) -> Hit:
    """What is at a point of the picture, where the requests are scrolled by `scrolled` pixels."""
    request = _request_at(scene.model, lanes, scrolled, place)
    if not scene.model.stepped:
        return Hit(token=_token_at(scene, lanes, scrolled, place, request), request=request)
    if place.x() < scene.left or place.x() > scene.left + scene.width:
        return Hit(request=request)
    step = _step_near(scene, place.x())
    if request is None or step is None or request not in scene.model.lanes:
        return Hit(step, None, request)
    cells = [cell for cell in token_cells(scene, request, step, step + 1) if cell[0] >= 0]
    if not cells:
        return Hit(step, None, request)
    token = min(cells, key=lambda cell: max(cell[1] - place.x(), place.x() - cell[2], 0.0))[0]
    return Hit(step, token, request)


def tooltip(scene: Scene, lanes: Lanes, scrolled: int, place: QPointF) -> str:
    """The tool tip of a point of the picture; "" where nothing is."""
    model = scene.model
    found = hit(scene, lanes, scrolled, place)
    if lanes.marks.contains(place):
        return "\n".join(marks_near(scene, place.x(), NEAR))
    if found.token is not None:
        return token_text(model, found.token)
    if found.request is not None:
        return request_text(model.session, found.request, int(model.extent("time")[1]))
    return "" if place.y() <= lanes.axis.bottom() else _tip_beside_requests(scene, lanes, place, found.step)


def _tip_beside_requests(scene: Scene, lanes: Lanes, place: QPointF, step: int | None) -> str:
    """The tool tip of the lanes above the requests, and of what is below them."""
    model = scene.model
    if lanes.host.contains(place) and not model.stepped:
        return why_untold(model.session, "steps")
    if step is None:
        return pause_at(scene, place.x(), 0.0)
    drafts = drafts_text(model, step) if lanes.drafts.contains(place) else ""
    return drafts or step_text(model, step)


def _request_at(model: TimelineModel, lanes: Lanes, scrolled: int, place: QPointF) -> int | None:
    if not lanes.requests.contains(place):
        return None
    index = int((place.y() - lanes.requests.top() + scrolled) // lanes.request_height)
    ids = list(model.session.requests)
    return ids[index] if index < len(ids) else None


def _token_at(scene: Scene, lanes: Lanes, scrolled: int, place: QPointF, request: int | None) -> int | None:
    """The token at a point of a request's lane, where no steps are told."""
    if request is None or not scene.left <= place.x() <= scene.left + scene.width:
        return None
    index = list(scene.model.session.requests).index(request)
    return token_at(scene, lanes.request_box(index, scrolled), request, place)


def _step_near(scene: Scene, x: float) -> int | None:
    """The step under a pixel; where none is, the first one within 2 pixels, as a step may be narrower than a pixel."""
    step = scene.model.step_at(scene.axis, scene.value(x))
    if step is not None:
        return step
    first, end = scene.model.visible(scene.axis, scene.value(x - 2), scene.value(x + 2))
    return first if first < end else None
