"""What a comparison needs of one side: a session, or a range of its steps, as a few columns that outlive the session.

The time of a step is its wall time and the gap before it (from the end of the step before, or from the first arrival),
pauses left out, so that the times of all steps are the time behind tokens a second (`rates.py`). Teacher-forced passes
are left out.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.figures import rates
from engine.figures.gaps import emission_gaps
from engine.figures.metrics import CLASSES, by_id, phase_table_s, request_figures
from engine.figures.pauses import pauses_of
from engine.figures.phase_cost import phase_costs
from engine.figures.request_table import RequestTable
from engine.figures.side_by_side import SideBySide
from engine.figures.step_range import StepRange, generation_rows, step_slice, token_rows
from engine.figures.step_roles import DECODE, StepRoles
from engine.figures.told import column_told, told
from engine.session.paced import pace_of
from engine.session.store import Session

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

WARM_STEPS: Final = 16
WARM_SHARE: Final = 0.05
"""The first decode steps after a start or a switch are warm-up: so many, and at most this share of the decode steps."""
NEVER: Final = 2**62
UNPAIRED: Final = 2**40
"""Requests without a counterpart are numbered from here on A's side, and from twice this on B's."""


@dataclass(frozen=True, slots=True)
class Matched:
    """How the requests of a side are known, by their id."""

    numbers: dict[int, int]
    """The same for a request and its counterpart on the other side."""
    until: dict[int, int]
    """The position at which the texts part; 0 for a request without a counterpart."""


@dataclass(frozen=True, slots=True)
class Gaps:
    """The gaps that emissions ended, in the order of time."""

    seconds: Floats
    key: Ints
    """The token that ended the gap: equal keys of both sides stand for the same place of the same request."""
    common: Flags
    """Whether it is before the place at which the texts part."""


@dataclass(frozen=True, slots=True)
class Fates:
    """Of the requests that began or ended in the range: their times, seconds (NaN: outside of it), by arrival."""

    key: Ints
    ttft_s: Floats
    tpot_s: Floats


@dataclass(frozen=True, slots=True)
class Side:
    """One side. Arrays are by generating step, in order."""

    step: Ints
    """The ids of the steps."""
    role: NDArray[np.uint8]
    start_s: Floats
    wall_s: Floats
    gap_s: Floats
    tokens: Ints
    phases_s: Floats
    """[steps, phases]."""
    positions: dict[str, Ints]
    """By class, those that were told."""
    moved_bytes: Ints | None
    kv_used_bytes: Ints | None
    kv_reserved_bytes: Ints | None
    pairs_once: Floats
    """(query, key) pairs of positions that were computed for the first time."""
    pairs_again: Floats
    """The same of positions that were computed again, and of padding."""
    weight_bytes: Floats | None
    """[phases]: what a decode step reads of weights, the mean; None where the model's shape is not known."""
    kernel: str
    """The attention kernel of most decode steps; "" where nobody told."""
    key: Ints
    """What each step emitted: equal keys of both sides stand for the same tokens of the same requests."""
    common: Flags
    """Whether all that a step emitted is before the place at which the texts part."""
    warm: Flags
    """Decode steps of the warm-up."""
    gaps: Gaps
    fates: Fates
    total_s: float
    """The time behind tokens a second."""
    steps_told: bool
    phases_told: bool

    def __len__(self) -> int:
        return len(self.step)

    @property
    def seconds(self) -> Floats:
        """Each step with the gap before it."""
        return self.wall_s + self.gap_s

    @property
    def emitted(self) -> int:
        """Tokens of the side; of a server without steps, those whose gaps are known."""
        return int(self.tokens.sum()) if self.steps_told else len(self.gaps.seconds) + len(self.fates.key)

    @property
    def in_common(self) -> Side:
        """The steps and gaps before the texts part; the time is that of these steps."""
        keep, gaps = self.common, self.gaps
        chosen = {
            one.name: getattr(self, one.name)[keep]
            for one in fields(self)
            if isinstance(getattr(self, one.name), np.ndarray) and one.name != "weight_bytes"
        }
        return replace(
            self,
            **chosen,
            positions={name: column[keep] for name, column in self.positions.items()},
            gaps=Gaps(gaps.seconds[gaps.common], gaps.key[gaps.common], gaps.common[gaps.common]),
            fates=Fates(self.fates.key[:0], self.fates.ttft_s[:0], self.fates.tpot_s[:0]),
            total_s=float(self.seconds[keep].sum()),
        )


def compared_side(session: Session, known: Matched, steps: StepRange = None) -> Side:
    """The columns of a session, or of a range of its steps."""
    part = step_slice(session, steps)
    if steps is None and part.stop and told(session, "steps"):
        steps = (0, part.stop - 1)  # the session may grow meanwhile
    chosen = generation_rows(session, steps)
    rows = np.arange(chosen.start, chosen.stop) if isinstance(chosen, slice) else chosen
    table = session.steps
    wall_s, gap_s = _times(session, part, rows)
    roles = StepRoles(session)
    roles.update()
    role = roles.role[rows]
    has_steps = told(session, "steps")
    tokens = token_rows(session, steps)
    once, again = _pairs(session, part, rows)

    def column(name: str) -> Ints | None:
        return table[name][rows].astype(np.int64) if column_told(session, name) else None

    classes = {name: column(f"positions_{name}") for name in CLASSES}
    return Side(
        step=rows,
        role=role,
        start_s=table["start_ns"][rows] / 1e9,
        wall_s=wall_s,
        gap_s=gap_s,
        tokens=table["tokens_out"][rows].astype(np.int64),
        phases_s=phase_table_s(session, steps)[rows - part.start],
        positions={name: values for name, values in classes.items() if values is not None},
        moved_bytes=column("bytes_moved"),
        kv_used_bytes=column("kv_used_bytes"),
        kv_reserved_bytes=column("kv_reserved_bytes"),
        pairs_once=once,
        pairs_again=again,
        weight_bytes=_weight_bytes(session, part, rows, role),
        kernel=_kernel(session, rows, role),
        key=_step_keys(session, known, rows),
        common=_common_steps(session, known, rows),
        warm=_warm(session, rows, role),
        gaps=_gaps(session, known, tokens),
        fates=_fates(session, known, tokens),
        total_s=rates.wall_ns(session, part.start, part.stop) / 1e9,
        steps_told=has_steps,
        phases_told=told(session, "steps", "phases"),
    )


def matched(beside: SideBySide, a: Session, b: Session) -> tuple[Matched, Matched]:
    """How the requests of A and of B are known."""
    of_a, of_b = Matched({}, {}), Matched({}, {})
    for place, pair in enumerate(beside.pairs):
        for side, session, one in ((of_a, a, pair.a), (of_b, b, pair.b)):
            rows = session.requests[one].token_rows
            parts = pair.parting is not None and pair.tokens < len(rows)
            side.numbers[one] = place
            side.until[one] = int(session.tokens["position"][rows[pair.tokens]]) if parts else NEVER
    for side, session, first in ((of_a, a, UNPAIRED), (of_b, b, 2 * UNPAIRED)):
        for one in list(session.requests):
            side.numbers.setdefault(one, first + one)
            side.until.setdefault(one, 0)
    return of_a, of_b


def _times(session: Session, part: slice, rows: Ints) -> tuple[Floats, Floats]:
    """(wall, gap before) of these steps, seconds; steps do not overlap."""
    start, end = (session.steps[name][part] for name in ("start_ns", "end_ns"))
    if not len(rows):
        return np.empty(0), np.empty(0)
    ended = np.maximum.accumulate(end)
    before = np.append(start[:1], ended[:-1])
    first = int(rows[0]) - part.start
    before[first] = rates.begin_ns(session, int(rows[0]))  # not the end of a teacher-forced pass
    begin = np.maximum(start, before)
    between = begin - before - pauses_of(session).between(before, begin)
    at = rows - part.start
    return np.maximum(end - begin, 0)[at] / 1e9, np.maximum(between, 0)[at] / 1e9


def _pairs(session: Session, part: slice, rows: Ints) -> tuple[Floats, Floats]:
    work = session.work
    begin, end = np.searchsorted(work["step_id"], (part.start, part.stop)).tolist()
    step, request, first, new_from, stop = (
        work[name][begin:end] for name in ("step_id", "request_id", "first", "new_from", "end")
    )
    new_from = np.where(request >= 0, np.clip(new_from, first, stop), stop)
    count, at = part.stop - part.start, step - part.start
    again = np.bincount(at, _triangle(first, new_from), count)
    once = np.bincount(at, _triangle(new_from, stop), count)
    inside = rows - part.start
    return once[inside], again[inside]


def _triangle(first: Ints, end: Ints) -> Floats:
    """(query, key) pairs of the positions [first, end), each of which sees itself and all before it."""
    counts: Floats = (end * (end + 1) - first * (first + 1)) / 2
    return counts


def _weight_bytes(session: Session, part: slice, rows: Ints, role: NDArray[np.uint8]) -> Floats | None:
    if session.serving is not None or not len(rows):
        return None
    costs = phase_costs(session, (part.start, part.stop - 1))
    decode = rows[role == DECODE] - part.start
    return None if costs is None or not len(decode) else costs[1][decode].mean(axis=0)


def _kernel(session: Session, rows: Ints, role: NDArray[np.uint8]) -> str:
    decode = rows[role == DECODE]
    if not len(decode) or not column_told(session, "attention_kernel"):
        return ""
    return session.attention_kernels[int(np.bincount(session.steps["attention_kernel"][decode]).argmax())]


def _step_keys(session: Session, known: Matched, rows: Ints) -> Ints:
    """The sum of what is mixed of each token that a step emitted."""
    tokens = _tokens_of(session, rows)
    if not len(tokens):
        return np.zeros(len(rows), np.int64)
    key = _keys(session, known, tokens).astype(np.uint64)
    key = (key ^ (key >> np.uint64(31))) * np.uint64(0x9E3779B97F4A7C15)
    key ^= key >> np.uint64(29)
    found: Ints = _by_step(session, tokens, rows, key).view(np.int64)
    return found


def _common_steps(session: Session, known: Matched, rows: Ints) -> Flags:
    tokens = _tokens_of(session, rows)
    if not len(tokens):
        return np.ones(len(rows), bool)
    beyond = ~_in_common(session, known, tokens)
    common: Flags = _by_step(session, tokens, rows, beyond.astype(np.uint64)) == 0
    return common


def _tokens_of(session: Session, rows: Ints) -> Ints:
    """The rows of the tokens from the first of these steps to the last."""
    if not len(rows):
        return np.empty(0, np.int64)
    low, high = np.searchsorted(session.tokens["step_id"], (rows[0], rows[-1] + 1)).tolist()
    return np.arange(low, high)


def _by_step(session: Session, tokens: Ints, rows: Ints, amounts: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The sum of an amount of each token by the step that emitted it."""
    total = np.append(np.uint64(0), np.cumsum(amounts, dtype=np.uint64))
    step = session.tokens["step_id"][tokens[0] : tokens[-1] + 1]
    sums: NDArray[np.uint64] = total[np.searchsorted(step, rows, "right")] - total[np.searchsorted(step, rows, "left")]
    return sums


def _looked_up(session: Session, tokens: Ints, known: dict[int, int]) -> Ints:
    """What is known of the request of each token; 0 of one that has come since."""
    requests, index = np.unique(session.tokens["request_id"][tokens], return_inverse=True)
    found: Ints = np.array([known.get(one, 0) for one in requests.tolist()], np.int64)[index.ravel()]
    return found


def _keys(session: Session, known: Matched, tokens: Ints) -> Ints:
    """The key of each token: its request's number, and its position, which counts the prompt that both sides have."""
    keys: Ints = (_looked_up(session, tokens, known.numbers) << 20) ^ session.tokens["position"][tokens].astype(
        np.int64
    )
    return keys


def _in_common(session: Session, known: Matched, tokens: Ints) -> Flags:
    before: Flags = session.tokens["position"][tokens] < _looked_up(session, tokens, known.until)
    return before


def _warm(session: Session, rows: Ints, role: NDArray[np.uint8]) -> Flags:
    """The first decode steps after the session's start, after a pause between runs and after a switch."""
    found = np.zeros(len(rows), bool)
    decode = np.flatnonzero(role == DECODE)
    if not len(decode):
        return found
    pauses = pauses_of(session)
    rests = [pauses.until_ns[at] for at, label in enumerate(pauses.labels) if pace_of(label) is None]
    after = np.searchsorted(session.steps["start_ns"][rows], np.array(rests, np.int64))
    changes = np.searchsorted(rows, np.array([config.step_id for config in session.configs], np.int64))
    begun = np.unique(np.concatenate([[0], changes, after]))
    many = min(WARM_STEPS, int(WARM_SHARE * len(decode)))
    ends = [*begun[1:].tolist(), len(rows)]
    for begin, end in zip(begun.tolist(), ends, strict=True):
        inside = decode[slice(*np.searchsorted(decode, (begin, end)).tolist())]
        found[inside[:many]] = (begin == 0 and rows[0] == 0) or begin > 0
    return found if found.sum() <= 2 * WARM_SHARE * len(decode) else np.zeros(len(rows), bool)


def _gaps(session: Session, known: Matched, tokens: Ints) -> Gaps:
    rows, seconds = emission_gaps(session, tokens)
    order = np.argsort(session.tokens["emitted_ns"][rows], kind="stable")
    rows = rows[order]
    if not len(rows):
        return Gaps(seconds, rows, np.zeros(0, bool))
    return Gaps(seconds[order], _keys(session, known, rows), _in_common(session, known, rows))


def _fates(session: Session, known: Matched, tokens: Ints) -> Fates:
    low, high = (int(tokens[0]), int(tokens[-1])) if len(tokens) else (0, -1)
    found: list[tuple[int, int, float, float]] = []
    table = RequestTable(session)
    table.update()
    for request in by_id(session):
        held = request.token_rows
        count = len(held)
        if not count:
            continue
        begins, ends = low <= held[0] <= high, low <= held[count - 1] <= high
        if begins or ends:
            figures = request_figures(session, request, table)
            ttft = figures.ttft_s if begins and figures.ttft_s is not None else np.nan
            tpot = figures.tpot_s if ends and figures.tpot_s is not None else np.nan
            found.append((request.arrived_ns, known.numbers.get(request.id, 0), ttft, tpot))
    found.sort()
    columns = list(zip(*found, strict=True)) or [(), (), (), ()]
    return Fates(np.array(columns[1], np.int64), np.array(columns[2], np.float64), np.array(columns[3], np.float64))
