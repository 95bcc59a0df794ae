"""How two sides differ, figure by figure: B against A, absolute and relative, with an interval, and what is marked.

The rule (ARCHITECTURE.md, "What differs, and what is chance"):

- *Measured* figures (times) vary from step to step. Their interval is by the stationary bootstrap over steps
  (`resampling.py`), 95 % for each figure alone, on the scale of the ratio. Prefill and decode steps are drawn apart.
  Where both sides' decode steps emitted the same tokens, step by step, the same places are drawn on both sides.
- Of the decode steps' own figures, the first after a start or a switch are left out (`compared_side.WARM_STEPS`).
- Where the work of the steps itself varies and explains most of their times (`kv=none` computes more positions in each
  step), the work is given and only the rest is chance: what is drawn are the residuals of a fit on the work.
- *Counted* figures (positions, bytes) are exact: they have no chance in them, and no interval.
- A figure of which too little is known has no interval, and is never marked.
- A measured figure is marked where its difference is significantly larger than RELEVANT, among all measured figures
  (Holm's method at LEVEL). So of pairs of equal recordings at most LEVEL have any mark. Of a part of a step (a phase)
  the difference counts as a share of the whole step. What is smaller is not worth a mark, and cannot be told from
  where the memory of a run happens to lie. A counted figure is marked from RELEVANT on.

What changed between two recordings and is constant within each (another load of the machine, another clock rate) is a
difference, not chance: no recording of its own tells it from another program.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from engine.figures import resampling, student
from engine.figures.compared_side import Floats, Ints, Side
from engine.figures.metrics import CLASSES
from engine.figures.step_roles import DECODE
from engine.session.schema import GROUP_OF, GROUPS, PHASES

LEVEL: Final = 0.05
"""The stated false-alarm rate: the share of pairs of equal recordings of which any measured figure is marked."""
RELEVANT: Final = 0.02
"""The relative difference that a mark says is surpassed."""
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
BINS: Final = 512
VARIED: Final = 1.5
"""Work that varies by less than this factor between its tenth and ninetieth percentile is taken as constant."""
EXPLAINS: Final = 0.5
"""The share of the times' variance from which on the work explains them."""

Better = Literal["less", "more", ""]
Unit = Literal["seconds", "tokens/s", "bytes", "count"]
Group = Literal["latency", "requests", "phases", "groups", "kv", "positions", "work"]


@dataclass(frozen=True, slots=True)
class Difference:
    """One figure of both sides, in its base unit; `low` and `high` are of the relative difference."""

    name: str
    group: Group
    unit: Unit
    better: Better
    a: float | None
    b: float | None
    counted: bool = False
    low: float | None = None
    high: float | None = None
    p: float | None = None
    """The chance of a difference at least as large where there is none beyond RELEVANT, of this figure alone."""
    significant: bool = False

    @property
    def absolute(self) -> float | None:
        """B - A."""
        return None if self.a is None or self.b is None else self.b - self.a

    @property
    def relative(self) -> float | None:
        """(B - A) / A; None where A is 0."""
        return None if self.a is None or self.b is None or not self.a else self.b / self.a - 1

    @property
    def worse(self) -> bool | None:
        """Whether B is worse; None where neither is better."""
        change = self.absolute
        return None if not self.better or not change else (change > 0) == (self.better == "less")


@dataclass(frozen=True, slots=True)
class Differences:
    """All figures, and whether the steps of both sides were paired."""

    figures: tuple[Difference, ...]
    paired: bool
    warm: tuple[int, int]
    """Decode steps that were left out as warm-up, of A and B."""
    tested: int
    """Measured figures among which Holm's method chose."""

    def of(self, name: str) -> Difference:
        """The figure of this name; raises KeyError."""
        for one in self.figures:
            if one.name == name:
                return one
        raise KeyError(name)


def differences(a: Side, b: Side) -> Differences:
    """Every figure of two sides."""
    kinds_a, kinds_b, paired = _strata(a, b)
    family = [*_latency(kinds_a, kinds_b, a, b, paired), *_of_gaps(a, b), *_of_requests(a, b)]
    measured = _holm(family)
    return Differences(
        figures=tuple(_in_order([*measured, *_counted(a, b)])),
        paired=paired,
        warm=(int(a.warm.sum()), int(b.warm.sum())),
        tested=sum(one.p is not None for one in measured),
    )


# --- what is drawn --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Kind:
    """Steps of one side that are drawn together; `columns` are what figures sum, [steps, columns]."""

    columns: dict[str, Floats]
    work: Floats
    """[steps, kinds of work]."""

    def __len__(self) -> int:
        return len(self.work)


@dataclass(frozen=True, slots=True)
class _Estimate:
    """A figure of both sides and what the draws made of the logarithm of B / A: its error and degrees of freedom."""

    a: float | None
    b: float | None
    error: float | None = None
    freedom: float = math.inf


Kinds = dict[str, _Kind]


def _strata(a: Side, b: Side) -> tuple[Kinds, Kinds, bool]:
    """The steps of both sides: all decode steps, those after the warm-up, the others; whether they are paired."""
    both = tuple(_kinds(side) for side in (a, b))
    keys = [side.key[side.role == DECODE] for side in (a, b)]
    warm = [side.warm[side.role == DECODE] for side in (a, b)]
    paired = len(keys[0]) > 0 and np.array_equal(keys[0], keys[1]) and np.array_equal(warm[0], warm[1])
    return both[0], both[1], paired


def _kinds(side: Side) -> Kinds:
    decode = side.role == DECODE
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
    chosen = {"all decode": decode, "decode": decode & ~side.warm, "prefill": ~decode}
    return {
        name: _Kind({key: column[rows] for key, column in columns.items()}, work[rows]) for name, rows in chosen.items()
    }


# --- measured -------------------------------------------------------------------------------------------------------


def _latency(ka: Kinds, kb: Kinds, a: Side, b: Side, paired: bool) -> list[Difference]:
    if not (a.steps_told and b.steps_told):
        return []
    everything, decode, prefill = ("all decode", "prefill"), ("decode",), ("prefill",)
    draws = _Draws(ka, kb, paired)
    whole = draws.ratio(everything, "seconds", "tokens")
    rates = _of_totals(whole, a, b)
    found = [
        Difference("tokens/s", "latency", "tokens/s", "more", *_inverse(rates)),
        Difference("time per token", "latency", "seconds", "less", rates.a, rates.b),
        Difference("decode time per token", "latency", "seconds", "less", None, None),
        Difference("step time mean", "latency", "seconds", "less", None, None),
    ]
    estimates = [rates, rates, draws.ratio(decode, "seconds", "tokens"), draws.ratio(decode, "seconds", "steps")]
    for p in (50, 90, 99):
        found.append(Difference(f"step time p{p}", "latency", "seconds", "less", None, None))
        estimates.append(draws.percentile(p))
    found.append(Difference("prefill step time", "latency", "seconds", "less", None, None))
    estimates.append(draws.ratio(prefill, "seconds", "steps"))
    found.append(Difference("gap before a step", "latency", "seconds", "less", None, None))
    estimates.append(draws.ratio(decode, "gap", "steps"))
    parts = [("groups", "group", group) for group in GROUPS] + [("phases", "phase", phase) for phase in PHASES]
    for group, word, part in parts:
        name = f"{word} {part}"
        if not (a.phases_told and b.phases_told) or not draws.matters(name):
            continue
        found.append(Difference(name, group, "seconds", "less", None, None))  # type: ignore[arg-type]
        estimates.append(draws.ratio(decode, name, "tokens"))
    whole_s = max(estimates[2].a or 0.0, estimates[2].b or 0.0)
    filled = []
    for one, of in zip(found, estimates, strict=True):
        known = replace(one, a=of.a if one.a is None else one.a, b=of.b if one.b is None else one.b)
        part = one.group in ("groups", "phases") or one.name == "gap before a step"
        filled.append(_with(known, of, whole_s if part else 0.0))
    first = filled[0]
    if first.low is not None and first.high is not None:  # a rate is the inverse of a time
        filled[0] = replace(first, low=1 / (1 + first.high) - 1, high=1 / (1 + first.low) - 1)
    return [one for one in filled if one.a is not None or one.b is not None]


def _of_totals(whole: _Estimate, a: Side, b: Side) -> _Estimate:
    """The time per token as tokens a second counts it, with the error of the sums over steps."""
    values = [side.total_s / side.emitted if side.emitted and side.total_s > 0 else None for side in (a, b)]
    return replace(whole, a=values[0], b=values[1])


def _inverse(estimate: _Estimate) -> tuple[float | None, float | None]:
    return (1 / estimate.a if estimate.a else None, 1 / estimate.b if estimate.b else None)


class _Draws:
    """The draws over the steps of two sides; equal mean lengths of runs share their draws."""

    def __init__(self, a: Kinds, b: Kinds, paired: bool) -> None:
        self._sides = (a, b)
        self._paired = paired
        self._counts: dict[tuple[int, float, int], NDArray[np.float32]] = {}

    def matters(self, name: str) -> bool:
        """Whether a part takes SHARE of the decode time of a side."""
        for side in self._sides:
            column = side["decode"].columns
            if name in column and column[name].sum() > SHARE * column["wall"].sum() > 0:
                return True
        return False

    def ratio(self, kinds: Sequence[str], above: str, below: str) -> _Estimate:
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
            return _Estimate(a, b)
        error = self._error(kinds, above, series)
        return _Estimate(a, b, *error) if error is not None else _Estimate(a, b)

    def _error(self, kinds: Sequence[str], above: str, series: list[dict[str, Floats]]) -> tuple[float, float] | None:
        """(standard error, degrees of freedom) of the logarithm of B / A, from the series of both sides by kind."""
        variances: list[tuple[float, float]] = []
        for kind in kinds:
            one, other = (made.get(kind, np.empty(0)) for made in series)
            if kind != "prefill" and self._paired:
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
        sums = self._drawn(len(cells), length, seed) @ cells.astype(np.float32)
        return float(sums.astype(np.float64).var()) * runs / (runs - 1), runs - 1

    def _drawn(self, cells: int, length: float, seed: int) -> NDArray[np.float32]:
        key = (cells, length, seed)
        if key not in self._counts:
            self._counts[key] = resampling.drawn_counts(cells, length, resampling.SEED + seed)
        return self._counts[key]

    def percentile(self, p: int) -> _Estimate:
        """A percentile of the decode steps' times."""
        sides = [side["decode"].columns["seconds"] for side in self._sides]
        return self.percentile_of(sides[0], sides[1], p, self._paired, [side["decode"].work for side in self._sides])

    def percentile_of(self, a: Floats, b: Floats, p: int, paired: bool, work: list[Floats] | None = None) -> _Estimate:
        """A percentile of two series in the order of time: drawn by histograms of cells."""
        values = [float(np.percentile(one, p)) if len(one) else None for one in (a, b)]
        estimate = _Estimate(values[0], values[1])
        if any(len(one) * min(p, 100 - p) / 100 < BEYOND or len(one) < LEAST for one in (a, b)):
            return estimate
        if not values[0] or not values[1]:
            return estimate
        if work is not None:  # the work is given: only the rest is drawn, around the percentile
            a, b = (_around(one, of, value) for one, of, value in zip((a, b), work, values, strict=True) if value)
        above = [(one > value).astype(np.float64) for one, value in zip((a, b), values, strict=True)]
        lengths = [resampling.block_length(resampling.in_cells(one - one.mean())) for one in above]
        if paired:
            both = resampling.in_cells(above[1] - above[0] - (above[1] - above[0]).mean())
            lengths = [max(*lengths, resampling.block_length(both))] * 2
        logs, freedoms, variances = [], [], []
        for place, (one, length) in enumerate(zip((a, b), lengths, strict=True)):
            count, each = resampling.cells_of(len(one))
            length = _in_powers(length, count)
            runs = resampling.runs_drawn(count, length)
            if runs < FEW_RUNS - 1e-9:
                return estimate
            counts = self._drawn(count, length, 0 if paired else place)
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


def _of_gaps(a: Side, b: Side) -> list[Difference]:
    """The gaps between tokens; paired where both sides ended the same gaps."""
    gaps_a, gaps_b = a.gaps, b.gaps
    order = _matched(gaps_a.key, gaps_b.key)
    seconds = gaps_b.seconds if order is None else gaps_b.seconds[order]
    draws = _Draws({}, {}, False)
    work = [_work_of_gaps(side) for side in (a, b)]
    found = []
    for p in (50, 90, 99):
        of = draws.percentile_of(
            gaps_a.seconds,
            seconds,
            p,
            order is not None,
            work if all(len(one) == len(side.gaps.seconds) for one, side in zip(work, (a, b), strict=True)) else None,
        )
        found.append(_with(Difference(f"gap between tokens p{p}", "latency", "seconds", "less", of.a, of.b), of))
    return [one for one in found if one.a is not None or one.b is not None]


def _work_of_gaps(side: Side) -> Floats:
    """The work of the steps that ended gaps, where each decode step ended one; of another length where not."""
    decode = side.role == DECODE
    columns = [side.positions.get("computed", np.zeros(len(side))), side.pairs_again, side.pairs_once]
    return np.stack(columns, axis=1)[decode].astype(np.float64)


def _of_requests(a: Side, b: Side) -> list[Difference]:
    """TTFT and TPOT over the requests, in the order of arrival."""
    draws = _Draws({}, {}, False)
    found = []
    for name, column in (("TTFT", "ttft_s"), ("TPOT", "tpot_s")):
        values_a, values_b = getattr(a.fates, column), getattr(b.fates, column)
        order = _matched(a.fates.key, b.fates.key)
        if order is not None:
            values_b = values_b[order]
        known_a, known_b = ~np.isnan(values_a), ~np.isnan(values_b)
        paired = order is not None and np.array_equal(known_a, known_b)
        for p in (50, 90):
            of = draws.percentile_of(values_a[known_a], values_b[known_b], p, paired)
            if of.a is not None or of.b is not None:
                found.append(_with(Difference(f"{name} p{p}", "requests", "seconds", "less", of.a, of.b), of))
    return found


def _matched(a: Ints, b: Ints) -> Ints | None:
    """The places of A's keys among B's; None where not all of both are the same."""
    if len(a) != len(b) or not len(a):
        return None
    order_a, order_b = np.argsort(a, kind="stable"), np.argsort(b, kind="stable")
    if not np.array_equal(a[order_a], b[order_b]):
        return None
    found = np.empty(len(a), np.int64)
    found[order_a] = order_b
    return found


def _with(one: Difference, of: _Estimate, whole_s: float = 0.0) -> Difference:
    """The figure with its interval and its chance, by Student's t; what is a part of `whole_s` is judged by that."""
    if of.error is None or not of.a or not of.b:
        return one
    log = math.log(of.b / of.a)
    smaller = min(of.a, of.b)
    beyond = abs(log) - math.log1p(RELEVANT * max(whole_s / smaller, 1.0))
    if of.error == 0:
        return replace(one, low=math.expm1(log), high=math.expm1(log), p=0.0 if beyond > 0 else 1.0)
    half = student.quantile(1 - LEVEL, round(min(of.freedom, 1e6), 2)) * of.error
    p = student.tails(max(beyond, 0.0) / of.error, of.freedom)
    return replace(one, low=math.expm1(min(log - half, 700)), high=math.expm1(min(log + half, 700)), p=p)


INVERSE: Final = ("tokens/s", "time per token")
"""A rate and the time that it is the inverse of: one test, and not two."""


def _holm(figures: list[Difference]) -> list[Difference]:
    """Mark by Holm's method: the k-th smallest chance must stay below LEVEL / (figures not marked yet)."""
    tests = sorted((one.p, one.name) for one in figures if one.p is not None and one.name != INVERSE[0])
    marked: set[str] = set()
    for rank, (p, name) in enumerate(tests):
        if p > LEVEL / (len(tests) - rank):
            break
        marked.add(name)
    if INVERSE[1] in marked:
        marked.add(INVERSE[0])
    return [replace(one, significant=one.name in marked) for one in figures]


# --- counted --------------------------------------------------------------------------------------------------------


def _counted(a: Side, b: Side) -> list[Difference]:
    """Figures that were counted: KV memory, positions and bytes."""
    found = []

    def add(name: str, group: Group, unit: Unit, better: Better, values: Sequence[float | None]) -> None:
        if values[0] is not None or values[1] is not None:
            found.append(_counted_one(Difference(name, group, unit, better, values[0], values[1], counted=True)))

    def per_token(column: Ints | None, side: Side) -> float | None:
        total = int(side.tokens.sum())
        return None if column is None or not total else float(column.sum()) / total

    for word in ("used", "reserved"):
        columns = [getattr(side, f"kv_{word}_bytes") for side in (a, b)]
        add(f"KV {word}, mean", "kv", "bytes", "less", [_reduced(one, np.mean) for one in columns])
        add(f"KV {word}, peak", "kv", "bytes", "less", [_reduced(one, np.max) for one in columns])
    for name in CLASSES:
        better: Better = "more" if name == "reused" else "" if name == "new" else "less"
        values = [per_token(side.positions.get(name), side) for side in (a, b)]
        add(f"positions {name}", "positions", "count", better, values)
    add("bytes moved", "work", "bytes", "less", [per_token(side.moved_bytes, side) for side in (a, b)])
    steps = [len(side) / int(side.tokens.sum()) if side.tokens.sum() else None for side in (a, b)]
    add("steps per token", "work", "count", "less", steps)
    return found


def _reduced(column: Ints | None, by: object) -> float | None:
    return float(by(column)) if column is not None and len(column) else None  # type: ignore[operator]


def _counted_one(one: Difference) -> Difference:
    if one.a is None or one.b is None:
        return one
    relative = one.relative
    beyond = abs(relative) >= RELEVANT if relative is not None else bool(one.b)
    return replace(one, low=relative, high=relative, significant=beyond)


def _in_order(figures: list[Difference]) -> list[Difference]:
    order = {name: place for place, name in enumerate(
        ("latency", "requests", "groups", "phases", "kv", "positions", "work")
    )}  # fmt: skip
    return sorted(figures, key=lambda one: order[one.group])
