"""How long a request waited, how long it took to its first token and to its last: without pauses, from its arrival.

A request that a server had already when it was attached to has waited since before the session's zero
(`RecordedRequest.before_ns`). Of one that had been computed by then, neither the wait nor the first token is known:
the first token that the session has is not its first.
"""

from __future__ import annotations

from engine.figures.pauses import pauses_of
from engine.session.store import RecordedRequest, Session


def after_arrival_s(session: Session, request: RecordedRequest, t_ns: int) -> float:
    """From a request's arrival to a moment of the session, in seconds without pauses."""
    paused_ns = pauses_of(session).within(request.arrived_ns, t_ns)
    return (t_ns - request.arrived_ns - paused_ns + request.before_ns) / 1e9


def waited_s(session: Session, request: RecordedRequest) -> float | None:
    """From a request's arrival to the first step that computed anything for it; None where that is not known (yet)."""
    if request.scheduled_ns is None or request.begun_before:
        return None
    return after_arrival_s(session, request, request.scheduled_ns)


def ttft_s(session: Session, request: RecordedRequest) -> float | None:
    """From a request's arrival to its first token; None where that is not known (yet)."""
    if request.first_token_ns is None or not len(request.token_rows) or request.begun_before:
        return None
    return after_arrival_s(session, request, request.first_token_ns)


def latency_s(session: Session, request: RecordedRequest) -> float | None:
    """From a request's arrival to the last of its tokens so far; None while it has none."""
    if not request.token_rows:
        return None
    return after_arrival_s(session, request, int(session.tokens["emitted_ns"][request.token_rows[-1]]))


def tpot_s(session: Session, request: RecordedRequest) -> float | None:
    """The mean time of a token after the first that the session has, without pauses; None with fewer than two."""
    others = len(request.token_rows) - 1
    if others < 1:
        return None
    first_ns, last_ns = session.tokens["emitted_ns"][[request.token_rows[0], request.token_rows[-1]]].tolist()
    return float(last_ns - first_ns - pauses_of(session).within(first_ns, last_ns)) / 1e9 / others
