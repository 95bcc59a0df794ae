"""Figures of a session by name: what a scenario's sentence may say, and nothing else. Each has a kind and a provenance.

A figure is None where the session does not hold it: a sentence then shows a dash.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from engine.figures import metrics
from engine.figures.batch_comparison import POLICIES, BatchComparison, Policy, PolicyFigures, batch_comparison
from engine.figures.before_after import PairFigures, before_after
from engine.figures.comparison import Amount, Row, compare
from engine.figures.improvements import IMPROVEMENTS, SIDES, Side
from engine.figures.latency import LatencySeries
from engine.figures.latency_figures import RangeFigures
from engine.figures.step_range import generation_rows
from engine.figures.teacher import TeacherFigures, teacher_figures
from engine.session.kv_shape import kv_shape_of
from engine.session.store import Session

Kind = Literal["count", "mean", "times", "seconds", "bytes", "rate", "share"]
"""How a figure is written.

`mean` is a number that need not be whole, `times` a factor, `rate` in tokens a second, `share` a share of 1.
"""
Provenance = Literal["measured", "derived", "predicted"]
FLASH: Final = ("triton", "native")
"""The kernels that compute attention as FlashAttention does, in tiles: the first that ran is told of."""
EDGE: Final = 10
"""The steps of which a median is taken at either end of a run, or on either side of a switch."""
PROJECTED_TOKENS: Final = 100
KEYS: Final = tuple(one.key for one in IMPROVEMENTS)


class Facts:
    """A session, and what several of its figures have in common, computed once."""

    def __init__(self, session: Session) -> None:
        self.session = session

    @cached_property
    def rows(self) -> NDArray[np.int64]:
        """The rows of the steps that generated."""
        return np.arange(len(self.session.steps))[generation_rows(self.session)]

    @cached_property
    def walls_s(self) -> NDArray[np.float64]:
        """Wall time of each step that generated, seconds."""
        return metrics.step_walls_s(self.session)[self.rows]

    @cached_property
    def switched_at(self) -> int | None:
        """The place in `rows` of the first step under another `kv` than the first; None without such a switch."""
        kv = {config.id: config.switches.get("kv") for config in self.session.configs}
        used = [kv.get(one) for one in self.session.steps["config_id"][self.rows].tolist()]
        return next((at for at, one in enumerate(used) if one != used[0]), None)

    @cached_property
    def middle(self) -> int | None:
        return middle_step(self.session)

    @cached_property
    def positions(self) -> NDArray[np.int64]:
        """Positions that the cache holds after each step."""
        return metrics.cached_positions(self.session)

    @cached_property
    def taught(self) -> TeacherFigures | None:
        """The last teacher-forced pass."""
        return next(iter(teacher_figures(self.session)[::-1]), None)

    @cached_property
    def latency(self) -> RangeFigures:
        series = LatencySeries(self.session)
        series.update()
        return series.figures()

    @cached_property
    def table(self) -> dict[str, Row]:
        """The rows of the comparison of training and inference, by metric."""
        return {row.metric: row for row in compare(self.session)}

    @cached_property
    def pairs(self) -> dict[str, PairFigures]:
        """Each improvement off and on, by its key; `flash` and `flash_memory` are those of the kernel that ran."""
        found = {pair.improvement.key: pair for pair in before_after(self.session)}
        ran = next((one for one in FLASH if found[one].factor is not None), FLASH[0])
        return {**found, "flash": found[ran], "flash_memory": found[f"{ran}_memory"]}

    @cached_property
    def batches(self) -> BatchComparison | None:
        """The same requests under static and under continuous batching."""
        return batch_comparison(self.session)


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure that can be named."""

    kind: Kind
    provenance: Provenance
    of: Callable[[Facts], float | None]


def middle_step(session: Session) -> int | None:
    """The step in the middle of the run, at which its requests are under way; None without a step."""
    rows = np.arange(len(session.steps))[generation_rows(session)]
    return int(rows[len(rows) // 2]) if len(rows) else None


def figures_by_name(session: Session, names: tuple[str, ...]) -> dict[str, float | None]:
    """These figures of a session; each name must be in FIGURES."""
    facts = Facts(session)
    return {name: FIGURES[name].of(facts) for name in names}


# --- steps ----------------------------------------------------------------------------------------------------------


def _early_s(facts: Facts) -> float | None:
    """The median of the first steps after the one that computed the prompt."""
    return float(np.median(facts.walls_s[1 : 1 + EDGE])) if len(facts.walls_s) > 2 * EDGE else None


def _late_s(facts: Facts) -> float | None:
    return float(np.median(facts.walls_s[-EDGE:])) if len(facts.walls_s) > 2 * EDGE else None


def _before_s(facts: Facts) -> float | None:
    at = facts.switched_at
    return float(np.median(facts.walls_s[max(0, at - EDGE) : at])) if at else None


def _after_s(facts: Facts) -> float | None:
    """The median of the steps that follow a switch, without the one that fills the cache."""
    at = facts.switched_at
    after = facts.walls_s[at + 1 : at + 1 + EDGE] if at is not None else facts.walls_s[:0]
    return float(np.median(after)) if len(after) else None


def _recomputed_before(facts: Facts) -> float | None:
    """The share of the positions computed before the switch that an earlier step had computed already."""
    if facts.switched_at is None:
        return None
    rows = facts.rows[: facts.switched_at]
    again, computed = (int(facts.session.steps[f"positions_{name}"][rows].sum()) for name in ("recomputed", "computed"))
    return _ratio(again, computed)


def _overlapping(facts: Facts) -> float:
    """How many steps began before the one before had ended."""
    steps = facts.session.steps
    return float((steps["start_ns"][facts.rows][1:] < steps["end_ns"][facts.rows][:-1]).sum())


def _context(facts: Facts) -> float | None:
    """Positions that the last step looked at."""
    steps = facts.session.steps
    if not len(facts.rows):
        return None
    last = facts.rows[-1]
    return float(steps["positions_computed"][last] + steps["positions_reused"][last])


def _no_cache(facts: Facts) -> float:
    """Positions that generating one request after the other computes without a cache: P + (P+1) + ... for T tokens."""
    total = 0
    for request in facts.session.requests.values():
        tokens = len(request.token_rows)
        total += tokens * request.prompt_tokens + tokens * (tokens - 1) // 2
    return float(total)


def _summed(column: str) -> Callable[[Facts], float | None]:
    return lambda facts: float(facts.session.steps[column][facts.rows].sum())


# --- memory ---------------------------------------------------------------------------------------------------------


def _kv_used(facts: Facts, step: int | None) -> float | None:
    return None if step is None else float(facts.session.steps["kv_used_bytes"][step])


def _kv_peak(facts: Facts) -> float | None:
    return float(facts.session.steps["kv_used_bytes"].max()) if len(facts.rows) else None


def _kv_a_token(facts: Facts) -> float | None:
    shape = kv_shape_of(facts.session.model_config)
    return None if shape is None else float(shape.total_bytes(1))


def _held_positions(facts: Facts) -> float | None:
    return None if facts.middle is None else float(facts.positions[facts.middle])


def _kv_unshared(facts: Facts) -> float | None:
    """What the formula gives at the middle step if no request shared a block with another."""
    each, held = _kv_a_token(facts), _held_positions(facts)
    return None if each is None or held is None else each * held


def _kv_saved(facts: Facts) -> float | None:
    """The share of that which sharing saves."""
    whole, used = _kv_unshared(facts), _kv_used(facts, facts.middle)
    return None if not whole or used is None else 1 - used / whole


# --- one pass, one batch, one improvement ---------------------------------------------------------------------------


def _of_pass(read: Callable[[TeacherFigures], float | None]) -> Callable[[Facts], float | None]:
    return lambda facts: None if facts.taught is None else read(facts.taught)


def _share_of(*groups: str) -> Callable[[Facts], float | None]:
    """The share of a token's time that these groups take; None where they were not timed."""

    def share(facts: Facts) -> float | None:
        shares = [part.share for part in facts.latency.parts if part.part in groups]
        return None if None in shares else float(sum(one for one in shares if one is not None))

    return share


def _cell(metric: str, side: Literal["training", "inference", "gap"]) -> Callable[[Facts], float | None]:
    """A cell of the comparison of training and inference."""

    def value(facts: Facts) -> float | None:
        row = facts.table[metric]
        amounts: tuple[Amount, ...] = ((row.gap,) if row.gap else ()) if side == "gap" else getattr(row, side)
        return amounts[0].value if amounts else None

    return value


def _of_policies(
    name: str, kind: Kind, provenance: Provenance, read: Callable[[PolicyFigures], float | None]
) -> dict[str, Figure]:
    """A figure of the requests under static and of the same under continuous batching."""

    def under(policy: Policy) -> Callable[[Facts], float | None]:
        return lambda facts: None if facts.batches is None else read(getattr(facts.batches, policy))

    return {f"{policy}_{name}": Figure(kind, provenance, under(policy)) for policy in POLICIES}


def _of_batches(read: Callable[[BatchComparison], float | None]) -> Callable[[Facts], float | None]:
    return lambda facts: None if facts.batches is None else read(facts.batches)


def _factor(key: str) -> Callable[[Facts], float | None]:
    return lambda facts: facts.pairs[key].factor


def _of_side(key: str, side: Side) -> Callable[[Facts], float | None]:
    """The median of an improvement's measure, switched off or on."""

    def value(facts: Facts) -> float | None:
        found = getattr(facts.pairs[key], side)
        return None if found is None else float(found.median)

    return value


def _sides(name: str, key: str, kind: Kind, provenance: Provenance) -> dict[str, Figure]:
    return {f"{name}_{side}": Figure(kind, provenance, _of_side(key, side)) for side in SIDES}


def _long_prompt(facts: Facts) -> float | None:
    """Tokens of the prompt on which FlashAttention was measured."""
    load = facts.pairs["flash"].load
    return None if load is None else float(load.prompt_tokens[1])


def _ratio(above: float | None, below: float | None) -> float | None:
    return above / below if above is not None and below else None


def _over(above: str, below: str) -> Callable[[Facts], float | None]:
    """One named figure over another."""
    return lambda facts: _ratio(FIGURES[above].of(facts), FIGURES[below].of(facts))


FIGURES: Final[dict[str, Figure]] = {
    "tokens": Figure("count", "measured", lambda facts: float(len(facts.session.tokens))),
    "steps": Figure("count", "measured", lambda facts: float(len(facts.rows))),
    "wall_s": Figure("seconds", "measured", lambda facts: metrics.run_wall_s(facts.session)),
    "early_step_s": Figure("seconds", "measured", _early_s),
    "late_step_s": Figure("seconds", "measured", _late_s),
    "late_over_early": Figure("times", "derived", _over("late_step_s", "early_step_s")),
    "positions_computed": Figure("count", "measured", _summed("positions_computed")),
    "positions_new": Figure("count", "measured", _summed("positions_new")),
    "positions_without_cache": Figure("count", "predicted", _no_cache),
    "step_before_s": Figure("seconds", "measured", _before_s),
    "step_after_s": Figure("seconds", "measured", _after_s),
    "before_over_after": Figure("times", "derived", _over("step_before_s", "step_after_s")),
    "recomputed_before": Figure("share", "derived", _recomputed_before),
    "switched_at": Figure(
        "count", "measured",
        lambda facts: None if facts.switched_at is None else float(facts.rows[facts.switched_at]),
    ),
    "steps_s": Figure("seconds", "measured", lambda facts: float(facts.walls_s.sum())),
    "step_s": Figure(
        "seconds", "measured", lambda facts: float(np.median(facts.walls_s)) if len(facts.walls_s) else None
    ),
    "steps_over_step": Figure("times", "derived", _over("steps_s", "step_s")),
    "overlapping_steps": Figure("count", "derived", _overlapping),
    "last_context": Figure("count", "measured", _context),
    "middle_step": Figure(
        "count", "measured", lambda facts: None if facts.middle is None else float(facts.middle)
    ),
    "middle_positions": Figure("count", "measured", _held_positions),
    "middle_kv": Figure("bytes", "measured", lambda facts: _kv_used(facts, facts.middle)),
    "middle_kv_unshared": Figure("bytes", "predicted", _kv_unshared),
    "middle_kv_saved": Figure("share", "derived", _kv_saved),
    "kv_a_token": Figure("bytes", "predicted", _kv_a_token),
    "first_kv": Figure("bytes", "measured", lambda facts: _kv_used(facts, 0 if len(facts.rows) else None)),
    "peak_kv": Figure("bytes", "measured", _kv_peak),
    "kv_growth": Figure("times", "derived", _over("peak_kv", "first_kv")),
    "pass_s": Figure("seconds", "measured", _of_pass(lambda one: one.pass_s)),
    "serial_s": Figure("seconds", "measured", _of_pass(lambda one: one.serial_s)),
    "serial_over_pass": Figure("times", "derived", _of_pass(lambda one: one.factor)),
    "agreeing_tokens": Figure("count", "measured", _of_pass(lambda one: one.agreeing)),
    "pass_rate": Figure("rate", "measured", _cell("throughput", "training")),
    "serial_rate": Figure("rate", "measured", _cell("throughput", "inference")),
    "rate_gap": Figure("times", "derived", _cell("throughput", "gap")),
    "pass_mfu": Figure("share", "derived", _cell("utilisation", "training")),
    "serial_mfu": Figure("share", "derived", _cell("utilisation", "inference")),
    "mfu_gap": Figure("times", "derived", _cell("utilisation", "gap")),
    "token_s": Figure("seconds", "measured", lambda facts: facts.latency.token_s),
    "forward_share": Figure("share", "derived", _share_of("attention", "ffn", "norm")),
    "attention_share": Figure("share", "derived", _share_of("attention")),
    "ffn_share": Figure("share", "derived", _share_of("ffn")),
    "sampling_share": Figure("share", "derived", _share_of("sampling")),
    "projected_s": Figure("seconds", "derived", lambda facts: facts.latency.projected_s(PROJECTED_TOKENS)),
    "batch_requests": Figure("count", "measured", _of_batches(lambda one: float(one.static.requests))),
    **_of_policies("steps", "count", "measured", lambda one: float(one.slots.steps)),
    "batch_steps_factor": Figure("times", "derived", _of_batches(lambda one: one.steps_factor)),
    **_of_policies("s", "seconds", "measured", lambda one: one.wall_s),
    **_of_policies("rate", "rate", "measured", lambda one: one.tokens_per_s),
    **_of_policies("ttft_s", "seconds", "measured", lambda one: one.ttft_mean_s),
    **_of_policies("waste", "share", "derived", lambda one: one.slots.waste),
    "static_over_continuous": Figure("times", "derived", _of_batches(lambda one: one.time_factor)),
    "ttft_over": Figure("times", "derived", _of_batches(lambda one: one.ttft_factor)),
    **{f"factor_{key}": Figure("times", "derived", _factor(key)) for key in (*KEYS, "flash", "flash_memory")},
    **_sides("kv_use", "paged", "share", "derived"),
    **_sides("together", "paged_together", "mean", "derived"),
    **_sides("flash_s", "flash", "seconds", "measured"),
    **_sides("flash_bytes", "flash_memory", "bytes", "measured"),
    "long_prompt": Figure("count", "measured", _long_prompt),
}  # fmt: skip
