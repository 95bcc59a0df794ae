"""Why a token was late, in words, and what to select to go to its culprit. Needs no Qt."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from app.look.translation_marks import QT_TRANSLATE_NOOP
from app.look.units import count, name_of, seconds
from engine.figures.culprits import Part, TokenDelay
from engine.session.store import Session

CONTEXT: Final = "Delays"
Translate = Callable[[str], str]

NAMES: Final[dict[str, tuple[str, str]]] = {
    "queue": (
        QT_TRANSLATE_NOOP("Delays", "Queue"),
        QT_TRANSLATE_NOOP("Delays", "Steps ran that computed nothing for the request."),
    ),
    "preemption": (
        QT_TRANSLATE_NOOP("Delays", "Preemption"),
        QT_TRANSLATE_NOOP("Delays", "A request lost its cache: the time without it, and positions computed again."),
    ),
    "prefill": (
        QT_TRANSLATE_NOOP("Delays", "Prefill"),
        QT_TRANSLATE_NOOP("Delays", "The step also computed positions of another request's prompt."),
    ),
    "batch": (
        QT_TRANSLATE_NOOP("Delays", "Batch"),
        QT_TRANSLATE_NOOP(
            "Delays", "The step had more rows than is usual for the request, or as many with longer contexts."
        ),
    ),
    "speculation": (
        QT_TRANSLATE_NOOP("Delays", "Speculation"),
        QT_TRANSLATE_NOOP("Delays", "Drafting, and drafts that the step verified, beyond what is usual."),
    ),
    "capture": (
        QT_TRANSLATE_NOOP("Delays", "Capture or switch"),
        QT_TRANSLATE_NOOP("Delays", "A graph was captured or a switch applied, or steps are slower since a switch."),
    ),
    "host": (
        QT_TRANSLATE_NOOP("Delays", "Host"),
        QT_TRANSLATE_NOOP("Delays", "The time between two steps was longer than usual."),
    ),
    "client": (
        QT_TRANSLATE_NOOP("Delays", "Client"),
        QT_TRANSLATE_NOOP("Delays", "The client received the token later than it was emitted."),
    ),
    "unexplained": (
        QT_TRANSLATE_NOOP("Delays", "Unexplained"),
        QT_TRANSLATE_NOOP("Delays", "No rule explains it, or it is within the noise of comparable steps."),
    ),
}
"""The name and the meaning of each cause."""

HERE: Final[dict[str, str]] = {
    "queue": QT_TRANSLATE_NOOP("Delays", "{time} in the queue during {count} steps, from step {step} on"),
    "preemption": QT_TRANSLATE_NOOP("Delays", "{time} preempted, {count} positions computed again in step {step}"),
    "prefill": QT_TRANSLATE_NOOP(
        "Delays", "{time} a prefill chunk of request {request} ({count} positions) in the same step"
    ),
    "batch": QT_TRANSLATE_NOOP("Delays", "{time} a batch of {count} rows instead of {usual}"),
    "speculation": QT_TRANSLATE_NOOP("Delays", "{time} speculation ({count} drafts)"),
    "capture": QT_TRANSLATE_NOOP("Delays", "{time} “{mark}” at step {step}"),
    "host": QT_TRANSLATE_NOOP("Delays", "{time} the host before step {step}"),
    "client": QT_TRANSLATE_NOOP("Delays", "{time} until the client received it"),
    "unexplained": QT_TRANSLATE_NOOP("Delays", "{time} unexplained"),
}
"""A part of the sentence about a token, by cause."""
ELSEWHERE: Final[dict[str, str]] = {
    "prefill": QT_TRANSLATE_NOOP(
        "Delays", "{time} a prefill chunk of request {request} ({count} positions) in step {step}"
    ),
    "preemption": QT_TRANSLATE_NOOP(
        "Delays", "{time} request {request}, of which {count} positions were computed again in step {step}"
    ),
    "batch": QT_TRANSLATE_NOOP("Delays", "{time} contexts of {count} positions in the batch instead of {usual}"),
}
"""The same where the culprit is another step (prefill) or another request (preemption), or the contexts (batch)."""
SHORT: Final[dict[str, str]] = {
    "queue": QT_TRANSLATE_NOOP("Delays", "{name}, {count} steps"),
    "preemption": QT_TRANSLATE_NOOP("Delays", "{name} of request {request}"),
    "prefill": QT_TRANSLATE_NOOP("Delays", "{name} of request {request}"),
    "capture": QT_TRANSLATE_NOOP("Delays", "“{mark}”"),
}
"""A cause with its culprit, in a few words; the name alone for the others."""
SHORT_OF: Final[dict[str, str]] = {
    "rows": QT_TRANSLATE_NOOP("Delays", "{name} of {count} rows"),
    "positions": QT_TRANSLATE_NOOP("Delays", "{name} with long contexts"),
}
"""The same of a batch, by what of it was more."""


def sentence_parts(session: Session, delay: TokenDelay, say: Translate) -> list[str]:
    """What each cause explains of a late token, in words, the largest first."""
    return [part_words(session, delay, part, say) for part in delay.parts]


def part_words(session: Session, delay: TokenDelay, part: Part, say: Translate) -> str:
    """What one cause explains, and its culprit."""
    culprit = part.culprit
    elsewhere = {
        "prefill": culprit.step != delay.step,
        "preemption": culprit.request != delay.request,
        "batch": culprit.unit == "positions",
    }
    template = ELSEWHERE[part.cause] if elsewhere.get(part.cause, False) else HERE[part.cause]
    return say(template).format(time=seconds(part.seconds), **_names(part))


def short_words(session: Session, part: Part, say: Translate) -> str:
    """A cause with its culprit in a few words, for a cell of a table."""
    name = say(NAMES[part.cause][0])
    short = SHORT_OF.get(part.culprit.unit) if part.cause == "batch" else SHORT.get(part.cause)
    return say(short or "{name}").format(name=name, **_names(part))


def culprit_of(session: Session, delay: TokenDelay) -> dict[str, Any] | None:
    """What to select to see the culprit of the largest cause that has one elsewhere; None where there is none.

    These are arguments of `Selection.change`: a token of the culprit's request from its step on, or else the step.
    """
    for part in delay.parts:
        culprit = part.culprit
        if culprit.step is None or (culprit.step, culprit.request or delay.request) == (delay.step, delay.request):
            continue
        request = delay.request if culprit.request is None else culprit.request
        tokens = session.tokens["step_id"]
        row = next((row for row in session.requests[request].token_rows if tokens[row] >= culprit.step), None)
        if culprit.request is None or request == delay.request or row is None:
            return {"step": culprit.step, "request": request, "token": None}
        return {"token": row, "request": request}
    return None


def _names(part: Part) -> dict[str, str]:
    culprit = part.culprit
    return {
        "request": count(culprit.request),
        "step": count(culprit.step),
        "count": count(culprit.count),
        "usual": count(culprit.usual),
        "mark": name_of(culprit.label),
    }
