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
  (Holm's method at TESTED). So of pairs of equal recordings at most LEVEL have any mark. Of a part of a step (a phase)
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

from engine.figures import student
from engine.figures.compared_side import Floats, Ints, Side
from engine.figures.drawn import Draws, Estimate, Kinds, kinds_of_both
from engine.figures.metrics import CLASSES
from engine.figures.step_roles import DECODE
from engine.session.schema import GROUPS, PHASES

LEVEL: Final = 0.05
"""The stated false-alarm rate: the share of pairs of equal recordings of which any measured figure is marked."""
TESTED: Final = 0.02
"""The level of the tests: below LEVEL, because equal runs differ a little more from each other than the steps of each
can tell (`python -m tests.benchmarks compare` measures by how much).
"""
RELEVANT: Final = 0.03
"""The relative difference that a mark says is surpassed."""

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
    kinds_a, kinds_b, paired = kinds_of_both(a, b)
    family = [*_latency(kinds_a, kinds_b, a, b, paired), *_of_gaps(a, b), *_of_requests(a, b)]
    measured = _holm(family)
    return Differences(
        figures=tuple(_in_order([*measured, *_counted(a, b)])),
        paired="decode" in paired,
        warm=(int(a.warm.sum()), int(b.warm.sum())),
        tested=sum(one.p is not None for one in measured),
    )


# --- measured -------------------------------------------------------------------------------------------------------


def _latency(ka: Kinds, kb: Kinds, a: Side, b: Side, paired: frozenset[str]) -> list[Difference]:
    if not (a.steps_told and b.steps_told):
        return []
    everything, decode, prefill = ("all decode", "prefill"), ("decode",), ("prefill",)
    draws = Draws(ka, kb, paired)
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
        is_part = one.group in ("groups", "phases") or one.name == "gap before a step"
        filled.append(_with(known, of, whole_s if is_part else 0.0))
    first = filled[0]
    if first.low is not None and first.high is not None:  # a rate is the inverse of a time
        filled[0] = replace(first, low=1 / (1 + first.high) - 1, high=1 / (1 + first.low) - 1)
    return [one for one in filled if one.a is not None or one.b is not None]


def _of_totals(whole: Estimate, a: Side, b: Side) -> Estimate:
    """The time per token as tokens a second counts it, with the error of the sums over steps."""
    values = [side.total_s / side.emitted if side.emitted and side.total_s > 0 else None for side in (a, b)]
    return replace(whole, a=values[0], b=values[1])


def _inverse(estimate: Estimate) -> tuple[float | None, float | None]:
    return (1 / estimate.a if estimate.a else None, 1 / estimate.b if estimate.b else None)


def _of_gaps(a: Side, b: Side) -> list[Difference]:
    """The gaps between tokens; paired where both sides ended the same gaps."""
    gaps_a, gaps_b = a.gaps, b.gaps
    order = _matched(gaps_a.key, gaps_b.key)
    seconds = gaps_b.seconds if order is None else gaps_b.seconds[order]
    draws = Draws({}, {}, frozenset())
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
    work: Floats = np.stack(columns, axis=1)[decode].astype(np.float64)
    return work


def _of_requests(a: Side, b: Side) -> list[Difference]:
    """TTFT and TPOT over the requests, in the order of arrival."""
    draws = Draws({}, {}, frozenset())
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


def _with(one: Difference, of: Estimate, whole_s: float = 0.0) -> Difference:
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
    """Mark by Holm's method: the k-th smallest chance must stay below TESTED / (figures not marked yet)."""
    tests = sorted((one.p, one.name) for one in figures if one.p is not None and one.name != INVERSE[0])
    marked: set[str] = set()
    for rank, (p, name) in enumerate(tests):
        if p > TESTED / (len(tests) - rank):
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
