"""How long a request takes at what was measured, of a whole session at once."""

from __future__ import annotations

from engine.figures.latency import LatencySeries
from engine.figures.step_range import StepRange
from engine.session.store import Session


def projection_s(session: Session, tokens: int, steps: StepRange = None) -> float | None:
    """`projected_s` of a range of steps (None: all), for a request of so many tokens."""
    series = LatencySeries(session)
    series.update()
    return series.figures(steps).projected_s(tokens)
