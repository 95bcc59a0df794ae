"""Every figure of a session as plain values: what `record --json` and `info --json` print."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from engine.session.metrics import summarise
from engine.session.slots import slot_figures
from engine.session.store import Session
from engine.session.teacher import teacher_figures


def json_figures(session: Session) -> dict[str, Any]:
    """The summary, with the batch's `slots` and the `teacher`-forced passes beside it."""
    return {
        **summarise(session).to_json(),
        "slots": slot_figures(session).to_json(),
        "teacher": [asdict(one) for one in teacher_figures(session)],
    }
