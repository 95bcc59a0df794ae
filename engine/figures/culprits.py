"""The culprit behind each cause of a late token: the request, the step or the mark that it names."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

import numpy as np

from engine.figures.delays import CAUSES, Delays
from engine.figures.step_loads import Floats, Ints, StepLoads
from engine.figures.step_members import step_members
from engine.session.store import Session

Unit = Literal["", "positions", "drafts", "steps", "rows"]
CLOCK_S: Final = 1e-9
"""No less is told apart by the clock: what is left of rounding is no part."""


@dataclass(frozen=True, slots=True)
class Culprit:
    """What a cause names; None where it names no such thing.

    For each cause, `step` is where it happened: the first of the steps that went by without the request (queue), the
    one that computed positions again (preemption), the one with the prompt (prefill), the token's own (batch), the one
    that verified the drafts (speculation), the one in or before which the mark is (capture), the one that began late
    (host).
    """

    request: int | None = None
    """Whose prompt it was (prefill), who was computed again (preemption), who was computed meanwhile (queue)."""
    step: int | None = None
    mark: int | None = None
    """An index into `session.marks`, as they were then."""
    label: str = ""
    """What this mark says."""
    count: int | None = None
    """How many there were of what `unit` says."""
    usual: int | None = None
    """How many there usually are for the request (batch)."""
    unit: Unit = ""
    """Positions (prefill, preemption), drafts (speculation), steps (queue); rows or, where there are no more of them
    than usual, the positions that they attend to (batch).
    """


@dataclass(frozen=True, slots=True)
class Part:
    """What one cause explains of a late gap."""

    cause: str
    seconds: float
    culprit: Culprit


@dataclass(frozen=True, slots=True)
class TokenDelay:
    """Why one token was late. `parts` sum to `excess_s`; the largest is first, without causes that explain nothing."""

    token: int
    """The first token of its emission, as a row of `session.tokens`."""
    request: int
    step: int
    position: int
    gap_s: float
    median_s: float
    excess_s: float
    parts: tuple[Part, ...]

    @property
    def main(self) -> Part:
        """The part that explains most."""
        return self.parts[0]

    def to_json(self, session: Session) -> dict[str, Any]:
        """Plain values, as `info --json` prints them; the causes in the order of `parts`."""
        return {
            "token": int(session.tokens["id"][self.token]),
            "request": self.request,
            "step": self.step if self.step >= 0 else None,
            "position": self.position,
            "gap_s": self.gap_s,
            "excess_s": self.excess_s,
            "cause": self.main.cause,
            "parts": [{"cause": part.cause, "seconds": part.seconds, **asdict(part.culprit)} for part in self.parts],
        }


def delay_of(session: Session, delays: Delays, index: int) -> TokenDelay:
    """The late gap `index` of `delays`, with the culprit of each cause."""
    token = int(delays.row[index])
    seconds = delays.seconds[index]
    order = np.argsort(-seconds, kind="stable").tolist()
    order = [at for at in order if at == order[0] or seconds[at] > CLOCK_S]
    return TokenDelay(
        token=token,
        request=int(session.tokens["request_id"][token]),
        step=int(session.tokens["step_id"][token]),
        position=int(session.tokens["position"][token]),
        gap_s=float(delays.gap_s[index]),
        median_s=float(delays.median_s[index]),
        excess_s=float(delays.excess_s[index]),
        parts=tuple(Part(CAUSES[at], float(seconds[at]), _culprit(session, delays, index, CAUSES[at])) for at in order),
    )


def _culprit(session: Session, delays: Delays, index: int, cause: str) -> Culprit:
    """Whom or what a cause of the late gap `index` names."""
    tokens = session.tokens
    step, since = (int(tokens["step_id"][rows[index]]) for rows in (delays.row, delays.before))
    request = int(tokens["request_id"][delays.row[index]])
    naming = NAMING.get(cause)
    if naming is None or step <= since:  # also where no step is told
        return Culprit()
    return naming(_Gap(session, delays, request, since, step, int(delays.usual_step[index])))


@dataclass(frozen=True, slots=True)
class _Gap:
    """A late gap of a request, from its token of step `since` to that of step `step`."""

    session: Session
    delays: Delays
    request: int
    since: int
    step: int
    usual_step: int

    def rows(self) -> Ints:
        """The rows of `StepLoads.rows` of the request in the steps of the gap."""
        return self.delays.loads.rows_of(self.request, self.since + 1, self.step + 1)

    def most(self, seconds: Floats) -> int:
        """The step of the gap with most of these seconds."""
        return self.since + 1 + int(seconds[self.since + 1 : self.step + 1].argmax())


def _of_queue(gap: _Gap) -> Culprit:
    """The steps that computed nothing for the request, and who had most positions in the first of them."""
    loads = gap.delays.loads
    ran = np.arange(gap.since + 1, gap.step + 1)
    missed = ran[loads.generating[ran] & ~np.isin(ran, loads.rows.step[gap.rows()])]
    if not len(missed):
        return Culprit(step=gap.step)
    others = step_members(gap.session, int(missed[0]))
    return Culprit(others[0][0] if others else None, int(missed[0]), count=len(missed), unit="steps")


def _of_preemption(gap: _Gap) -> Culprit:
    """Who was computed again: the late request itself, where it was, or another one of the same step."""
    loads = gap.delays.loads
    own = gap.rows()
    own = own[loads.rows.again[own] > 0]
    if len(own):
        return Culprit(
            gap.request, int(loads.rows.step[own[0]]), count=int(loads.rows.again[own].sum()), unit="positions"
        )
    step = gap.most(gap.delays.shares.preemption)
    request, positions = loads.largest(step, "again") or (gap.request, None)
    return Culprit(request, step, count=positions, unit="positions")


def _of_prefill(gap: _Gap) -> Culprit:
    step = gap.most(gap.delays.shares.prefill)
    request, positions = gap.delays.loads.largest(step, "prompt") or (None, None)
    return Culprit(request, step, count=positions, unit="positions")


def _of_batch(gap: _Gap) -> Culprit:
    """More rows than usual, or longer contexts in as many rows."""
    loads = gap.delays.loads
    fuller = loads.decoding[gap.step] > loads.decoding[gap.usual_step]
    counted = loads.decoding if fuller else loads.contexts
    count, usual = int(counted[gap.step]), int(counted[gap.usual_step])
    return Culprit(step=gap.step, count=count, usual=usual, unit="rows" if fuller else "positions")


def _of_speculation(gap: _Gap) -> Culprit:
    step = gap.most(gap.delays.shares.speculation)
    return Culprit(step=step, count=int(gap.delays.loads.drafts[step]), unit="drafts")


def _of_capture(gap: _Gap) -> Culprit:
    """The mark within the gap, or else the last change of switches before it."""
    loads, session = gap.delays.loads, gap.session
    marked = gap.since + 1 + np.flatnonzero(loads.mark[gap.since + 1 : gap.step + 1] >= 0)
    if len(marked):
        step = int(marked[gap.delays.shares.capture[marked].argmax()])
        return _marked(loads, step, int(loads.mark[step]))
    until_ns = int(session.steps["start_ns"][gap.step])
    before = [i for i, mark in enumerate(loads.marks) if mark.kind == "switch" and mark.t_ns <= until_ns]
    if not before:
        return Culprit(step=gap.step)
    step = int(np.searchsorted(session.steps["end_ns"][: gap.step], loads.marks[before[-1]].t_ns, "right"))
    return _marked(loads, step, before[-1])


def _marked(loads: StepLoads, step: int, mark: int) -> Culprit:
    return Culprit(step=step, mark=mark, label=loads.marks[mark].label or loads.marks[mark].kind)


def _of_host(gap: _Gap) -> Culprit:
    return Culprit(step=gap.most(gap.delays.shares.host))


NAMING: Final[dict[str, Callable[[_Gap], Culprit]]] = {
    "queue": _of_queue, "preemption": _of_preemption, "prefill": _of_prefill, "batch": _of_batch,
    "speculation": _of_speculation, "capture": _of_capture, "host": _of_host,
}  # fmt: skip
"""The causes that name a culprit."""
