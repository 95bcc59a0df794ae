"""What each improvement gained, from a session that holds the suite's runs: medians, spread, factor, same tokens."""

from __future__ import annotations

import re
from dataclasses import dataclass
from statistics import median
from typing import Final

import numpy as np

from engine.figures import metrics
from engine.figures.improvements import IMPROVEMENTS, SIDES, Improvement
from engine.figures.step_range import step_slice, token_rows
from engine.figures.step_roles import DECODE, StepRoles
from engine.session.joining import KIND
from engine.session.schema import PHASES
from engine.session.store import Session

RUN_LABEL: Final = re.compile(r"(?!.* unavailable: ).* \S+ \d{1,9}", re.ASCII | re.DOTALL)
"""The label of a mark with which a run begins: an improvement, its side, the repeat."""


@dataclass(frozen=True, slots=True)
class SideFigures:
    """The repeats of one side, in the unit of the improvement's measure."""

    values: tuple[float, ...]

    @property
    def median(self) -> float:
        return median(self.values)

    @property
    def least(self) -> float:
        return min(self.values)

    @property
    def most(self) -> float:
        return max(self.values)


@dataclass(frozen=True, slots=True)
class PairFigures:
    """One improvement as measured; a side that was not measured is None. `reason` says why it cannot run here."""

    improvement: Improvement
    off: SideFigures | None
    on: SideFigures | None
    same_tokens: bool | None
    reason: str = ""

    @property
    def factor(self) -> float | None:
        """How many times better `on` is than `off`; above 1 is better for every measure. None without both medians."""
        if self.off is None or self.on is None or not self.off.median or not self.on.median:
            return None
        better = self.on.median / self.off.median
        return 1 / better if self.improvement.measure == "attention" else better


@dataclass(frozen=True, slots=True)
class RecordedRun:
    """One run of the suite within a session: its steps, both ends included."""

    key: str
    side: str
    repeat: int
    steps: tuple[int, int]


def recorded_runs(session: Session) -> list[RecordedRun]:
    """The runs that a session holds, by their marks; a run that has not ended is left out."""
    marks = [mark for mark in session.marks if mark.kind == KIND and RUN_LABEL.fullmatch(mark.label)]
    starts = session.steps["start_ns"]
    found = []
    for index, mark in enumerate(marks):
        key, side, repeat = mark.label.rsplit(" ", 2)
        first = int(np.searchsorted(starts, mark.t_ns))
        last = index + 1 == len(marks)
        end = len(starts) if last else int(np.searchsorted(starts, marks[index + 1].t_ns))
        if end > first and (not last or _is_over(session)):
            found.append(RecordedRun(key, side, int(repeat), (first, end - 1)))
    return found


def _is_over(session: Session) -> bool:
    return all(request.finished_ns is not None for request in session.requests.values())


def reasons(session: Session) -> dict[str, str]:
    """Improvements that could not run, and why, as the suite noted."""
    notes = [mark.label.partition(" unavailable: ") for mark in session.marks if mark.kind == KIND]
    return {key: why for key, found, why in notes if found}


def before_after(session: Session) -> list[PairFigures]:
    """Every improvement in the order of IMPROVEMENTS, with what was measured of it so far."""
    runs, why = recorded_runs(session), reasons(session)
    found = []
    for one in IMPROVEMENTS:
        own = [run for run in runs if run.key == one.key and one.key not in why]  # a failed run has steps, too
        sides = {}
        for side in SIDES:
            values = [value_of(session, one, t.steps) for t in own if t.side == side and t.repeat > 0]
            sides[side] = SideFigures(tuple(values)) if values else None
        texts = {side: [_tokens(session, t.steps) for t in own if t.side == side] for side in SIDES}
        same = all(a == texts["off"][0] for side in SIDES for a in texts[side]) if all(texts.values()) else None
        found.append(PairFigures(one, sides["off"], sides["on"], same, why.get(one.key, "")))
    return found


def value_of(session: Session, improvement: Improvement, steps: tuple[int, int]) -> float:
    """The value of one run, by the improvement's measure: tokens/s; KV bytes used over reserved, each summed over the
    steps; or seconds of attention for a token of one request, in decode steps.
    """
    rows = step_slice(session, steps)
    if improvement.measure == "memory":
        reserved = float(session.steps["kv_reserved_bytes"][rows].sum())
        return float(session.steps["kv_used_bytes"][rows].sum()) / reserved if reserved else 0.0
    if improvement.measure == "attention":
        roles = StepRoles(session)
        roles.update()
        decode = rows.start + np.flatnonzero(roles.role[rows] == DECODE)
        tokens = int(session.steps["tokens_out"][decode].sum())
        us = session.phases["us"][decode, PHASES.index("attention")].astype(np.float64) * roles.requests[decode]
        return float(us.sum()) / 1e6 / tokens if tokens else 0.0
    return metrics.tokens_per_s(session, steps) or 0.0


def _tokens(session: Session, steps: tuple[int, int]) -> list[list[int]]:
    """The tokens of each request of a run, in the order of the requests."""
    rows = token_rows(session, steps)
    request, ids = session.tokens["request_id"][rows], session.tokens["token_id"][rows]
    return [ids[request == one].tolist() for one in np.unique(request).tolist()]
