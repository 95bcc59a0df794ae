"""What a selection is about: the one request, step and position that all panels show.

Panels that show a single thing (Inspector, Attention, Generated text, the facts of Batch) ask `subject_of`, so that
they cannot disagree. ARCHITECTURE.md has the rule in words ("One selection, one meaning").
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np

from engine.session.store import Session

OLDEST: Final = "first place that may hold an unfinished request"
"""Key of `Session.kept`: how many of the first requests are known to have finished."""


class Chosen(Protocol):
    """The part of a selection (`selection.Selected`) that says what it is about."""

    @property
    def step(self) -> int | None: ...
    @property
    def token(self) -> int | None: ...
    @property
    def request(self) -> int | None: ...
    @property
    def position(self) -> int | None: ...


@dataclass(frozen=True, slots=True)
class Subject:
    """The request that is shown and, where they are known, its step and its token."""

    request: int
    step: int | None = None
    row: int | None = None
    """The token's row of Session.tokens. None: a position of the prompt, or a step that gave the request no token."""
    position: int | None = None
    """The position of the token, or of the prompt."""
    query: int | None = None
    """The position whose attention row is shown. Of a token it is the one before it: that row chose the token. Of a
    position of the prompt it is this position, and of a step without a token the last that it computed."""
    followed: bool = False
    """Nothing of the request is selected, so its newest token is shown."""


def subject_of(session: Session, selected: Chosen) -> Subject | None:
    """What all panels show; None for a session without requests.

    The selected token; else the selected position of the prompt; else the first token that the selected step gave to
    the selected request or, if it was not in that step, to the first request of the step; else the newest token of the
    selected request; else that of the oldest request that still runs or, when all have ended, the newest of all.
    """
    if selected.token is not None and 0 <= selected.token < len(session.tokens):
        return _of_token(session, selected.token)
    request = selected.request if selected.request in session.requests else None
    if selected.position is not None and request is not None:
        return Subject(request, position=selected.position, query=selected.position)
    if selected.step is not None and (members := requests_of_step(session, selected.step)):
        return _of_step(session, selected.step, request if request in members else members[0])
    if request is None:
        request = _followed(session)
    if request is None:
        return None
    rows = session.requests[request].token_rows
    return _of_token(session, rows[-1], followed=True) if rows else Subject(request, followed=True)


def requests_of_step(session: Session, step: int) -> list[int]:
    """The requests of a step: those to which it gave a token, in the order of their tokens, then the others."""
    first, end = _rows(session, "tokens", step)
    begin, stop = _rows(session, "work", step)
    ids = [*session.tokens["request_id"][first:end].tolist(), *session.work["request_id"][begin:stop].tolist()]
    return [request for request in dict.fromkeys(ids) if request in session.requests]  # the others are padding


def is_in_step(session: Session, request: int, step: int) -> bool:
    """Whether a step computed or gave anything for a request."""
    return any(
        bool((table["request_id"][slice(*_rows(session, name, step))] == request).any())
        for name, table in (("work", session.work), ("tokens", session.tokens))
    )


def _of_token(session: Session, row: int, followed: bool = False) -> Subject:
    tokens = session.tokens
    step, position = int(tokens["step_id"][row]), int(tokens["position"][row])
    return Subject(
        int(tokens["request_id"][row]), step if step >= 0 else None, row, position,
        position - 1 if position > 0 else None, followed,
    )  # fmt: skip


def _of_step(session: Session, step: int, request: int) -> Subject:
    first, end = _rows(session, "tokens", step)
    own = np.flatnonzero(session.tokens["request_id"][first:end] == request)
    if len(own):
        return _of_token(session, first + int(own[0]))
    begin, stop = _rows(session, "work", step)
    computed = session.work["end"][begin:stop][session.work["request_id"][begin:stop] == request]
    return Subject(request, step, query=int(computed.max()) - 1 if len(computed) and computed.max() > 0 else None)


def _rows(session: Session, table: str, step: int) -> tuple[int, int]:
    """The rows [first, end) of a step in `tokens` or `work`."""
    steps = (session.tokens if table == "tokens" else session.work)["step_id"]
    first, end = steps.searchsorted((step, step + 1)).tolist()
    return first, end


def _followed(session: Session) -> int | None:
    """The oldest request that has not finished; when all have, the one that the newest token belongs to."""
    place = int(session.kept.get(OLDEST, 0))
    for request in session.requests.from_place(place):
        if session.requests[request].finished_ns is None:
            session.kept[OLDEST] = place
            return request
        place += 1
    session.kept[OLDEST] = place
    if len(session.tokens):
        return int(session.tokens["request_id"][-1])
    return next(iter(session.requests), None)
