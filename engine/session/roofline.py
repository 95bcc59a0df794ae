"""Where steps and phases stand under the device's ceilings: arithmetic intensity, rate, bound, and the factor left.

The roofline model: at an intensity of I FLOP a byte a device reaches at most min(peak FLOP/s, I · peak B/s) (Williams,
Waterman and Patterson, "Roofline", 2009).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from engine.session import metrics
from engine.session.data_sheets import DataSheet, data_sheet
from engine.session.phase_cost import Table, phase_costs
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

    @property
    def intensity(self) -> float:
        """FLOP a byte."""
        return self.flops / self.moved

    @property
    def flops_per_s(self) -> float:
        return self.flops / self.seconds

    def factor(self, roof: Roof) -> float:
        """How many times faster the roof allows it."""
        return roof.limit(self.intensity) / self.flops_per_s


def roof_of(session: Session) -> Roof | None:
    """The ceilings measured on this session's device; None where they were not."""
    found = metrics.ceilings(session)
    if not found.get("read_bytes_per_s") or not found.get("flops_per_s"):
        return None
    name = session.meta.get("device_name", "")
    return Roof(found["read_bytes_per_s"], found["flops_per_s"], session.meta.get("dtype", ""), data_sheet(name))


class RooflineTotals:
    """Sums by kind of step and phase over a growing Session; `update` costs only what is new.

    `flops`, `moved` (bytes) and `seconds` are float64 [kinds, phases]; `step_flops`, `step_moved` and `step_seconds`
    [kinds] are what the steps themselves recorded.
    """

    def __init__(self, session: Session, steps: metrics.StepRange = None) -> None:
        self.session = session
        self._range = steps
        self._taken = 0 if steps is None else steps[0]
        shape = (len(STEP_KINDS), len(PHASES))
        self.flops, self.moved, self.seconds = np.zeros(shape), np.zeros(shape), np.zeros(shape)
        self.step_flops, self.step_moved, self.step_seconds = (np.zeros(len(STEP_KINDS)) for _ in range(3))
        self.steps = np.zeros(len(STEP_KINDS), np.int64)

    def update(self) -> bool:
        """Take the steps that came since the last call; whether there were any."""
        rows = metrics.step_slice(self.session, self._range)
        if rows.stop <= self._taken:
            return False
        for first in range(self._taken, rows.stop, STEPS_AT_ONCE):
            self._take((first, min(first + STEPS_AT_ONCE, rows.stop) - 1))
        self._taken = rows.stop
        return True

    def _take(self, new: tuple[int, int]) -> None:
        """Add steps, both ends included."""
        part = metrics.step_slice(self.session, new)
        kinds = self.session.steps["kind"][part]
        times = metrics.phase_table_s(self.session, new)
        costs = phase_costs(self.session, new)
        self._add(kinds, self.seconds, times)
        if costs is not None:
            self._add(kinds, self.flops, costs[0])
            self._add(kinds, self.moved, costs[1])
        table = self.session.steps
        self.step_flops += np.bincount(kinds, table["flops"][part], len(STEP_KINDS))
        self.step_moved += np.bincount(kinds, table["bytes_moved"][part], len(STEP_KINDS))
        self.step_seconds += np.bincount(kinds, metrics.step_walls_s(self.session, new), len(STEP_KINDS))
        self.steps += np.bincount(kinds, minlength=len(STEP_KINDS))

    @staticmethod
    def _add(kinds: np.ndarray, total: Table, values: Table) -> None:
        for kind in np.unique(kinds).tolist():
            total[kind] += values[kinds == kind].sum(axis=0)

    def kind_points(self) -> list[Point]:
        """A point for every kind of step that ran and counted something."""
        return [
            Point(name, float(self.step_flops[i]), float(self.step_moved[i]), float(self.step_seconds[i]))
            for i, name in enumerate(STEP_KINDS)
            if self.step_flops[i] > 0 and self.step_moved[i] > 0 and self.step_seconds[i] > 0
        ]

    def phase_points(self, kind: str) -> list[Point]:
        """A point for every phase of the steps of this kind that multiplies matrices and was timed."""
        row = STEP_KINDS.index(kind)
        return [
            Point(name, float(self.flops[row, i]), float(self.moved[row, i]), float(self.seconds[row, i]))
            for i, name in enumerate(PHASES)
            if self.flops[row, i] > 0 and self.moved[row, i] > 0 and self.seconds[row, i] > 0
        ]
