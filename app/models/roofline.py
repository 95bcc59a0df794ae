"""The data of the roofline panel: totals of a session or a range of steps, and the limits of a chart in decades."""

from __future__ import annotations

import math

from engine.figures.ceilings import MEMORY, Level
from engine.figures.roofline import Point, Roof, RooflineTotals, roof_of
from engine.figures.step_range import StepRange
from engine.session.store import Session

PREFERRED = ("decode", "verify", "mixed", "prefill", "teacher")
"""Kinds of step in order of preference: the phases of the first one that exists are shown."""


class RooflineModel:
    """The roof of a session and the points under it. The sums of the whole session and of the last range are kept."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self._whole = RooflineTotals(session)
        self._part: tuple[StepRange, RooflineTotals] = (None, self._whole)

    def totals(self, steps: StepRange) -> RooflineTotals:
        """Up-to-date sums over a range of steps (None: all)."""
        if steps != self._part[0]:
            self._part = (steps, self._whole if steps is None else RooflineTotals(self.session, steps))
        self._part[1].update()
        return self._part[1]

    @property
    def roof(self) -> Roof | None:
        return roof_of(self.session)


def levels_shown(roof: Roof, points: list[Point]) -> list[Level]:
    """The levels whose roofs are drawn beside that of memory.

    These are all caches, and a level between a cache and memory ("L3 and memory") only where a point belongs to it.
    """
    used = {point.level for point in points}
    return [level for level in roof.levels if level.name != MEMORY and (" " not in level.name or level.name in used)]


def chosen_kind(kinds: list[str], wanted: str) -> str:
    """The kind of step whose phases are shown: the wanted one if it exists, else the first of PREFERRED that exists."""
    if wanted in kinds:
        return wanted
    return next((kind for kind in PREFERRED if kind in kinds), "")


def chart_limits(roof: Roof | None, points: list[Point]) -> tuple[tuple[int, int], tuple[int, int]]:
    """((first, last) decade of FLOP/byte, the same of FLOP/s) that hold every point and the ridge."""
    xs, ys = [point.intensity for point in points], [point.flops_per_s for point in points]
    if roof is not None:
        xs.append(roof.ridge)
        ys.append(roof.flops_per_s)
    if not xs:
        return (-1, 3), (9, 12)
    x = (math.floor(math.log10(min(xs)) - 0.15), math.ceil(math.log10(max(xs)) + 0.3))
    low = min(ys)
    if roof is not None:
        low = min(low, roof.limit(10.0 ** x[0]))
    return x, (math.floor(math.log10(low) - 0.05), math.ceil(math.log10(max(ys)) + 0.2))


def decades(low: int, high: int, most: int) -> list[int]:
    """Exponents from `low` to `high`, thinned to at most about `most`."""
    stride = max(1, math.ceil((high - low + 1) / max(1, most)))
    return list(range(low, high + 1, stride))
