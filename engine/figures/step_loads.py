"""What each step carried beside the requests that only decode: prompts, positions computed again, drafts, marks.

A row is what one step computed for one request. Teacher-forced passes are left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.figures.pauses import pauses_of
from engine.figures.step_range import TEACHER, step_slice
from engine.session.schema import PHASES, Mark
from engine.session.store import Session

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

DRAFT: Final = PHASES.index("draft")
MOST_SETTINGS: Final = 64
"""The most different settings of the switches that are told apart; a damaged file may have one for each step."""
NEVER: Final = 2**62
"""The step of something that has not happened."""
MARKED: Final = frozenset({"switch", "graphs"})
"""Kinds of marks that say that work was done between two steps, or in one, that no token needed."""


@dataclass(frozen=True, slots=True)
class StepTimes:
    """The time of each step, ns, int64 [steps]; steps do not overlap, and pauses are left out."""

    wall: Ints
    """From its start, or from the end of the step before where that is later, to its end."""
    between: Ints
    """From the end of the step before to its start."""

    @property
    def period(self) -> Ints:
        """From the end of the step before to its own."""
        return self.wall + self.between


@dataclass(frozen=True, slots=True)
class Rows:
    """What a step computed for a request, one row each, in the order of requests, then of steps."""

    key: Ints
    """Index of the request times the number of steps, plus the step: ascending and unique."""
    step: Ints
    request: Ints
    """Index of the request in `StepLoads.requests`."""
    prompt: Ints
    """Positions that were computed for the first time, up to the request's first token."""
    again: Ints
    """Positions that a cache had held for the request and lost."""
    context: Ints
    """Positions that the last of the computed ones attends to."""

    def __len__(self) -> int:
        return len(self.key)


@dataclass(frozen=True, slots=True)
class StepLoads:
    """The loads of the steps that a session had when they were read; arrays are [steps]."""

    steps: int
    requests: Ints
    """The ids of the requests, ascending."""
    times: StepTimes
    rows: Rows
    generating: Flags
    setting: Ints
    """Which settings of the switches were in force, counted from 0."""
    decoding: Ints
    """Requests that decode, and rows of padding beside them."""
    contexts: Ints
    """The sum of the contexts of the requests that decode."""
    prompt: Ints
    again: Ints
    drafts: Ints
    drafting_s: Floats
    """The proposer's time as it was measured; 0 where phases were not."""
    mark: Ints
    """The last mark of a kind in MARKED in the time of a step, or between it and the one before, as an index into
    `marks`; -1 without one."""
    marks: tuple[Mark, ...]
    """All marks of the session; a person may change its list meanwhile."""

    @property
    def plain(self) -> Flags:
        """The steps that did nothing but decode, with drafts or without."""
        only = self.generating & (self.decoding > 0) & (self.prompt == 0) & (self.again == 0) & (self.mark < 0)
        plain: Flags = only
        return plain

    def largest(self, step: int, of: str) -> tuple[int, int] | None:
        """The request with most positions of a step in the column `prompt` or `again` of the rows: (its id, positions).

        None where there are no such positions.
        """
        own = self.rows_of_step(step)
        positions = getattr(self.rows, of)[own]
        if not positions.any():
            return None
        at = int(positions.argmax())
        return int(self.requests[self.rows.request[own[at]]]), int(positions[at])

    def rows_of_step(self, step: int) -> Ints:
        """The rows of one step, in the order of requests."""
        key = np.arange(len(self.requests)) * max(self.steps, 1) + step
        place = np.minimum(np.searchsorted(self.rows.key, key), len(self.rows) - 1)
        return place[self.rows.key[place] == key] if len(self.rows) else place[:0]

    def rows_of(self, request: int, first: int, end: int) -> Ints:
        """The rows of a request, by its id, in steps [first, end)."""
        key = int(np.searchsorted(self.requests, request)) * max(self.steps, 1)
        return np.arange(*np.searchsorted(self.rows.key, (key + first, key + end)).tolist())


def step_loads(session: Session) -> StepLoads:
    """The loads of all steps that a session has now."""
    steps = step_slice(session).stop
    table = session.steps
    generating = table["kind"][:steps] != TEACHER
    setting, cached = _settings(session, steps)
    ids = np.array(sorted(session.requests), np.int64)
    rows = _rows(session, steps, ids, generating, cached)
    marks = tuple(session.marks)
    only = (rows.prompt == 0) & (rows.again == 0)
    decoding = np.bincount(rows.step[only], minlength=steps)
    return StepLoads(
        steps=steps,
        requests=ids,
        times=_times(session, steps),
        rows=rows,
        generating=generating,
        setting=setting,
        decoding=decoding + _padding(session, steps),
        contexts=_summed(rows.step[only], rows.context[only], steps),
        prompt=_summed(rows.step, rows.prompt, steps),
        again=_summed(rows.step, rows.again, steps),
        drafts=_drafts(session, steps),
        drafting_s=session.phases["us"][:steps, DRAFT].astype(np.float64) / 1e6,
        mark=_marked(session, marks, steps),
        marks=marks,
    )


def _times(session: Session, steps: int) -> StepTimes:
    start, end = session.steps["start_ns"][:steps], session.steps["end_ns"][:steps]
    if not steps:
        return StepTimes(np.empty(0, np.int64), np.empty(0, np.int64))
    ended = np.maximum.accumulate(end)
    before = np.append(start[:1], ended[:-1])  # steps that are scheduled ahead may begin before the last one's end
    begin = np.maximum(start, before)
    between = begin - before - pauses_of(session).between(before, begin)
    return StepTimes(np.maximum(end - begin, 0), np.maximum(between, 0))


def _settings(session: Session, steps: int) -> tuple[Ints, Flags]:
    """By step: which settings were in force, and whether they keep computed positions in a cache."""
    known: dict[str, int] = {}
    cached: list[bool] = []
    highest = max((config.id for config in session.configs), default=0)
    index = np.zeros(min(highest, len(session.configs) + 1) + 1, np.int64)
    for config in list(session.configs):
        words = repr(sorted(config.switches.items()))
        if words not in known and len(known) < MOST_SETTINGS:
            known[words] = len(known)
            cached.append(config.switches.get("kv") != "none")
        if 0 <= config.id < len(index):
            index[config.id] = known.get(words, MOST_SETTINGS - 1)
    setting = index[np.clip(session.steps["config_id"][:steps], 0, len(index) - 1)]
    return setting, np.array(cached or [True])[setting]


def _rows(session: Session, steps: int, ids: Ints, generating: Flags, cached: Flags) -> Rows:
    table = session.work
    end = int(np.searchsorted(table["step_id"], steps))
    names = ("step_id", "request_id", "first", "end", "rejected")
    step, request, first, stop, rejected = (table[name][:end] for name in names)
    index = np.minimum(np.searchsorted(ids, request), max(len(ids) - 1, 0))
    real = generating[step] & (ids[index] == request) if len(ids) else np.zeros(len(step), bool)
    if not real.all():
        step, first, stop, rejected, index = (one[real] for one in (step, first, stop, rejected, index))
    key = index * max(steps, 1) + step
    order = np.argsort(key, kind="stable")
    key, step, index, first, kept = key[order], step[order], index[order], first[order], (stop - rejected)[order]
    heads = np.flatnonzero(np.diff(key, prepend=-1))
    if len(heads) < len(key):  # a request whose computed positions have holes has more than one row in a step
        first, kept = np.minimum.reduceat(first, heads), np.maximum.reduceat(kept, heads)
        key, step, index = key[heads], step[heads], index[heads]
    held = _held_before(index, kept)
    again = np.where(cached[step], np.maximum(np.minimum(kept, held) - first, 0), 0)
    begun = _first_steps(session, ids)
    prompt = np.where(step <= begun[index], np.maximum(kept - np.maximum(first, held), 0), 0)
    return Rows(key, step, index, prompt, again, kept)


def _held_before(request: Ints, kept: Ints) -> Ints:
    """For each row, the most positions of its request that an earlier row left, by rows in the order of requests."""
    apart = request * (int(kept.max(initial=0)) + 1)  # so that no request reaches into the next one
    most = np.maximum.accumulate(kept + apart) - apart
    before = np.append(0, most[:-1])[: len(most)]
    before[np.diff(request, prepend=-1) != 0] = 0
    return before


def _first_steps(session: Session, ids: Ints) -> Ints:
    """By request: the step of its first token; a step that never comes where it has none."""
    step_ids = session.tokens["step_id"]
    count = len(step_ids)
    lists = [session.requests[one].token_rows for one in ids.tolist()]
    first = np.array([rows[0] if rows and rows[0] < count else -1 for rows in lists], np.int64)
    return np.where(first >= 0, step_ids[first], NEVER) if count else np.full(len(ids), NEVER, np.int64)


def _summed(step: Ints, amount: Ints, steps: int) -> Ints:
    """The sum of an amount by step; most amounts are 0."""
    any_of = amount > 0
    total = np.bincount(step[any_of], amount[any_of], steps)
    return total.astype(np.int64)


def _padding(session: Session, steps: int) -> Ints:
    """By step: the rows of one position that belong to no request, as a static batch computes for ended ones."""
    table = session.work
    end = int(np.searchsorted(table["step_id"], steps))
    one = (table["request_id"][:end] < 0) & (table["end"][:end] - table["first"][:end] == 1)
    return np.bincount(table["step_id"][:end][one], minlength=steps)


def _drafts(session: Session, steps: int) -> Ints:
    table = session.speculation
    end = int(np.searchsorted(table["step_id"], steps))
    return np.bincount(table["step_id"][:end], table["proposed"][:end], steps).astype(np.int64)


def _marked(session: Session, marks: tuple[Mark, ...], steps: int) -> Ints:
    found = np.full(steps, -1, np.int64)
    if steps:
        ended = np.maximum.accumulate(session.steps["end_ns"][:steps])
        for index, mark in enumerate(marks):
            if mark.kind in MARKED:
                step = int(np.searchsorted(ended, mark.t_ns, "right"))
                if step < steps:
                    found[step] = index
    return found
