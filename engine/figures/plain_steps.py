"""What a step would have taken if it had only decoded, and what prompts, recomputation and drafts add to it.

Everything is fitted to the session's own steps, with medians, so that a few odd steps change nothing. A plain step is
one that only decoded (`StepLoads.plain`). Its expected time depends on the settings of the switches and on its rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from engine.figures.step_loads import Floats, Ints, StepLoads

LEAST: Final = 8
"""The fewest plain steps without drafts from which the time of a step without drafts is known."""
SURE: Final = 4
"""A number of rows with fewer plain steps than this is not fitted on its own, where another one has as many."""
SPREADS: Final = 3.0 * 1.4826
"""Three standard deviations, as a factor of the median distance from the median."""
FLOOR: Final = 0.02
"""No smaller share of a plain step is told apart from noise."""
MOST: Final = 20_000
"""About the most steps that a line is fitted to, evenly spaced among all."""
ROUNDS: Final = 8
"""Rounds of the reweighted fit of a line; it has settled long before."""


@dataclass(frozen=True, slots=True)
class Setting:
    """Plain steps under one setting of the switches: seconds at some numbers of rows, ascending, and their noise."""

    rows: Floats
    seconds: Floats
    noise_s: float

    def at(self, rows: Ints) -> Floats:
        """Seconds of a plain step with so many rows; between known numbers of rows a straight line."""
        found: Floats = np.interp(rows, self.rows, self.seconds)
        return found


@dataclass(frozen=True, slots=True)
class Line:
    """Seconds that positions add to a step: `fixed` where there are any, and `each` for each one."""

    fixed: float
    each: float

    def at(self, positions: Ints) -> Floats:
        seconds: Floats = np.where(positions > 0, self.fixed + self.each * positions, 0.0)
        return seconds


@dataclass(frozen=True, slots=True)
class PlainSteps:
    """The fits of a session; `expected_s` and `noise_s` are float64 [steps]."""

    settings: dict[int, Setting]
    expected_s: Floats
    """Of a step that decoded the same rows and did nothing else."""
    noise_s: Floats
    """Differences up to this are taken as noise."""
    drafts: Line
    positions: Line
    """Of a prompt, or computed again."""

    def at(self, setting: Ints, rows: Ints) -> Floats:
        """Expected seconds under these settings with so many rows, element by element."""
        found = np.zeros(len(setting))
        for one in np.unique(setting).tolist():
            inside = setting == one
            found[inside] = self.settings[one].at(rows[inside])
        return found


def plain_steps(loads: StepLoads) -> PlainSteps:
    """Fit the steps of a session."""
    wall_s = loads.times.wall / 1e9
    plain, settings = loads.plain, dict[int, Setting]()
    anywhere = _setting(loads, wall_s, np.flatnonzero(plain))
    for one in np.unique(loads.setting).tolist():
        own = np.flatnonzero(plain & (loads.setting == one))
        settings[one] = _setting(loads, wall_s, own) if len(own) else anywhere
    expected, noise = np.zeros(loads.steps), np.zeros(loads.steps)
    for one, setting in settings.items():
        inside = loads.setting == one
        expected[inside], noise[inside] = setting.at(loads.decoding[inside]), setting.noise_s
    over = np.maximum(wall_s - expected, 0.0)
    drafting = plain & (loads.drafts > 0)
    drafts = _line(loads.drafts[drafting], over[drafting])
    loaded = (loads.prompt + loads.again > 0) & (loads.decoding > 0) & (loads.mark < 0)
    positions = _line((loads.prompt + loads.again)[loaded], np.maximum(over - drafts.at(loads.drafts), 0.0)[loaded])
    return PlainSteps(settings, expected, noise, drafts, positions)


def spread_of(values: Floats) -> float:
    """Three standard deviations of values, by the median of their distances from the median; 0 without any."""
    if not len(values):
        return 0.0
    return SPREADS * float(np.median(np.abs(values - np.median(values))))


def _setting(loads: StepLoads, wall_s: Floats, steps: Ints) -> Setting:
    """The medians of these plain steps by their number of rows; those without drafts alone, where there are enough."""
    bare = steps[loads.drafts[steps] == 0]
    chosen = bare if len(bare) >= LEAST else steps
    if not len(chosen):
        return Setting(np.zeros(1), np.zeros(1), np.inf)
    order = np.lexsort((wall_s[chosen], loads.decoding[chosen]))
    rows, seconds = loads.decoding[chosen][order], wall_s[chosen][order]
    starts = np.flatnonzero(np.diff(rows, prepend=-1))
    counts = np.diff(np.append(starts, len(rows)))
    medians = (seconds[starts + (counts - 1) // 2] + seconds[starts + counts // 2]) / 2
    sure = counts >= min(SURE, int(counts.max()))
    knots = rows[starts][sure].astype(np.float64)
    known = Setting(knots, np.maximum.accumulate(medians[sure]), 0.0)  # more rows never take less time
    noise = spread_of(seconds - known.at(rows))
    return Setting(knots, known.seconds, max(noise, FLOOR * float(np.median(seconds))))


def _line(positions: Ints, seconds: Floats) -> Line:
    """The line of least absolute distances (by reweighted least squares), neither part below 0."""
    if not len(positions):
        return Line(0.0, 0.0)
    part = slice(None, None, 1 + len(positions) // MOST)
    x, y = positions[part].astype(np.float64), seconds[part]
    weights, least = np.ones(len(x)), 1e-3 * max(float(np.median(y)), 1e-9)
    fixed = each = 0.0
    for _ in range(ROUNDS):
        mean_x, mean_y = float(np.average(x, weights=weights)), float(np.average(y, weights=weights))
        square = float(weights @ (x - mean_x) ** 2)
        each = max(float(weights @ ((x - mean_x) * (y - mean_y))) / square, 0.0) if square > 0 else 0.0
        fixed = mean_y - each * mean_x
        if fixed < 0 or square == 0:
            fixed, each = 0.0, float(weights @ (x * y)) / float(weights @ x**2)
        weights = 1.0 / np.maximum(np.abs(y - fixed - each * x), least)
    return Line(fixed, each)
