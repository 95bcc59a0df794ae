"""The lines of the Inspector about a token and its step, in words; what a server did not tell says so."""

from __future__ import annotations

from math import isfinite

from PySide6.QtCore import QCoreApplication

from app.core.subject import Subject
from app.look.units import (
    MEASURED,
    NOT_APPLICABLE,
    count,
    name_of,
    percent,
    seconds,
    significant,
    visible_token,
)
from app.models.slow_words import slow_words
from app.models.step_words import kind_name
from app.models.subject_words import subject_parts
from app.panels.launch_words import launch_words
from app.panels.timeline_chunks import chunk_words
from app.panels.untold import not_told, why_untold
from engine.figures.token_facts import TokenFacts
from engine.figures.told import column_told, told
from engine.figures.why_slow import WhySlow
from engine.session.store import Session


def header_words(facts: TokenFacts) -> str:
    """Request, step and position, the token and its main figures, for the panel's header."""
    translate = QCoreApplication.translate
    parts = subject_parts(Subject(facts.request.id, facts.step, facts.row, facts.position))
    parts.append(f"“{visible_token(facts.shown) or '∅'}”")
    if facts.step is not None:
        if isfinite(facts.logprob):
            parts.append(f"{percent(facts.probability)} {MEASURED}")
        parts.append(translate("InspectorPanel", "step took {time} {mark}").format(
            time=seconds(facts.step_s), mark=MEASURED
        ))  # fmt: skip
    elif facts.chunk is not None and facts.chunk.gap_s is not None:
        gap = seconds(facts.chunk.gap_s)
        parts.append(translate("InspectorPanel", "{gap} after the chunk before {mark}").format(gap=gap, mark=MEASURED))
    return " · ".join(parts)


def chance_words(session: Session, facts: TokenFacts) -> str:
    """The probability of the token, and the entropy of the distribution that it was drawn from."""
    translate = QCoreApplication.translate
    entropy = translate("InspectorPanel", "entropy {entropy} nats ●").format(entropy=significant(facts.entropy_nats))
    if not told(session, "entropy"):
        entropy = translate("InspectorPanel", "entropy {untold}").format(untold=not_told())
    if isfinite(facts.logprob) or told(session, "logprobs"):
        chance = translate("InspectorPanel", "probability {share} ● · logprob {logprob} nats").format(
            share=percent(facts.probability), logprob=significant(facts.logprob)
        )
    else:
        chance = translate("InspectorPanel", "probability: {why}").format(
            why=why_untold(session, "logprobs").rstrip(".。")
        )
    return f"{chance} · {entropy}"


def token_words(session: Session, facts: TokenFacts) -> str:
    """The token's id, position and source; where no steps are told, how it came in place of its source."""
    translate = QCoreApplication.translate
    token_id = not_told() if facts.token_id is None else str(facts.token_id)
    words = translate("InspectorPanel", "id {id} · position {position}")
    parts = [words.format(id=token_id, position=count(facts.position))]
    if facts.chunk is None:
        parts.append(translate("InspectorPanel", "from {source}").format(source=_source(facts.source)))
    elif facts.chunk.gap_s is not None:
        gap = seconds(facts.chunk.gap_s)
        parts.append(translate("InspectorPanel", "{gap} after the chunk before {mark}").format(gap=gap, mark=MEASURED))
    if facts.chunk is not None and len(facts.chunk.rows) > 1:
        parts.append(chunk_words(len(facts.chunk.rows)))
    return " · ".join(parts)


def step_words(session: Session, facts: TokenFacts) -> str:
    """The step that emitted the token, its time, and the kernel that ran; why there is none where none is told."""
    translate = QCoreApplication.translate
    if facts.step is None:
        return why_untold(session, "steps")
    parts = [
        translate("InspectorPanel", "{step}, {kind} · {time} ● · {gap} after the token before").format(
            step=count(facts.step),
            kind=kind_name(facts.step_kind),
            time=seconds(facts.step_s),
            gap=seconds(facts.gap_s),
        )
    ]
    if column_told(session, "attention_kernel"):
        parts.append(name_of(facts.kernel) or NOT_APPLICABLE)
    if facts.received_s is not None:
        words = translate("InspectorPanel", "received {time} later {mark}")
        parts.append(words.format(time=seconds(facts.received_s), mark=MEASURED))
    if facts.launch and (launched := launch_words(session, facts.step)):
        parts.append(launched)
    return " · ".join(parts)


def compared_words(session: Session, facts: TokenFacts, why: WhySlow | None) -> str:
    """How the step compares with others of its kind; why it is not compared where it is not."""
    translate = QCoreApplication.translate
    if facts.step is None or not told(session, "steps"):
        return not_told()
    if why is None:
        return translate("InspectorPanel", "there are too few other {kind} steps to compare it with").format(
            kind=kind_name(facts.step_kind) if facts.step_kind else NOT_APPLICABLE
        )
    return slow_words(why)


def slow_rows(why: WhySlow | None) -> list[tuple[object, ...]]:
    """The comparison as it is copied as CSV."""
    if why is None:
        return []
    rows: list[tuple[object, ...]] = [
        ("compared", "steps", why.peers), ("compared", "alike", why.alike), ("compared", "median_s", why.median_s),
        *(("compared_s", part, value) for part, value in why.parts),
    ]  # fmt: skip
    return rows if why.unexplained_s is None else [*rows, ("compared_s", "unexplained", why.unexplained_s)]


def _source(source: str) -> str:
    translate = QCoreApplication.translate
    return {
        "target": translate("InspectorPanel", "the model"),
        "draft": translate("InspectorPanel", "an accepted draft"),
        "bonus": translate("InspectorPanel", "the model, after its drafts"),
    }[source]
