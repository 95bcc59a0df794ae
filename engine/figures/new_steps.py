"""Which steps of a growing session have come since the last call, and which rows of `work` belong to them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.session.store import Session


@dataclass(frozen=True, slots=True)
class Part:
    """Steps [first, end), and their rows of `work`."""

    first: int
    end: int
    work: slice


class NewSteps:
    """Gives every step of a session once, in order, with its work."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.n = 0
        """How many steps were given."""
        self._work = 0

    def take(self) -> Part | None:
        """The steps that are new; None where there are none."""
        first, end = self.n, len(self.session.steps)
        if first == end:
            return None
        stop = int(np.searchsorted(self.session.work["step_id"], end))
        part = Part(first, end, slice(self._work, stop))
        self.n, self._work = end, stop
        return part
