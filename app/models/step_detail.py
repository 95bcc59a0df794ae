"""What a session keeps of one step layer by layer, read beside the window where it lies in the file."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from app.core.reading import Answer, Reading
from engine.session.store import Session

Detail = tuple[NDArray[np.float32], NDArray[np.int64]]


def step_detail(reading: Reading, session: Session, step: int) -> Answer[Detail | None] | None:
    """The answer of `Session.step_detail`; None while it is read. Raises SessionFileError."""
    if session.step_in_memory(step):
        reading.forget()
        return Answer(session.step_detail(step))
    return reading.answer(session, ("step", step), lambda patience: session.step_detail(step, patience))
