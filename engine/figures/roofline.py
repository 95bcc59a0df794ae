"""Where steps and phases stand under the device's ceilings: arithmetic intensity, rate, bound, and the factor left.

The ceiling of reading is that of the smallest level of memory, if possible a cache, that holds all that a step reads
(`ceilings`): a phase's weights stay in a cache until the next step only if everything else that the step reads fits
too. A draft model makes pass after pass over its own weights, so their size decides for the phase `draft`.

The roofline model: at an intensity of I FLOP a byte a device reaches at most min(peak FLOP/s, I · peak B/s) (Williams,
Waterman and Patterson, "Roofline", 2009).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np

from engine.figures import metrics
from engine.figures.ceilings import MEMORY, CeilingFacts, Level, ceiling_facts, held_bytes
from engine.figures.data_sheets import DataSheet, data_sheet
from engine.figures.phase_cost import Table, phase_costs
from engine.figures.step_range import StepRange, step_slice
from engine.session.schema import PHASES
from engine.session.store import STEP_KINDS, Session

Bound = Literal["memory", "compute"]
STEPS_AT_ONCE: Final = 16_384
"""Steps that are summed together: few enough that a session of a million steps takes little memory."""


@dataclass(frozen=True, slots=True)
class Roof:
    """A device's two measured ceilings in the dtype of the run, and what its maker states where that is known."""

    bytes_per_s: float
    flops_per_s: float
    dtype: str
    sheet: DataSheet | None = None
    levels: tuple[Level, ...] = ()
    """The levels of memory: the caches, smallest first, then memory."""
    busy: bool = False
    """Whether the ceilings were measured on a busy machine."""

    def of(self, point: Point) -> Roof:
        """The roof over a point: with the bandwidth of the levels by which its bytes are judged."""
        return self if point.read_s <= 0 else replace(self, bytes_per_s=point.moved / point.read_s)

    @property
    def ridge(self) -> float:
        """FLOP a byte at which the two ceilings meet."""
        return self.flops_per_s / self.bytes_per_s

    def limit(self, intensity: float) -> float:
        """The most FLOP/s that this intensity allows."""
        return min(self.flops_per_s, intensity * self.bytes_per_s)

    def bound(self, intensity: float) -> Bound:
        """What limits work of this intensity."""
        return "memory" if intensity < self.ridge else "compute"


@dataclass(frozen=True, slots=True)
class Point:
    """Work under the roof: analytic FLOPs and bytes (derived) over seconds (measured)."""

    name: str
    """A kind of step, or a phase."""
    flops: float
    moved: float
    """Bytes."""
    seconds: float
    read_s: float = 0.0
    """The least time in which its bytes can be read, each step's from the level that holds all that it reads; 0 without
    ceilings."""
    level: str = MEMORY
    """The level by which most of its bytes are judged."""

    @property
    def intensity(self) -> float:
        """FLOP a byte."""
        return self.flops / self.moved

    @property
    def flops_per_s(self) -> float:
        return self.flops / self.seconds

    def factor(self, roof: Roof) -> float:
        """How many times faster the work could be under the roof over this point."""
        return roof.of(self).limit(self.intensity) / self.flops_per_s


def roof_of(session: Session) -> Roof | None:
    """The ceilings measured on this session's device; None where they were not."""
    found = ceiling_facts(session)
    if found is None:
        return None
    name, dtype = session.meta.get("device_name", ""), session.meta.get("dtype", "")
    return Roof(found.read_bytes_per_s, found.flops_per_s, dtype, data_sheet(name), found.levels, found.busy)


class RooflineTotals:
    """Sums by kind of step and phase over a growing Session; `update` processes only new steps.

    `flops`, `moved` (bytes) and `seconds` are float64 [kinds, phases]; `step_flops`, `step_moved` and `step_seconds`
    [kinds] are what the steps themselves recorded.
    """

    def __init__(self, session: Session, steps: StepRange = None) -> None:
        self.session = session
        self._range = steps
        self._taken = 0 if steps is None else steps[0]
        shape = (len(STEP_KINDS), len(PHASES))
        self.flops, self.moved, self.seconds = np.zeros(shape), np.zeros(shape), np.zeros(shape)
        self.step_flops, self.step_moved, self.step_seconds = (np.zeros(len(STEP_KINDS)) for _ in range(3))
        self.steps = np.zeros(len(STEP_KINDS), np.int64)
        self._facts: CeilingFacts | None = ceiling_facts(session)
        levels = len(self._facts.levels) if self._facts is not None else 0
        self._moved_by_level = np.zeros((levels, *shape))
        self._step_moved_by_level = np.zeros((levels, len(STEP_KINDS)))

    def update(self) -> bool:
        """Take the steps that came since the last call; returns whether there were any."""
        rows = step_slice(self.session, self._range)
        if rows.stop <= self._taken:
            return False
        for first in range(self._taken, rows.stop, STEPS_AT_ONCE):
            self._take((first, min(first + STEPS_AT_ONCE, rows.stop) - 1))
        self._taken = rows.stop
        return True

    def _take(self, new: tuple[int, int]) -> None:
        """Add steps, both ends included."""
        part = step_slice(self.session, new)
        kinds = self.session.steps["kind"][part]
        times = metrics.phase_table_s(self.session, new)
        costs = phase_costs(self.session, new)
        self._add(kinds, self.seconds, times)
        if costs is not None:
            self._add(kinds, self.flops, costs[0])
            self._add(kinds, self.moved, costs[1])
        self._add_levels(kinds, costs[1] if costs is not None else np.zeros_like(times), part)
        table = self.session.steps
        self.step_flops += np.bincount(kinds, table["flops"][part], len(STEP_KINDS))
        self.step_moved += np.bincount(kinds, table["bytes_moved"][part], len(STEP_KINDS))
        self.step_seconds += np.bincount(kinds, metrics.step_walls_s(self.session, new), len(STEP_KINDS))
        self.steps += np.bincount(kinds, minlength=len(STEP_KINDS))

    def _add_levels(self, kinds: np.ndarray, moved: Table, part: slice) -> None:
        """Add bytes by the level that holds all that a step reads; the draft's by the level that holds its weights."""
        facts = self._facts
        if facts is None:
            return
        held = held_bytes(self.session, part)
        draft = np.minimum(held, self.session.draft_config.get("weight_bytes") or np.inf)
        of_step, of_draft = facts.levels_of(held), facts.levels_of(draft)
        whole = self.session.steps["bytes_moved"][part]
        column = PHASES.index("draft")
        for level in range(len(facts.levels)):
            of_level = np.where((of_step == level)[:, None], moved, 0.0)
            of_level[:, column] = np.where(of_draft == level, moved[:, column], 0.0)
            self._add(kinds, self._moved_by_level[level], of_level)
            self._step_moved_by_level[level] += np.bincount(
                kinds, np.where(of_step == level, whole, 0), len(STEP_KINDS)
            )

    def _level(self, moved_by_level: Table) -> tuple[float, str]:
        """(Least time in which bytes by level can be read, the level by which most of them are judged)."""
        facts = self._facts
        if facts is None or not moved_by_level.any():
            return 0.0, MEMORY
        return float((moved_by_level / facts.rates).sum()), facts.levels[int(moved_by_level.argmax())].name

    @staticmethod
    def _add(kinds: np.ndarray, total: Table, values: Table) -> None:
        for kind in np.unique(kinds).tolist():
            total[kind] += values[kinds == kind].sum(axis=0)

    def kind_points(self) -> list[Point]:
        """A point for every kind of step that ran and counted something."""
        return [
            Point(
                name,
                float(self.step_flops[i]),
                float(self.step_moved[i]),
                float(self.step_seconds[i]),
                *self._level(self._step_moved_by_level[:, i]),
            )
            for i, name in enumerate(STEP_KINDS)
            if self.step_flops[i] > 0 and self.step_moved[i] > 0 and self.step_seconds[i] > 0
        ]

    def phase_points(self, kind: str) -> list[Point]:
        """A point for every phase of the steps of this kind that multiplies matrices and was timed."""
        row = STEP_KINDS.index(kind)
        return [
            Point(
                name,
                float(self.flops[row, i]),
                float(self.moved[row, i]),
                float(self.seconds[row, i]),
                *self._level(self._moved_by_level[:, row, i]),
            )
            for i, name in enumerate(PHASES)
            if self.flops[row, i] > 0 and self.moved[row, i] > 0 and self.seconds[row, i] > 0
        ]
