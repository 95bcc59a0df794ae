"""Why a token of B took longer or shorter than one of A: the difference taken apart, by a written rule.

Time per token is the time behind tokens a second over the tokens. It is a sum over the kinds of steps (decode; prefill
and mixed), the phases, and the gaps, of products: so much of something per token, times what one of it costs. The
difference of a product of two factors is split half and half (Shapley): the change of the first at the mean of the
second, and the change of the second at the mean of the first.

- *Decode steps*: each phase's time is fitted, within both sides together, as a fixed cost (each side its own) and
  what positions add (one cost for both): positions computed, (query, key) pairs of positions computed once more, and
  pairs of positions computed for the first time. The fit is of least absolute distances, and nothing costs less than 0.
  - `positions`: the change of positions computed, and of their pairs, per token, at their cost.
  - `bytes`: the change of pairs of new positions (longer contexts: more K and V to read) at their cost; and of the
    weights' bytes, where a step of B reads others than one of A: a phase's fixed cost is taken as bytes times seconds a
    byte.
  - `steps`: the change of steps per token (batching, speculation), at the fixed cost of a step.
  - `kernel`: the change of the fixed cost of attention, where another kernel ran.
  - a phase: the change of its fixed cost, otherwise.
- *Prefill*: each phase is positions per token times seconds a position. The first is `positions`, the second the phase.
- `gaps`: the time between steps per token, pauses left out.
- What decode steps took beyond the fit (bursts; what is not linear) is taken of both sides together as a share of the
  fitted time. It belongs to all parts above alike, since longer steps are held up longer.
- `unexplained`: the rest, as where one side was held up by more than that share.

The parts add up to the difference.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from typing import Final

import numpy as np

from engine.figures.compared_side import Floats, Ints, Side
from engine.figures.step_roles import DECODE
from engine.session.schema import PHASES

UNEXPLAINED: Final = "unexplained"
CAUSES: Final = ("positions", "bytes", "steps", "kernel", "gaps", *(f"phase {name}" for name in PHASES), UNEXPLAINED)
"""The names of all parts, in their order."""
WEIGHTS: Final = frozenset({"qkv", "attn_out", "ffn", "lm_head"})
"""Phases whose time goes with the weights that they read."""
SAME_BYTES: Final = 0.01
"""Weights that differ by less than this share are the same."""
ROUNDS: Final = 12
MOST: Final = 8_000
"""About the most steps that are fitted, evenly spaced."""


@dataclass(frozen=True, slots=True)
class Part:
    """One cause, and its part of the difference, seconds a token."""

    cause: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Explained:
    """The difference of the time per token, B - A, and its parts, largest first, the unexplained last."""

    a_s: float
    b_s: float
    parts: tuple[Part, ...]
    kernels: tuple[str, str]
    """The attention kernels of A and of B."""

    @property
    def difference_s(self) -> float:
        return self.b_s - self.a_s

    def share(self, cause: str) -> float:
        """The share of the difference that a cause explains; 0 without a difference."""
        found = sum(part.seconds for part in self.parts if part.cause == cause)
        return found / self.difference_s if self.difference_s else 0.0


def explained(a: Side, b: Side) -> Explained | None:
    """The parts of the difference; None where a side emitted nothing, or tells no steps."""
    if not (a.steps_told and b.steps_told) or not (a.emitted and b.emitted) or not (len(a) and len(b)):
        return None
    a_s, b_s = a.total_s / a.emitted, b.total_s / b.emitted
    parts: defaultdict[str, float] = defaultdict(float)
    gap_a, gap_b = ((side.total_s - float(side.wall_s.sum())) / side.emitted for side in (a, b))
    parts["gaps"] = gap_b - gap_a
    _decode(a, b, parts)
    _prefill(a, b, parts)
    difference = b_s - a_s
    rest = difference - math.fsum(parts.values())
    known = [Part(cause, seconds) for cause, seconds in parts.items() if seconds]
    known.sort(key=lambda part: (-abs(part.seconds), CAUSES.index(part.cause)))
    return Explained(a_s, b_s, (*known, Part(UNEXPLAINED, rest)), (a.kernel, b.kernel))


def _decode(a: Side, b: Side, parts: defaultdict[str, float]) -> None:
    rows = [np.flatnonzero(side.role == DECODE) for side in (a, b)]
    if not len(rows[0]) or not len(rows[1]):
        _only_one(a, b, rows, parts)
        return
    steps = [len(one) / side.emitted for side, one in zip((a, b), rows, strict=True)]
    loads = [_loads(side)[one] for side, one in zip((a, b), rows, strict=True)]
    totals = [load.sum(axis=0) / side.emitted for side, load in zip((a, b), loads, strict=True)]
    change = totals[1] - totals[0]
    times = [side.phases_s[one] for side, one in zip((a, b), rows, strict=True)]
    kernel = a.kernel != b.kernel and bool(a.kernel and b.kernel)
    fitted = [0.0, 0.0]
    by_fit: defaultdict[str, float] = defaultdict(float)
    for at, phase in enumerate(PHASES):
        spent = [time[:, at] for time in times]
        if not (spent[0].any() or spent[1].any()):
            continue
        fixed, slopes = _fit(loads, spent)
        by_fit["positions"] += float(slopes[0] * change[0] + slopes[1] * change[1])
        by_fit["bytes"] += float(slopes[2] * change[2])
        by_fit["steps"] += (steps[1] - steps[0]) * (fixed[0] + fixed[1]) / 2
        dearer = (fixed[1] - fixed[0]) * (steps[0] + steps[1]) / 2
        by_bytes = _by_bytes(a, b, at, fixed) * (steps[0] + steps[1]) / 2 if phase in WEIGHTS else 0.0
        by_fit["bytes"] += by_bytes
        by_fit["kernel" if kernel and phase == "attention" else f"phase {phase}"] += dearer - by_bytes
        for side in range(2):
            fitted[side] += fixed[side] * steps[side] + float(slopes @ totals[side])
    walls = [float(side.wall_s[one].sum()) / side.emitted for side, one in zip((a, b), rows, strict=True)]
    beyond = sum(walls) / sum(fitted) - 1 if sum(fitted) > 0 else 0.0
    for cause, seconds in by_fit.items():
        parts[cause] += (1 + beyond) * seconds


def _only_one(a: Side, b: Side, rows: list[Ints], parts: defaultdict[str, float]) -> None:
    """Only one side decoded at all: its decode steps are steps that the other did not take."""
    for side, one, sign in zip((a, b), rows, (-1, 1), strict=True):
        parts["steps"] += sign * float(side.wall_s[one].sum()) / side.emitted


def _loads(side: Side) -> Floats:
    """[steps, 3]: positions computed, pairs computed once more, pairs computed for the first time."""
    computed = side.positions.get("computed", np.zeros(len(side), np.int64))
    return np.stack([computed.astype(np.float64), side.pairs_again, side.pairs_once], axis=1)


def _fit(loads: list[Floats], spent: list[Floats]) -> tuple[list[float], Floats]:
    """(fixed cost of a step of A and of B, cost of each load) of a phase, seconds; least absolute distances."""
    thin = [slice(None, None, 1 + len(one) // MOST) for one in spent]
    x = np.concatenate([one[part] for one, part in zip(loads, thin, strict=True)])
    y = np.concatenate([one[part] for one, part in zip(spent, thin, strict=True)])
    of_b = np.repeat([False, True], [len(one[part]) for one, part in zip(spent, thin, strict=True)])
    weights = np.ones(len(y))
    least = 1e-3 * max(float(np.median(y)), 1e-9)
    sides = [~of_b, of_b]
    slopes, fixed = np.zeros(3), [0.0, 0.0]
    for _ in range(ROUNDS):
        # Each side has a fixed cost of its own, so slopes come from what varies within a side.
        means = [np.average(x[side], axis=0, weights=weights[side]) for side in sides]
        levels = [float(np.average(y[side], weights=weights[side])) for side in sides]
        inner = x - np.where(of_b[:, None], means[1], means[0])
        outer = y - np.where(of_b, levels[1], levels[0])
        slopes = _no_less_than_0(inner, outer, weights, np.abs(x).max(axis=0))
        fixed = [level - float(slopes @ mean) for level, mean in zip(levels, means, strict=True)]
        rest = np.abs(y - np.where(of_b, fixed[1], fixed[0]) - x @ slopes)
        weights = 1.0 / np.maximum(rest, least)
    return fixed, slopes


def _no_less_than_0(x: Floats, y: Floats, weights: Floats, size: Floats) -> Floats:
    """Weighted least squares without negative slopes: the most negative one is dropped until there is none.

    `size` is how large each column was before it was centred.
    """
    scale = np.sqrt((weights @ x**2) / weights.sum())
    slopes = np.zeros(x.shape[1])
    varies = scale > 1e-9 * size  # rounding is no variation
    chosen = np.flatnonzero(varies).tolist()
    root = np.sqrt(weights)
    while chosen:
        scaled = x[:, chosen] / scale[chosen]
        found, *_ = np.linalg.lstsq(scaled * root[:, None], y * root, rcond=1e-9)
        if found.min() >= 0:
            slopes[chosen] = found / scale[chosen]
            break
        chosen.pop(int(found.argmin()))
    return slopes


def _by_bytes(a: Side, b: Side, phase: int, fixed: list[float]) -> float:
    """The part of the change of a phase's fixed cost that its weights' bytes explain."""
    if a.weight_bytes is None or b.weight_bytes is None:
        return 0.0
    moved = float(a.weight_bytes[phase]), float(b.weight_bytes[phase])
    if min(moved) <= 0 or abs(moved[1] - moved[0]) <= SAME_BYTES * max(moved):
        return 0.0
    return (moved[1] - moved[0]) * (fixed[0] / moved[0] + fixed[1] / moved[1]) / 2


def _prefill(a: Side, b: Side, parts: defaultdict[str, float]) -> None:
    rows = [side.role != DECODE for side in (a, b)]
    each = []
    for side, chosen in zip((a, b), rows, strict=True):
        computed = side.positions.get("computed", np.zeros(len(side), np.int64))
        positions = float(computed[chosen].sum())
        each.append((positions / side.emitted, side.phases_s[chosen].sum(axis=0) / side.emitted))
    (many_a, spent_a), (many_b, spent_b) = each
    for at, phase in enumerate(PHASES):
        change = float(spent_b[at] - spent_a[at])
        if not many_a or not many_b:
            parts["positions"] += change  # only one side computed a prompt, or nobody tells of how many positions
            continue
        by_positions = (many_b - many_a) * float(spent_a[at] / many_a + spent_b[at] / many_b) / 2
        parts["positions"] += by_positions
        parts[f"phase {phase}"] += change - by_positions
