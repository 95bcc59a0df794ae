"""The selection after an arrow key in the timeline: from token to token of a request, and from request to request."""

from __future__ import annotations

from app.core.selection import Selected
from app.models.timeline import TimelineModel


def next_token(model: TimelineModel, selected: Selected, by: int, end: int) -> dict[str, object]:
    """The changes of the selection for the token `by` tokens further in the request; {} if it has no tokens.

    Without a selected token, the walk begins at the newest token before step `end`.
    """
    token, request = selected.token, selected.request
    if token is not None and token < len(model.session.tokens):
        request = int(model.session.tokens["request_id"][token])
    elif request is None or request not in model.lanes:
        request = next((i for i, lane in model.lanes.items() if len(lane.rows)), None)
    if request is None or not len(model.lanes[request].rows):
        return {}
    lane = model.lanes[request]
    if token is None:
        place = int(lane.steps.searchsorted(end)) - 1 + (by if abs(by) > 1 else 0)
    else:
        place = int(lane.rows.searchsorted(token)) + by
    place = min(max(place, 0), len(lane.rows) - 1)
    return {"token": int(lane.rows[place]), "request": request, "step": int(lane.steps[place])}


def next_request(model: TimelineModel, selected: Selected, by: int) -> tuple[int, dict[str, object]]:
    """(index of the request `by` places below or, if negative, above; changes of the selection: it and a token of it).

    The token is that of the selected step or the next one after it; without a step it is of the request's last step.
    The session must have a request.
    """
    ids = list(model.session.requests)
    place = min(max(ids.index(selected.request) + by, 0), len(ids) - 1) if selected.request in ids else 0
    request = ids[place]
    changes: dict[str, object] = {"request": request}
    lane = model.lanes.get(request)
    if lane is not None and len(lane.rows):
        wanted = selected.step if selected.step is not None else int(lane.steps[-1])
        nearest = min(int(lane.steps.searchsorted(wanted)), len(lane.rows) - 1)
        changes |= {"token": int(lane.rows[nearest]), "step": int(lane.steps[nearest])}
    return place, changes
