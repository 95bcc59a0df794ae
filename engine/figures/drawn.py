"""The errors of figures over the steps of two sides, by draws of runs of steps (`resampling.py`).

Prefill and decode steps are drawn apart. Where the work of the steps varies and explains most of their times, it is
given: what is drawn is what a fit on the work leaves.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.figures import resampling
from engine.figures.compared_side import Floats, Side
from engine.figures.step_roles import DECODE
from engine.session.schema import GROUP_OF, GROUPS, PHASES

LEAST: Final = 16
"""The fewest steps, gaps or requests of a side from which an interval is made."""
FEW_RUNS: Final = 5
"""The fewest independent pieces of a series from which an interval is made."""
BEYOND: Final = 5
"""The fewest values on the smaller side of a percentile."""
UNSAMPLED: Final = 0.1
"""The largest share of a figure that may come from steps too few to be drawn."""
SHARE: Final = 0.01
"""Phases of which neither side spends this share of its decode time are not compared."""
BINS: Final = 256
VARIED: Final = 1.5
"""Work that varies by less than this factor between its tenth and ninetieth percentile is taken as constant."""
EXPLAINS: Final = 0.5
"""The share of the times' variance from which on the work explains them."""


@dataclass(frozen=True, slots=True)
class Kind:
    """Steps of one side that are drawn together; `columns` are what figures sum, [steps, columns]."""

    columns: dict[str, Floats]
    work: Floats
    """[steps, kinds of work]."""

    def __len__(self) -> int:
        return len(self.work)


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure of both sides and what the draws made of the logarithm of B / A: its error and degrees of freedom."""

    a: float | None
    b: float | None
    error: float | None = None
    freedom: float = math.inf


Kinds = dict[str, Kind]


def kinds_of_both(a: Side, b: Side) -> tuple[Kinds, Kinds, frozenset[str]]:
    """The steps of both sides: all decode steps, those after the warm-up, the others; and which of them are paired."""
    chosen = [_chosen(side) for side in (a, b)]
    paired = {kind for kind, rows in chosen[0].items() if rows.any()
              and np.array_equal(a.key[rows], b.key[chosen[1][kind]])}  # fmt: skip
    return _kinds(a, chosen[0]), _kinds(b, chosen[1]), frozenset(paired)


def _chosen(side: Side) -> dict[str, NDArray[np.bool_]]:
    decode = side.role == DECODE
    return {"all decode": decode, "decode": decode & ~side.warm, "prefill": ~decode}


def _kinds(side: Side, chosen: dict[str, NDArray[np.bool_]]) -> Kinds:
    phases = {f"phase {name}": side.phases_s[:, at] for at, name in enumerate(PHASES)} if side.phases_told else {}
    groups = {
        f"group {group}": side.phases_s[:, [GROUP_OF[name] == group for name in PHASES]].sum(axis=1) for group in GROUPS
    } if side.phases_told else {}  # fmt: skip
    columns = {
        "seconds": side.seconds, "wall": side.wall_s, "gap": side.gap_s, "tokens": side.tokens.astype(np.float64),
        "steps": np.ones(len(side)), **phases, **groups,
    }  # fmt: skip
    computed = side.positions.get("computed", np.zeros(len(side), np.int64))
    work = np.stack([computed, side.pairs_again, side.pairs_once], axis=1).astype(np.float64)
    return {
        name: Kind({key: column[rows] for key, column in columns.items()}, work[rows]) for name, rows in chosen.items()
    }


class Draws:
    """The draws over the steps of two sides."""

    def __init__(self, a: Kinds, b: Kinds, paired: frozenset[str]) -> None:
        self._sides = (a, b)
        self._paired = paired

    def matters(self, name: str) -> bool:
        """Whether a part takes SHARE of the decode time of a side."""
        for side in self._sides:
            column = side["decode"].columns
            if name in column and column[name].sum() > SHARE * column["wall"].sum() > 0:
                return True
        return False

    def ratio(self, kinds: Sequence[str], above: str, below: str) -> Estimate:
        """Σ above / Σ below over the steps of these kinds, with the error of its logarithm."""
        values: list[float | None] = []
        series: list[dict[str, Floats]] = []
        for side in self._sides:
            top = sum(float(side[kind].columns[above].sum()) for kind in kinds)
            bottom = sum(float(side[kind].columns[below].sum()) for kind in kinds)
            values.append(top / bottom if bottom > 0 else None)
            made = {}
            for kind in kinds:
                if len(side[kind]) and top > 0 and bottom > 0:
                    columns = side[kind].columns
                    residual = columns[above] - (top / bottom) * columns[below]
                    made[kind] = _beyond_work(residual - residual.mean(), side[kind].work) / top
            series.append(made)
        a, b = values
        if not a or not b or a < 0 or b < 0:
            return Estimate(a, b)
        error = self._error(kinds, above, series)
        return Estimate(a, b, *error) if error is not None else Estimate(a, b)

    def _error(self, kinds: Sequence[str], above: str, series: list[dict[str, Floats]]) -> tuple[float, float] | None:
        """(standard error, degrees of freedom) of the logarithm of B / A, from the series of both sides by kind."""
        variances: list[tuple[float, float]] = []
        for kind in kinds:
            one, other = (made.get(kind, np.empty(0)) for made in series)
            if kind in self._paired:
                found = [self._variance(other - one, 0)]
            else:
                found = [self._variance(one, 0), self._variance(other, 1)]
            for place, (got, rows) in enumerate(zip(found, (one, other), strict=False)):
                if got is not None:
                    variances.append(got)
                elif len(rows) and self._share(kind, above, place, kinds) > UNSAMPLED:
                    return None
        if not variances:
            return None
        total = sum(variance for variance, _ in variances)
        if total <= 0:
            return 0.0, math.inf
        freedom = total**2 / sum(variance**2 / free for variance, free in variances)  # Welch and Satterthwaite
        return math.sqrt(total), freedom

    def _share(self, kind: str, column: str, side: int, kinds: Sequence[str]) -> float:
        sums = {one: float(self._sides[side][one].columns[column].sum()) for one in kinds}
        return sums[kind] / max(sum(sums.values()), 1e-300)

    def _variance(self, series: Floats, seed: int) -> tuple[float, float] | None:
        """(variance of the drawn sums of a centred series, degrees of freedom); None where it is too short."""
        if len(series) < LEAST:
            return None
        cells = resampling.in_cells(series)
        length = _in_powers(resampling.block_length(cells), len(cells))
        runs = resampling.runs_drawn(len(cells), length)
        if runs < FEW_RUNS - 1e-9:
            return None
        cells = cells - cells.mean()
        sums = _drawn(len(cells), length, seed) @ cells.astype(np.float32)
        return float(sums.astype(np.float64).var()) * runs / (runs - 1), runs - 1

    def percentile(self, p: int) -> Estimate:
        """A percentile of the decode steps' times."""
        sides = [side["decode"].columns["seconds"] for side in self._sides]
        return self.percentile_of(
            sides[0], sides[1], p, "decode" in self._paired, [side["decode"].work for side in self._sides]
        )

    def percentile_of(self, a: Floats, b: Floats, p: int, paired: bool, work: list[Floats] | None = None) -> Estimate:
        """A percentile of two series in the order of time: drawn by histograms of cells."""
        values = [float(np.percentile(one, p)) if len(one) else math.nan for one in (a, b)]
        known = [None if math.isnan(value) else value for value in values]
        estimate = Estimate(known[0], known[1])
        if any(len(one) * min(p, 100 - p) / 100 < BEYOND or len(one) < LEAST for one in (a, b)):
            return estimate
        if not all(value > 0 for value in values):
            return estimate
        if work is not None:  # the work is given: only the rest is drawn, around the percentile
            a, b = (_around(one, of, value) for one, of, value in zip((a, b), work, values, strict=True))
        above = [(one > value).astype(np.float64) for one, value in zip((a, b), values, strict=True)]
        lengths = [resampling.block_length(resampling.in_cells(one - one.mean())) for one in above]
        if paired:
            both = resampling.in_cells(above[1] - above[0] - (above[1] - above[0]).mean())
            lengths = [max(*lengths, resampling.block_length(both))] * 2
        logs, freedoms, variances = [], [], []
        for place, (one, chosen) in enumerate(zip((a, b), lengths, strict=True)):
            count, each = resampling.cells_of(len(one))
            length = _in_powers(chosen, count)
            runs = resampling.runs_drawn(count, length)
            if runs < FEW_RUNS - 1e-9:
                return estimate
            counts = _drawn(count, length, 0 if paired else place)
            drawn = np.log(np.maximum(_drawn_percentile(one, each, counts, p), 1e-12)) * math.sqrt(runs / (runs - 1))
            logs.append(drawn)
            freedoms.append(runs - 1)
            variances.append(float(drawn.var()))
        variance = float((logs[1] - logs[0]).var()) if paired else sum(variances)
        if variance <= 0:
            return replace(estimate, error=0.0)
        pieces = sum(one**2 / free for one, free in zip(variances, freedoms, strict=True))
        freedom = min(freedoms) if paired or not pieces else sum(variances) ** 2 / pieces
        return replace(estimate, error=math.sqrt(variance), freedom=freedom)


def _drawn(cells: int, length: float, side: int) -> NDArray[np.float32]:
    """The draws of a side; both sides of a pair have the same."""
    return resampling.drawn_counts(cells, length, resampling.SEED + side)


def _in_powers(length: float, cells: int) -> float:
    """The next of a few lengths that is no shorter, so that figures share draws; it leaves at least FEW_RUNS runs."""
    return float(min(2 ** (math.ceil(2 * math.log2(max(length, 1.0))) / 2), max(cells / FEW_RUNS, 1.0)))


def _drawn_percentile(values: Floats, each: int, counts: NDArray[np.float32], p: int) -> Floats:
    """The percentile of each draw, [draws]: cells are histograms with edges at the values' own percentiles."""
    edges = np.unique(np.percentile(values, np.linspace(0, 100, BINS + 1)))
    if len(edges) < 2:
        return np.full(len(counts), values[0])
    place = np.clip(np.searchsorted(edges, values, "right") - 1, 0, len(edges) - 2)
    cell = np.arange(len(values)) // each
    shape = (counts.shape[1], len(edges) - 1)
    table = np.bincount(cell * shape[1] + place, minlength=shape[0] * shape[1]).reshape(shape).astype(np.float32)
    below = np.cumsum(counts @ table, axis=1, dtype=np.float64)
    wanted = p / 100 * below[:, -1]
    bin_ = (below < wanted[:, None]).sum(axis=1)
    before = np.where(bin_ > 0, np.take_along_axis(below, np.maximum(bin_ - 1, 0)[:, None], 1)[:, 0], 0.0)
    inside = np.take_along_axis(below, bin_[:, None], 1)[:, 0] - before
    part = np.clip((wanted - before) / np.maximum(inside, 1e-12), 0, 1)
    found: Floats = edges[bin_] + part * (edges[bin_ + 1] - edges[bin_])
    return found


def _work_fit(values: Floats, work: Floats) -> Floats | None:
    """What the work explains of a series (centred); None where it is constant, or explains less than EXPLAINS."""
    if len(values) < LEAST:
        return None
    low, high = np.percentile(work, (10, 90), axis=0)
    used = work[:, high > VARIED * np.maximum(low, 1)]
    if not used.shape[1]:
        return None
    scaled = (used - used.mean(axis=0)) / used.std(axis=0)
    slopes, *_ = np.linalg.lstsq(scaled, values - values.mean(), rcond=1e-6)
    explained: Floats = scaled @ slopes
    total = float(((values - values.mean()) ** 2).sum())
    return explained if total > 0 and float((explained**2).sum()) >= EXPLAINS * total else None


def _beyond_work(residual: Floats, work: Floats) -> Floats:
    fit = _work_fit(residual, work)
    return residual if fit is None else residual - fit


def _around(values: Floats, work: Floats, value: float) -> Floats:
    """The series without what its work explains, moved to lie around `value`; itself where the work explains little."""
    fit = _work_fit(values, work)
    if fit is None:
        return values
    rest = values - values.mean() - fit
    moved: Floats = rest - np.median(rest) + value
    return moved
