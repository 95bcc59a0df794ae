"""Why a step took longer than others of its kind: it is compared, part by part, with the median of comparable steps.

Comparable are steps of the same kind under the same settings of the switches with as many requests; where there are
too few of them, steps with about as many requests, then with any number, then under any settings. Of many, those
nearest in time are taken. The parts are groups of phases; what the step's phases leave of its time, or the medians of
the parts of the median's, is unexplained.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from engine.figures.pauses import pauses_of
from engine.figures.step_loads import MARKED
from engine.figures.told import column_told, told
from engine.session.schema import GROUP_OF, PHASES, Mark
from engine.session.store import LAUNCHES, STEP_KINDS, Session

Ints = NDArray[np.int64]
Alike = Literal["rows", "near", "settings", "kind"]
"""What the steps share beside their kind: settings and number of requests; settings and about that number; settings;
nothing more.
"""
Verdict = Literal["slower", "usual", "faster"]
LEAST: Final = 8
"""The fewest other steps with which a step is compared."""
MOST: Final = 4000
"""The most; they are the nearest in time."""
NEAR: Final = 1.5
"""By which factor the number of requests may differ where it is about as many."""
NOTICED: Final = 0.1
"""No smaller share of the median is called slower or faster, whatever the others do."""
USUAL: Final = (10.0, 90.0)
"""Percentiles of the others between which a step is usual."""
SMALL: Final = 0.05
"""A part below this share of the difference is not named, but counted."""
COUNTS: Final = 1.2
"""By which factor a count must differ from its median to be told."""
PARTS: Final = ("prepare", "attention", "ffn", "norm", "sampling", "draft")
"""The groups of phases that are compared; `draft` stands by itself."""
DRAFT: Final = PHASES.index("draft")
COLUMNS_OF: Final = {
    part: [n for n, phase in enumerate(PHASES) if n != DRAFT and phase != "other" and GROUP_OF[phase] == part]
    for part in PARTS
} | {"draft": [DRAFT]}


@dataclass(frozen=True, slots=True)
class Differs:
    """A count of the step and the median of that of the others."""

    here: int
    usual: float


@dataclass(frozen=True, slots=True)
class WhySlow:
    """A step beside comparable ones; times in seconds."""

    step: int
    kind: str
    step_s: float
    peers: int
    alike: Alike
    rows: tuple[int, int]
    """The least and the most requests that the others have."""
    median_s: float
    verdict: Verdict
    parts: tuple[tuple[str, float], ...]
    """(part, how much longer than the median of the others): of PARTS, the largest difference first; those below SMALL
    are left out. Empty where phases were not told, not recorded, or not timed in this step."""
    unexplained_s: float | None
    """What the parts leave of the difference; None where there are no parts."""
    gap_s: float | None
    """The time before the step in which nothing ran, pauses left out, where it is longer than usual; else None."""
    gap_median_s: float
    paused_before: bool
    """Whether the run rested or was paused right before the step."""
    positions: Differs | None
    """Positions computed, where they are others than usual."""
    recomputed: int
    """Positions that had been computed before, where that is not usual; else 0."""
    launch: str
    """How it was launched, where most others were launched otherwise; else ""."""
    kernel: str
    """Its attention kernel, where most others ran another one; else ""."""
    marks: tuple[Mark, ...]
    """Captures and switches since the step before it ended."""

    @property
    def excess_s(self) -> float:
        """How much longer it took than the median."""
        return self.step_s - self.median_s


def why_slow(session: Session, step: int) -> WhySlow | None:
    """The step beside comparable ones; None where there are too few, or the session does not have it."""
    count = len(session.steps)
    if not 0 <= step < count or not told(session, "steps"):
        return None
    peers, alike = _peers(session, step, count)
    if len(peers) < LEAST:
        return None
    steps = session.steps
    walls = (steps["end_ns"][peers] - steps["start_ns"][peers]) / 1e9
    step_s = float(steps["end_ns"][step] - steps["start_ns"][step]) / 1e9
    median_s = float(np.median(walls))
    parts, unexplained_s = _parts(session, step, peers, step_s - median_s)
    gap_s, gap_median_s = _gap(session, step, peers, median_s)
    rows = steps["running"][peers]
    return WhySlow(
        step=step,
        kind=STEP_KINDS[int(steps["kind"][step])],
        step_s=step_s,
        peers=len(peers),
        alike=alike,
        rows=(int(rows.min()), int(rows.max())),
        median_s=median_s,
        verdict=_verdict(step_s, walls, median_s),
        parts=parts,
        unexplained_s=unexplained_s,
        gap_s=gap_s,
        gap_median_s=gap_median_s,
        paused_before=_paused_before(session, step),
        positions=_differs(steps["positions_computed"], step, peers),
        recomputed=_recomputed(session, step, peers),
        launch=LAUNCHES[int(steps["launch"][step])] if _is_odd(session, "launch", step, peers) else "",
        kernel=(
            session.attention_kernels[int(steps["attention_kernel"][step])]
            if _is_odd(session, "attention_kernel", step, peers)
            else ""
        ),
        marks=_marks(session, step),
    )


def _peers(session: Session, step: int, count: int) -> tuple[Ints, Alike]:
    """The comparable steps, in order, without the step itself, and what they share."""
    steps = session.steps
    of_kind = steps["kind"][:count] == steps["kind"][step]
    of_kind[step] = False
    configs = steps["config_id"][:count]
    same = np.isin(configs, _same_settings(session, int(configs[step])))
    running, own = steps["running"][:count], int(steps["running"][step])
    near = (running >= own / NEAR) & (running <= own * NEAR)
    found: Ints = np.empty(0, np.int64)
    ways: tuple[tuple[Alike, NDArray[np.bool_]], ...] = (
        ("rows", same & (running == own)), ("near", same & near), ("settings", same), ("kind", np.ones(count, bool)),
    )  # fmt: skip
    alike: Alike = "kind"
    for shared, chosen in ways:
        found, alike = np.flatnonzero(of_kind & chosen), shared
        if len(found) >= LEAST:
            break
    if len(found) > MOST:
        middle = int(np.searchsorted(found, step))
        first = min(max(0, middle - MOST // 2), len(found) - MOST)
        found = found[first : first + MOST]
    return found, alike


def _same_settings(session: Session, config_id: int) -> list[int]:
    """The ids of all settings that are equal to these."""
    configs = list(session.configs)
    own = next((config.switches for config in configs if config.id == config_id), None)
    return [config_id, *(config.id for config in configs if config.switches == own)]


def _verdict(step_s: float, walls: NDArray[np.float64], median_s: float) -> Verdict:
    low, high = (float(value) for value in np.percentile(walls, USUAL))
    if step_s > max(high, median_s * (1 + NOTICED)):
        return "slower"
    return "faster" if step_s < min(low, median_s * (1 - NOTICED)) else "usual"


def _parts(
    session: Session, step: int, peers: Ints, excess_s: float
) -> tuple[tuple[tuple[str, float], ...], float | None]:
    """(the parts, what they leave of the difference). Phases of a replayed graph are not timed, so it has no parts."""
    if not told(session, "phases") or LAUNCHES[int(session.steps["launch"][step])] == "graph":
        return (), None
    table = session.phases["us"]
    if step >= len(table) or not table[step].any():
        return (), None
    timed = peers[session.steps["launch"][peers] != LAUNCHES.index("graph")]
    others = table[timed[timed < len(table)]].astype(np.float64) / 1e6
    if len(others) < LEAST:
        return (), None
    own = table[step].astype(np.float64) / 1e6
    more = {
        part: float(own[columns].sum() - np.median(others[:, columns].sum(axis=1)))
        for part, columns in COLUMNS_OF.items()
    }
    named = [(part, value) for part, value in more.items() if abs(value) >= SMALL * abs(excess_s) and value]
    named.sort(key=lambda one: -abs(one[1]))
    return tuple(named), excess_s - sum(value for _, value in named)


def _gap(session: Session, step: int, peers: Ints, median_s: float) -> tuple[float | None, float]:
    """(the gap before the step where it is longer than usual, the median of the gaps before the others), seconds."""
    if step == 0:
        return None, 0.0
    after = peers[peers > 0]
    if not len(after):
        return None, 0.0
    gaps = _gaps_s(session, after)
    own, usual = float(_gaps_s(session, np.array([step], np.int64))[0]), float(np.median(gaps))
    longer = own > float(np.percentile(gaps, USUAL[1])) and own - usual > NOTICED * median_s
    return (own if longer else None), usual


def _gaps_s(session: Session, steps: Ints) -> NDArray[np.float64]:
    """The time before each of these steps in which no step ran, without pauses."""
    since, until = session.steps["end_ns"][steps - 1], session.steps["start_ns"][steps]
    gaps: NDArray[np.float64] = np.maximum(until - since - pauses_of(session).between(since, until), 0) / 1e9
    return gaps


def _paused_before(session: Session, step: int) -> bool:
    if step == 0:
        return False
    since, until = (int(session.steps[name][row]) for name, row in (("end_ns", step - 1), ("start_ns", step)))
    return pauses_of(session).within(since, until) > 0


def _differs(column: Any, step: int, peers: Ints) -> Differs | None:
    """A count that is well above or below its median."""
    here, usual = int(column[step]), float(np.median(column[peers]))
    return Differs(here, usual) if max(here, usual) > COUNTS * min(here, usual) else None


def _recomputed(session: Session, step: int, peers: Ints) -> int:
    column = session.steps["positions_recomputed"]
    here = int(column[step])
    return here if here > COUNTS * float(np.median(column[peers])) else 0


def _is_odd(session: Session, column: str, step: int, peers: Ints) -> bool:
    """Whether more than half of the others have another value than the step."""
    if not column_told(session, column):
        return False
    values = session.steps[column]
    return bool((values[peers] != values[step]).mean() > 0.5)


def _marks(session: Session, step: int) -> tuple[Mark, ...]:
    steps = session.steps
    since = int(steps["end_ns"][step - 1]) if step else -(2**62)
    until = int(steps["end_ns"][step])
    return tuple(mark for mark in list(session.marks) if mark.kind in MARKED and since <= mark.t_ns <= until)
