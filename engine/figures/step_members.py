"""Which requests shared a step, and how many positions it computed for each."""

from __future__ import annotations

import numpy as np

from engine.session.store import Session


def step_members(session: Session, step: int) -> list[tuple[int, int]]:
    """(id, positions computed, drafts included) of each request of a step, most positions first."""
    table = session.work
    first, end = np.searchsorted(table["step_id"], (step, step + 1)).tolist()
    positions: dict[int, int] = {}
    for request, since, until in zip(*(table[name][first:end].tolist() for name in ("request_id", "first", "end")),
                                     strict=True):  # fmt: skip
        if request in session.requests:  # the others are padding
            positions[request] = positions.get(request, 0) + until - since
    return sorted(positions.items(), key=lambda one: (-one[1], one[0]))
