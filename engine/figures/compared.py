"""Two sessions, or two ranges of one, compared: both sides' columns, their differences, and what explains them."""

from __future__ import annotations

from dataclasses import dataclass

from engine.figures.compared_side import Side, compared_side, matched
from engine.figures.differences import Differences, differences
from engine.figures.explained import Explained, explained
from engine.figures.side_by_side import SideBySide
from engine.figures.step_range import StepRange
from engine.session.patience import GivenUpError, Patience
from engine.session.store import Session


@dataclass(frozen=True, slots=True)
class ComparedSides:
    """Both sides, which need their sessions no more."""

    a: Side
    b: Side
    whole: Differences
    common: Differences | None
    """Of the steps before the texts part; None where no text parts, or nothing is before."""
    explained: Explained | None


def compared_sides(
    a: Session,
    b: Session,
    beside: SideBySide,
    a_steps: StepRange = None,
    b_steps: StepRange = None,
    patience: Patience | None = None,
) -> ComparedSides:
    """Compare two sessions or ranges of them, of which A may grow; raises GivenUpError once `patience` is over."""
    known_a, known_b = matched(beside, a, b)
    side_a = compared_side(a, known_a, a_steps)
    check(patience)
    side_b = compared_side(b, known_b, b_steps)
    check(patience)
    return compared_columns(side_a, side_b, patience)


def compared_columns(a: Side, b: Side, patience: Patience | None = None) -> ComparedSides:
    """Compare two sides by their columns."""
    whole = differences(a, b)
    check(patience)
    common = None
    if not (a.common.all() and b.common.all() and a.gaps.common.all() and b.gaps.common.all()):
        parts = a.in_common, b.in_common
        if all(len(part) or len(part.gaps.seconds) for part in parts):
            common = differences(*parts)
    check(patience)
    return ComparedSides(a, b, whole, common, explained(a, b))


def check(patience: Patience | None) -> None:
    """Raise GivenUpError where nobody waits any more."""
    if patience is not None and patience.over:
        raise GivenUpError
