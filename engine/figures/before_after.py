"""What each improvement gained, from a session that holds the suite's runs: medians, spread, factor, same tokens."""

from __future__ import annotations

import re
from dataclasses import dataclass
from statistics import median
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.figures import metrics
from engine.figures.improvements import IMPROVEMENTS, LESS_IS_BETTER, SIDES, Improvement
from engine.figures.step_range import step_slice, token_rows
from engine.figures.switches import switches_at
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
class LoadFigures:
    """What a run was given and generated; (least, most) of its requests."""

    requests: int
    prompt_tokens: tuple[int, int]
    generated: tuple[int, int]
    most_tokens: int
    """The most tokens that any of them was allowed to generate."""
    kv_limit_bytes: int | None
    """The limit of the KV cache; None where it was not limited."""


@dataclass(frozen=True, slots=True)
class PairFigures:
    """One improvement as measured; a side that was not measured is None. `reason` says why it cannot run here.

    `load` is what its runs were given; None where there are none.
    """

    improvement: Improvement
    off: SideFigures | None
    on: SideFigures | None
    same_tokens: bool | None
    reason: str = ""
    load: LoadFigures | None = None

    @property
    def factor(self) -> float | None:
        """How many times better `on` is than `off`; above 1 is better for every measure. None without both medians."""
        if self.off is None or self.on is None or not self.off.median or not self.on.median:
            return None
        better = self.on.median / self.off.median
        return 1 / better if self.improvement.measure in LESS_IS_BETTER else better


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
        own = [run for run in runs if run.key == one.run_key and run.key not in why]  # a failed run has steps, too
        sides = {}
        for side in SIDES:
            values = [value_of(session, one, t.steps) for t in own if t.side == side and counts_for(one, t)]
            known = tuple(value for value in values if value is not None)
            sides[side] = SideFigures(known) if known else None
        texts = {side: [_tokens(session, t.steps) for t in own if t.side == side] for side in SIDES}
        same = all(a == texts["off"][0] for side in SIDES for a in texts[side]) if all(texts.values()) else None
        load = load_of(session, own[-1].steps) if own else None
        found.append(PairFigures(one, sides["off"], sides["on"], same, why.get(one.run_key, ""), load))
    return found


def counts_for(improvement: Improvement, run: RecordedRun) -> bool:
    """Whether a run counts for the improvement: the one that warms up does only where memory was counted in it."""
    return (run.repeat == 0) == (improvement.measure == "attention_memory")


def value_of(session: Session, improvement: Improvement, steps: tuple[int, int]) -> float | None:
    """The value of one run, by the improvement's measure; None where it was not recorded.

    Tokens/s; KV bytes used over reserved, and requests in a step, both over the steps in which others wait for memory
    (all steps where none waits); seconds of the attention phase in all steps; the most bytes that a layer's attention
    took.
    """
    rows = step_slice(session, steps)
    match improvement.measure:
        case "memory":
            chosen = _while_others_wait(session, rows)
            reserved = float(session.steps["kv_reserved_bytes"][chosen].sum())
            return float(session.steps["kv_used_bytes"][chosen].sum()) / reserved if reserved else None
        case "together":
            chosen = _while_others_wait(session, rows)
            return float(session.steps["running"][chosen].mean()) if len(chosen) else None
        case "attention":
            return float(session.phases["us"][rows, PHASES.index("attention")].astype(np.float64).sum()) / 1e6
        case "attention_memory":
            taken = int(session.steps["attention_peak_bytes"][rows].max())
            return float(taken) if taken >= 0 else None
        case "rate":
            return metrics.tokens_per_s(session, steps)


def _while_others_wait(session: Session, rows: slice) -> NDArray[np.intp]:
    """The steps of a run in which requests waited, or all where none did."""
    waiting = np.flatnonzero(session.steps["waiting"][rows])
    found: NDArray[np.intp] = waiting if len(waiting) else np.arange(rows.stop - rows.start)
    found += rows.start
    return found


def load_of(session: Session, steps: tuple[int, int]) -> LoadFigures:
    """What a run was given, and what it generated."""
    requests = _requests_of(session, steps)
    asked = [session.requests[one] for one in requests]
    made = [len(ids) for ids in _tokens(session, steps)]
    prompts = [one.prompt_tokens for one in asked]
    limit = switches_at(session, steps[0]).get("kv_memory")
    return LoadFigures(
        requests=len(requests),
        prompt_tokens=(min(prompts, default=0), max(prompts, default=0)),
        generated=(min(made, default=0), max(made, default=0)),
        most_tokens=max((int(one.params.get("max_new_tokens", 0)) for one in asked), default=0),
        kv_limit_bytes=None if limit is None else int(limit),
    )


def _requests_of(session: Session, steps: tuple[int, int]) -> list[int]:
    begin, end = np.searchsorted(session.work["step_id"], (steps[0], steps[1] + 1)).tolist()
    found = np.unique(session.work["request_id"][begin:end]).tolist()
    return [one for one in found if one in session.requests]


def _tokens(session: Session, steps: tuple[int, int]) -> list[list[int]]:
    """The tokens of each request of a run, in the order of the requests."""
    rows = token_rows(session, steps)
    request, ids = session.tokens["request_id"][rows], session.tokens["token_id"][rows]
    return [ids[request == one].tolist() for one in np.unique(request).tolist()]
