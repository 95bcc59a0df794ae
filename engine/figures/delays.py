"""Why a token was late: how the time of a gap over its request's median gap divides among causes.

A gap is late where it is longer than the median gap of its request. What it is longer by is divided among CAUSES by the
rules of ARCHITECTURE.md; the parts are never negative and sum to it. No time of a step is counted for two causes, and
what no rule explains, or what the session's own noise may explain, is `unexplained`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from engine.figures.emissions import Emissions, emissions_of, median_of
from engine.figures.plain_steps import PlainSteps, plain_steps, spread_of
from engine.figures.step_loads import Flags, Floats, Ints, StepLoads, step_loads
from engine.figures.step_range import StepRange
from engine.session.store import Session

CAUSES: Final = (
    "queue", "preemption", "prefill", "batch", "speculation", "capture", "host", "client", "unexplained",
)  # fmt: skip
"""The causes, in the order of the columns of `Delays.seconds`."""
OF_ROWS: Final = ("queue", "preemption", "prefill", "speculation", "capture", "host")
"""The causes whose seconds are known for each step of a request, in the order of the columns of `_of_rows`."""
FACTS: Final = frozenset({"queue", "preemption", "batch"})
"""The causes that are told by what the steps computed; time alone tells the others, and so noise may pass for them."""
OF_TIME: Final = np.array([index for index, cause in enumerate(CAUSES) if cause not in FACTS])
MOST_LATE: Final = 50
"""The most late tokens that are listed one by one."""
CAP: Final = 2.0
"""Positions of a prompt explain at most this many times what they usually add to a step."""


@dataclass(frozen=True, slots=True)
class StepShares:
    """Seconds by cause that a step took longer than a plain one, float64 [steps]; they do not overlap."""

    prefill: Floats
    preemption: Floats
    speculation: Floats
    capture: Floats
    host: Floats


@dataclass(frozen=True, slots=True)
class DelayTotals:
    """Some late gaps together."""

    late: int
    excess_s: float
    seconds: dict[str, float]
    """By cause; they sum to `excess_s`."""
    main: dict[str, int]
    """By cause: how many late gaps it explains more of than any other cause."""


@dataclass(frozen=True, slots=True)
class Delays:
    """The gaps of a session as it was when they were read. Arrays are in the order of `session.tokens`."""

    tokens: int
    """How many tokens the session had."""
    loads: StepLoads
    plain: PlainSteps
    shares: StepShares
    row: Ints
    """The first token of each emission that ends a late gap, int64 [late]: a row of `session.tokens`."""
    before: Ints
    """The first token of the emission before."""
    usual_step: Ints
    """A step of the request with the usual number of rows, under the usual settings; -1 where steps are not told."""
    gap_s: Floats
    median_s: Floats
    """The median gap of its request."""
    seconds: Floats
    """float64 [late, CAUSES]; a row sums to what the gap is longer than the median by."""
    ends_gap: Ints
    """The first token of every emission that ends a gap, late or not."""

    @property
    def excess_s(self) -> Floats:
        """What each late gap is longer by than the median."""
        excess: Floats = self.gap_s - self.median_s
        return excess

    def within(self, session: Session, steps: StepRange = None) -> Ints:
        """The late gaps that end in a range of steps, as indices of the arrays."""
        part = _part(session, self.row, self.tokens, steps)
        return np.arange(part.start, part.stop)

    def gaps(self, session: Session, steps: StepRange = None) -> int:
        """How many gaps end in a range of steps, late or not."""
        part = _part(session, self.ends_gap, self.tokens, steps)
        return len(range(len(self.ends_gap))[part])

    def totals(self, chosen: Ints) -> DelayTotals:
        """Seconds and late gaps by cause, of these."""
        seconds = self.seconds[chosen]
        main = np.bincount(seconds.argmax(axis=1), minlength=len(CAUSES))
        return DelayTotals(
            late=len(chosen),
            excess_s=float(self.excess_s[chosen].sum()),
            seconds=dict(zip(CAUSES, seconds.sum(axis=0).tolist(), strict=True)),
            main=dict(zip(CAUSES, main.tolist(), strict=True)),
        )

    def most_delayed(self, chosen: Ints, most: int) -> Ints:
        """Those of these that are longest over their median, longest first: at most so many."""
        excess = self.excess_s[chosen]
        longest = np.arange(len(chosen)) if len(chosen) <= most else np.argpartition(-excess, most)[:most]
        found: Ints = chosen[longest[np.lexsort((longest, -excess[longest]))]]
        return found

    def index_of(self, session: Session, token: int) -> int | None:
        """The late gap that a token's emission ends; None where it is not late, or not read yet."""
        tokens = session.tokens
        if token >= self.tokens or not len(self.row):
            return None
        request, emitted = int(tokens["request_id"][token]), int(tokens["emitted_ns"][token])
        at = int(np.searchsorted(self.row, token, "right")) - 1
        while at >= 0 and int(tokens["emitted_ns"][self.row[at]]) == emitted:
            if int(tokens["request_id"][self.row[at]]) == request:
                return at
            at -= 1
        return None


def delays_of(session: Session) -> Delays:
    """The delays of a session, kept until it has more steps, tokens or marks."""
    seen = (len(session.steps), len(session.tokens), session.marks_state)
    kept: tuple[tuple[int, int, tuple[int, int]], Delays] | None = session.kept.get("delays")
    if kept is None or kept[0] != seen:
        kept = session.kept["delays"] = (seen, _delays(session))
    return kept[1]


def _delays(session: Session) -> Delays:
    loads = step_loads(session)
    plain = plain_steps(loads)
    shares = _shares(loads, plain)
    emissions = emissions_of(session, loads)
    median_s = median_of(emissions.request, emissions.gap_s)
    by_gap, usual = _by_gap(loads, plain, shares, emissions)
    late = np.flatnonzero(emissions.gap_s > median_s)
    order = late[np.argsort(emissions.row[late], kind="stable")]
    excess = (emissions.gap_s - median_s)[order]
    step = emissions.step[order]
    noise = np.where(step >= 0, plain.noise_s[step], 0.0) if loads.steps else np.zeros(len(step))
    noise[np.isinf(noise)] = 0.0  # without plain steps it is not known
    known = by_gap[order]
    small = np.flatnonzero(excess <= noise)
    known[small[:, None], OF_TIME] = 0.0
    total = known.sum(axis=1)
    known *= np.where(total > excess, excess / np.maximum(total, 1e-12), 1.0)[:, None]
    known[:, -1] = np.maximum(excess - known.sum(axis=1), 0.0)
    return Delays(
        tokens=emissions.tokens, loads=loads, plain=plain, shares=shares, row=emissions.row[order],
        before=emissions.before[order], usual_step=usual[order], gap_s=emissions.gap_s[order],
        median_s=median_s[order], seconds=known, ends_gap=np.sort(emissions.row),
    )  # fmt: skip


def _shares(loads: StepLoads, plain: PlainSteps) -> StepShares:
    """Divide what each step took longer than a plain one among what it did beside decoding."""
    over = loads.times.wall / 1e9 - plain.expected_s
    over = np.where(loads.generating & (over > plain.noise_s), over, 0.0)
    marked = loads.mark >= 0
    speculation = np.minimum(over, np.maximum(plain.drafts.at(loads.drafts), loads.drafting_s))
    left = over - speculation
    positions = loads.prompt + loads.again
    usual = plain.positions.at(positions)
    most = np.where(marked, plain.positions.at(loads.prompt), CAP * usual + plain.noise_s)
    of_positions = np.where(positions > 0, np.minimum(left, most), 0.0)
    of_prompt = np.where(marked, 1.0, loads.prompt / np.maximum(positions, 1))
    between = loads.times.between / 1e9
    usual_between = float(np.median(between[loads.generating])) if loads.generating.any() else 0.0
    gap = np.maximum(between - usual_between, 0.0)
    gap[gap <= np.maximum(spread_of(between[loads.generating]), plain.noise_s)] = 0.0
    return StepShares(
        prefill=of_positions * of_prompt,
        preemption=of_positions * (1.0 - of_prompt),
        speculation=speculation,
        capture=np.where(marked, left - of_positions + gap, 0.0),
        host=np.where(marked, 0.0, gap),
    )


def _of_rows(loads: StepLoads, shares: StepShares, emits: Flags) -> Floats:
    """Seconds by cause (OF_ROWS) of each row, with the time since the request's row before: float64 [rows, causes]."""
    rows, found = loads.rows, np.zeros((len(loads.rows), len(OF_ROWS)))
    step = rows.step
    by_step = (None, shares.preemption, shares.prefill, shares.speculation, shares.capture, shares.host)
    for column, values in enumerate(by_step):
        if values is not None and values.any():
            found[:, column] = values[step]
    period_s = loads.times.period / 1e9
    marked = loads.mark[step] >= 0
    silent = np.flatnonzero(~emits & (rows.again > 0))  # a whole step for the request, which gave it no token
    found[silent] = 0.0
    found[silent, np.where(marked[silent], OF_ROWS.index("capture"), OF_ROWS.index("preemption"))] = period_s[
        step[silent]
    ]
    passed_s = np.append(0.0, np.cumsum(np.where(loads.generating, period_s, 0.0)))
    missed = np.append(0, np.cumsum(loads.generating))
    again = np.flatnonzero((np.diff(step, prepend=0) > 1) & (np.diff(rows.request, prepend=-1) == 0))
    again = again[missed[step[again]] > missed[step[again - 1] + 1]]
    absent_s = passed_s[step[again]] - passed_s[step[again - 1] + 1]
    found[again, np.where(rows.again[again] > 0, OF_ROWS.index("preemption"), OF_ROWS.index("queue"))] += absent_s
    return found


def _by_gap(loads: StepLoads, plain: PlainSteps, shares: StepShares, emissions: Emissions) -> tuple[Floats, Ints]:
    """Seconds by cause of each gap, beyond what is usual for its request, and the step that is usual for it."""
    count = len(emissions.row)
    found = np.zeros((count, len(CAUSES)))
    found[:, CAUSES.index("client")] = emissions.client_s
    usual = np.full(count, -1, np.int64)
    told = (emissions.place >= 0) & (emissions.place_before >= 0) & (emissions.step > emissions.step_before)
    known = np.flatnonzero(told)
    if not len(known):
        return found, usual
    emits = np.zeros(len(loads.rows), bool)
    emits[emissions.place[known]] = emits[emissions.place_before[known]] = True
    sums = np.cumsum(_of_rows(loads, shares, emits), axis=0)
    request = emissions.request[known]
    for column, cause in enumerate(OF_ROWS):
        if not sums[-1, column]:
            continue
        seconds = sums[emissions.place[known], column] - sums[emissions.place_before[known], column]
        found[known, CAUSES.index(cause)] = np.maximum(seconds - _usual_of(request, seconds), 0.0)
    step = emissions.step[known]
    chosen = _middle_of(request, plain.expected_s[step])
    usual[known] = step[chosen]
    more = np.maximum(plain.expected_s[step] - plain.expected_s[usual[known]], 0.0)
    elsewhere = np.flatnonzero((loads.setting[step] != loads.setting[usual[known]]) & (more > 0))
    batch, there, like = more.copy(), step[elsewhere], usual[known][elsewhere]
    same = plain.at(loads.setting[there], loads.decoding[like], loads.contexts[like])
    batch[elsewhere] = np.clip(plain.expected_s[there] - same, 0.0, more[elsewhere])
    found[known, CAUSES.index("batch")] = batch
    found[known[elsewhere], CAUSES.index("capture")] += more[elsewhere] - batch[elsewhere]
    _give_to_switches(loads, emissions, known, found)
    return found, usual


def _give_to_switches(loads: StepLoads, emissions: Emissions, known: Ints, found: Floats) -> None:
    """What was computed again in a gap in which a switch changed was lost by that change, not by a preemption."""
    marks = np.append(0, np.cumsum(loads.mark >= 0))
    lost = known[found[known, CAUSES.index("preemption")] > 0]
    since = emissions.step_before[lost]
    changed = lost[marks[emissions.step[lost] + 1] > marks[since + 1]]
    found[changed, CAUSES.index("capture")] += found[changed, CAUSES.index("preemption")]
    found[changed, CAUSES.index("preemption")] = 0.0


def _usual_of(request: Ints, seconds: Floats) -> Floats:
    """The median by request, for each of its gaps; 0 for all where few gaps have any seconds at all."""
    gaps, some = np.bincount(request), np.bincount(request[seconds > 0], minlength=int(request.max()) + 1)
    often = np.flatnonzero(2 * some > gaps)
    usual = np.zeros(len(seconds))
    inside = np.flatnonzero(np.isin(request, often)) if len(often) else often
    usual[inside] = median_of(request[inside], seconds[inside])
    return usual


def _middle_of(request: Ints, values: Floats) -> Ints:
    """For each element, the index of the one in the middle of its request's values."""
    order = np.lexsort((values, request))
    sorted_requests = request[order]
    starts = np.flatnonzero(np.diff(sorted_requests, prepend=-1))
    counts = np.diff(np.append(starts, len(order)))
    middle = order[starts + (counts - 1) // 2]
    found = np.empty(len(order), np.int64)
    found[order] = np.repeat(middle, counts)
    return found


def _part(session: Session, rows: Ints, tokens: int, steps: StepRange) -> slice:
    """The places of `rows` (ascending rows of tokens) whose tokens a range of steps emitted."""
    if steps is None:
        return slice(0, len(rows))
    step_ids = session.tokens["step_id"][:tokens]
    first, end = np.searchsorted(step_ids, (steps[0], steps[1] + 1)).tolist()
    return slice(*np.searchsorted(rows, (first, end)).tolist())
