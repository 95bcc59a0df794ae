"""The heads of the Requests panel's columns, their definitions, and what a server did not tell of them."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication

from app.models.request_rows import COLUMNS, RequestRows, marks
from app.panels.untold import why_untold
from engine.figures.request_table import OF_STEPS
from engine.session.store import Session


def heads(shown: RequestRows) -> list[tuple[str, str]]:
    """(name, definition) of each column, with the mark of its provenance."""
    translate, provenance = QCoreApplication.translate, marks()
    names = {
        "id": translate("Requests", "Request"),
        "prompt": translate("Requests", "Prompt"),
        "state": translate("Requests", "State"),
        "arrived_s": translate("Requests", "Arrived"),
        "waited_s": translate("Requests", "Queue"),
        "ttft_s": translate("Requests", "TTFT"),
        "tpot_s": translate("Requests", "TPOT"),
        "latency_s": translate("Requests", "Latency"),
        "prompt_tokens": translate("Requests", "Prompt tokens"),
        "tokens": translate("Requests", "Generated"),
        "reused": translate("Requests", "Cached"),
        "preempted": translate("Requests", "Preempted"),
        "acceptance_rate": translate("Requests", "Accepted"),
        "acceptance_length": translate("Requests", "Accepted length"),
    }
    told = _definitions(shown.table.session)
    return [(f"{names[one]} {provenance[one]}" if one in provenance else names[one], told[one]) for one in COLUMNS]


def _definitions(session: Session) -> dict[str, str]:
    """What each column is; where a server does not tell it, also why it is empty."""
    translate = QCoreApplication.translate
    found = {
        "id": translate("Requests", "The number of the request."),
        "prompt": translate("Requests", "The first words of the prompt."),
        "state": translate("Requests", "Whether it waits or runs, or why it ended."),
        "arrived_s": translate("Requests", "When it arrived, from the beginning of the session, measured."),
        "waited_s": translate("Requests", "From its arrival to the first step that computed for it, measured."),
        "ttft_s": translate("Requests", "From its arrival to its first token, pauses left out, measured."),
        "tpot_s": translate("Requests", "The time after its first token, divided by its other tokens, measured."),
        "latency_s": translate("Requests", "From its arrival to its last token so far, pauses left out, measured."),
        "prompt_tokens": translate("Requests", "How many tokens its prompt has, counted."),
        "tokens": translate("Requests", "How many tokens were generated for it, counted."),
        "reused": translate(
            "Requests", "Positions of its prompt that its first step found in a cache and did not compute, counted."
        ),
        "preempted": translate(
            "Requests", "How often it lost its place in the batch and came back with less in the cache, counted."
        ),
        "acceptance_rate": translate("Requests", "The share of its drafted tokens that were accepted, derived."),
        "acceptance_length": translate(
            "Requests", "Tokens that a verified proposal of it gave on average: 1 + accepted / proposals, derived."
        ),
    }
    why = why_untold(session, "steps")
    if why:
        found |= {name: f"{found[name]}\n{why}" for name in OF_STEPS}
    return found


def untold_words(session: Session, shown: RequestRows) -> str:
    """Which columns a server did not tell, and why; "" where all were told."""
    translate, why = QCoreApplication.translate, why_untold(session, "steps")
    if not why:
        return ""
    if shown.known("waited_s"):
        return translate("Requests", "Cached positions, preemptions and acceptance: {}").format(why)
    return translate("Requests", "Queue, cached positions, preemptions and acceptance: {}").format(why)
