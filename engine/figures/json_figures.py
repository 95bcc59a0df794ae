"""Every figure of a session as plain values: what `record --json` and `info --json` print."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from engine.figures.detail_figures import detail_figures
from engine.figures.kernels import trace_figures
from engine.figures.metrics import summarise
from engine.figures.precision import precision_json
from engine.figures.range_figures import range_figures
from engine.figures.slots import slot_figures
from engine.figures.step_range import StepRange, step_slice
from engine.figures.teacher import teacher_figures
from engine.figures.told import told
from engine.session.json_value import json_value
from engine.session.store import Session


def json_figures(session: Session, steps: StepRange = None) -> dict[str, Any]:
    """The summary and what the panels show beside it, of a whole session or of a range of its steps.

    A range also has `detail`: its tokens, its work by request and slot and its attention rows, one by one, and its last
    step.
    """
    rows = step_slice(session, steps)
    passes = [asdict(one) for one in teacher_figures(session) if rows.start <= one.step_id < rows.stop]
    figures = {
        **summarise(session, steps).to_json(),
        "slots": slot_figures(session, steps).to_json() if told(session, "steps") else None,
        "teacher": passes,
        "trace": trace_figures(session, steps),
        "precision": precision_json(session),
        **json_value(range_figures(session, steps)),
    }
    if steps is not None:
        figures["detail"] = json_value(detail_figures(session, steps))
    return figures
