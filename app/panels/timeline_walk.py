"""The selection after an arrow key in the timeline: from token to token of a request, and from request to request."""

from __future__ import annotations

from collections.abc import Sequence

from app.core.selection import Selected
from app.models.timeline import Axis, TimelineModel, TokenLane


def next_token(
    model: TimelineModel, selected: Selected, by: int, axis: Axis, view: tuple[float, float]
) -> dict[str, object]:
    """The changes of the selection for the token `by` tokens further in the request; {} if it has no tokens. Of an
    imported trace, which tells no tokens, for the step `by` steps further.

    Without a selected token, the walk begins at the newest token in view, from `view[0]` to `view[1]` on the axis.
    """
    if model.trace is not None:
        return _next_step(model, selected, by, axis, view)
    token, request = selected.token, selected.request
    if token is not None and token < len(model.session.tokens):
        request = int(model.session.tokens["request_id"][token])
    elif request is None or request not in model.lanes:
        request = next((i for i, lane in model.lanes.items() if len(lane.rows)), None)
    if request is None or not len(model.lanes[request].rows):
        return {}
    lane = model.lanes[request]
    if token is None:
        place = _tokens_by(model, request, axis, view) - 1 + (by if abs(by) > 1 else 0)
    else:
        place = int(lane.rows.searchsorted(token)) + by
    place = min(max(place, 0), len(lane.rows) - 1)
    return {"request": request, **_token(lane, place)}


def _next_step(
    model: TimelineModel, selected: Selected, by: int, axis: Axis, view: tuple[float, float]
) -> dict[str, object]:
    """The step `by` steps further; a walk begins at the first step in view."""
    if not model.n:
        return {}
    begun = selected.step is not None and selected.step < model.n
    place = selected.step + by if begun and selected.step is not None else model.visible(axis, *view)[0]
    return {"step": min(max(place, 0), model.n - 1), "token": None}


def next_request(
    model: TimelineModel, lanes: Sequence[int], selected: Selected, by: int
) -> tuple[int, dict[str, object]]:
    """(the request whose lane is `by` places below or, if negative, above; changes of the selection: it and its token).

    `lanes` are the requests that have a lane, from the top, at least one.

    The token is that of the selected step or the next one after it; without a step it is of the request's last step.
    Where no steps are told, it is the first one that came with the selected token or after it.
    """
    known = selected.request in lanes
    place = min(max(lanes.index(selected.request or 0) + by, 0), len(lanes) - 1) if known else 0
    request = lanes[place]
    changes: dict[str, object] = {"request": request}
    lane = model.lanes.get(request)
    if lane is not None and len(lane.rows):
        if model.stepped:
            wanted = selected.step if selected.step is not None else int(lane.steps[-1])
            nearest = int(lane.steps.searchsorted(wanted))
        else:
            times, now = model.session.tokens["emitted_ns"], selected.token
            known = now is not None and now < len(times)
            nearest = model.chunks[request].tokens_by(int(times[now]) - 1) if known else len(lane.rows) - 1
        changes |= _token(lane, min(nearest, len(lane.rows) - 1))
    return request, changes


def _token(lane: TokenLane, place: int) -> dict[str, object]:
    step = int(lane.steps[place])
    return {"token": int(lane.rows[place]), "step": step if step >= 0 else None}


def _tokens_by(model: TimelineModel, request: int, axis: Axis, view: tuple[float, float]) -> int:
    """How many tokens of a request came before the right edge of the view."""
    if not model.stepped:
        return model.chunks[request].tokens_by(view[1])
    return int(model.lanes[request].steps.searchsorted(model.visible(axis, *view)[1]))
