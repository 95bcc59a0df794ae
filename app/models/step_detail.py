"""The layer-by-layer data of one step, which is read in the background where it is in the session's file."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from app.core.reading import Answer, Reading
from engine.session.store import Session

Detail = tuple[NDArray[np.float32], NDArray[np.int64]]


def step_detail(reading: Reading, session: Session, step: int) -> Answer[Detail | None] | None:
    """The answer of `Details.step`; None while it is read. Raises SessionFileError."""
    if session.details.step_in_memory(step):
        reading.forget()
        return Answer(session.details.step(step))
    return reading.answer(session, ("step", step), lambda patience: session.details.step(step, patience))
