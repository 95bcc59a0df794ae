"""How many of the drafts that steps verified were accepted: in total, by place in the proposal, and by request."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.figures.step_range import StepRange
from engine.figures.told import told
from engine.session.store import Session


def speculation_figures(session: Session, steps: StepRange = None) -> dict[str, Any]:
    """`drafted` and `accepted` in tokens; `rate` = accepted / drafted; `length` = 1 + accepted / proposals;
    `by_position` = accepted_i / proposals for each place i of a proposal. All None where no steps are told.
    """
    if not told(session, "steps"):
        return dict.fromkeys(("drafted", "accepted", "rate", "length", "by_position"))
    every = np.ones(len(session.speculation["step_id"]), bool)
    return {**_speculation(session, steps, every), "by_position": acceptance_by_position(session, steps).tolist()}


def _speculation(session: Session, steps: StepRange, chosen: NDArray[np.bool_]) -> dict[str, float | None]:
    table = session.speculation
    step_ids = table["step_id"][: len(chosen)]
    inside = chosen if steps is None else chosen & (step_ids >= steps[0]) & (step_ids <= steps[1])
    proposed, accepted_of = (table[name][: len(chosen)][inside] for name in ("proposed", "accepted"))
    drafted, accepted, drafts = int(proposed.sum()), int(accepted_of.sum()), len(proposed)
    return {
        "drafted": drafted,
        "accepted": accepted,
        "rate": accepted / drafted if drafted else None,
        "length": 1 + accepted / drafts if drafts else None,
    }


def acceptance_by_position(session: Session, steps: StepRange = None) -> NDArray[np.float64]:
    """For each place i of a proposal: the share of proposals in which draft i was accepted, float64 [longest proposal].

    Proposals that were shorter than i count too, as in the acceptance length: 1 + the sum of the shares is that length.
    """
    table = session.speculation
    step_ids = table["step_id"]
    inside = np.ones(len(step_ids), bool) if steps is None else (step_ids >= steps[0]) & (step_ids <= steps[1])
    proposed, accepted = table["proposed"][inside], table["accepted"][inside]
    places = np.arange(1, int(proposed.max()) + 1 if len(proposed) else 1)
    shares: NDArray[np.float64] = (accepted[None, :] >= places[:, None]).sum(axis=1) / max(1, len(accepted))
    return shares


def acceptance_by_request(session: Session, steps: StepRange = None) -> dict[int, dict[str, float | None]]:
    """`speculation_figures`, without `by_position`, of each request that had proposals."""
    table = session.speculation
    return {
        int(request): _speculation(session, steps, table["request_id"] == request)
        for request in np.unique(table["request_id"])
    }
