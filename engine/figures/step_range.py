"""A range of steps, and the rows of a session that lie in it."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.session.store import STEP_KINDS, Session

StepRange = tuple[int, int] | None
"""First and last step, both included; None stands for all."""
TEACHER: Final = STEP_KINDS.index("teacher")
"""The kind of a teacher-forced pass, as `session.steps` holds it."""


def step_slice(session: Session, steps: StepRange = None) -> slice:
    """The rows of `session.steps` in a range, cut to the steps that exist now."""
    count = min(len(session.steps), len(session.phases))
    if steps is None:
        return slice(0, count)
    return slice(min(max(steps[0], 0), count), min(steps[1] + 1, count))


def generation_rows(session: Session, steps: StepRange = None) -> slice | NDArray[np.int64]:
    """The rows of `session.steps` in a range that generated: all but teacher-forced passes."""
    rows = step_slice(session, steps)
    generating = session.steps["kind"][rows] != TEACHER
    return rows if generating.all() else rows.start + np.flatnonzero(generating)


def token_rows(session: Session, steps: StepRange = None) -> NDArray[np.int64]:
    """Rows of `session.tokens` that a range of steps emitted."""
    step_ids = session.tokens["step_id"]
    if steps is None:
        return np.arange(len(step_ids))
    first, end = np.searchsorted(step_ids, (steps[0], steps[1] + 1)).tolist()  # tokens are in the order of their steps
    return np.arange(first, end)
