"""What the time line of a replay marks: where a prompt is computed, and the marks of the recording."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.models.mark_words import mark_words
from engine.session.schema import PAUSE, RESUME
from engine.session.store import STEP_KINDS, Session

KINDS_OF_PROMPTS = ("prefill", "mixed")


@dataclass(frozen=True, slots=True)
class ReplayTicks:
    """Places on the time line as shares of its length, 0 to 1."""

    prompts: NDArray[np.float64]
    """[n, 2]: from where to where steps compute a prompt."""
    marks: tuple[tuple[float, int, str], ...]
    """(place, ns from the session's zero, words) of each mark but pauses, from left to right."""


def replay_ticks(session: Session, begin_ns: int, end_ns: int) -> ReplayTicks:
    """The ticks of a recording between two moments."""
    span = max(end_ns - begin_ns, 1)
    kinds = [STEP_KINDS.index(kind) for kind in KINDS_OF_PROMPTS]
    prompts = np.isin(session.steps["kind"], kinds)
    ends = np.stack([session.steps[name][prompts] for name in ("start_ns", "end_ns")], axis=1)
    marks = [
        ((mark.t_ns - begin_ns) / span, mark.t_ns, mark_words(mark))
        for mark in session.marks
        if mark.kind not in (PAUSE, RESUME)
    ]
    return ReplayTicks((ends - begin_ns) / span, tuple(sorted(marks)))
