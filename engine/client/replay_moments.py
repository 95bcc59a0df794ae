"""When each row, request and mark of a recording was there for whoever watched the run: moments in ns from its zero.

A row of a step is there when the step has ended, because the engine tells of a step as a whole; a reading and a mark at
their own time. Rows come in the order of their table, so a row is never there before the rows above it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.session.columns import Columns
from engine.session.store import Session

Ints = NDArray[np.int64]
OF_STEPS: Final = ("work", "speculation", "kv_blocks")
READINGS: Final = ("device_samples", "metric_samples")
ARRIVED, SCHEDULED, FINISHED = 0, 1, 2
"""What happens to a request, in the order in which it happens at one moment."""
EVER: Final = -(2**62)
"""The moment of what was there from the beginning."""


@dataclass(frozen=True, slots=True)
class Moments:
    """The moments of a recording that grows no more."""

    begin_ns: int
    """The first moment at which anything happened."""
    end_ns: int
    """The last one: everything is there then."""
    tables: dict[str, Ints]
    """By table, the ascending moments of its rows."""
    configs: Ints
    """The ascending moments of the settings of the switches."""
    marks: Ints
    """The moment of each mark, in the order of `Session.marks`, which need not be ascending."""
    arrivals: dict[int, int]
    """By request."""
    happenings: list[tuple[int, int, int]]
    """(moment, ARRIVED, SCHEDULED or FINISHED, request), ascending by moment."""

    @property
    def stops(self) -> Ints:
        """The moments to which a replay goes step by step: the ends of steps; where none are told, the tokens."""
        steps = self.tables["steps"]
        return np.unique(steps if len(steps) else self.tables["tokens"])

    def rows(self, table: str, t_ns: int) -> int:
        """How many rows of a table are there at a moment."""
        return int(np.searchsorted(self.tables[table], t_ns, "right"))


def moments_of(session: Session) -> Moments:
    """The moments of a recording. The cost grows with its rows."""
    ends = session.steps["end_ns"]
    tokens = _rising(np.maximum(session.tokens["emitted_ns"], _of_steps(session.tokens, ends, EVER)))
    marks = np.array([mark.t_ns for mark in session.marks], np.int64)
    readings = {name: _rising(getattr(session, name)["t_ns"]) for name in READINGS}
    told = [
        moment
        for one in session.requests.values()
        for moment in (one.arrived_ns, one.scheduled_ns, one.first_token_ns, one.finished_ns)
        if moment is not None
    ]
    columns = [ends, tokens, marks, *readings.values(), session.kv_blocks["t_ns"], np.array(told, np.int64)]
    end_ns = max((int(column.max()) for column in columns if len(column)), default=0)
    firsts = [session.steps["start_ns"], session.tokens["emitted_ns"], marks, *readings.values()]
    begins = [int(column.min()) for column in firsts if len(column)]
    begin_ns = min([*begins, *(one.arrived_ns for one in session.requests.values())], default=0)
    tables = {
        "steps": ends,
        "tokens": tokens,
        "work": _rising(_of_steps(session.work, ends, end_ns)),
        "speculation": _rising(_of_steps(session.speculation, ends, end_ns)),
        "kv_blocks": _rising(np.maximum(session.kv_blocks["t_ns"], _of_steps(session.kv_blocks, ends, EVER))),
        **readings,
    }
    arrivals = _arrivals(session, tables)
    return Moments(
        begin_ns, end_ns, tables, _of_configs(session, end_ns), marks, arrivals,
        _happenings(session, arrivals, tokens),
    )  # fmt: skip


def _rising(moments: Ints) -> Ints:
    """Each moment, or that of a row above it which came later."""
    return np.maximum.accumulate(moments) if len(moments) else moments


def _of_steps(rows: Columns, ends: Ints, otherwise: int) -> Ints:
    """When the step of each row ended; `otherwise` where it is not there, as for the last work of a stopped run."""
    steps = rows["step_id"]
    known = (steps >= 0) & (steps < len(ends))
    moments = np.full(len(steps), otherwise, np.int64)
    moments[known] = ends[steps[known]]
    return moments


def _of_configs(session: Session, end_ns: int) -> Ints:
    """The settings hold from the start of their step on; those of the first step were there before it."""
    starts = session.steps["start_ns"]
    found = [
        EVER if config.step_id == 0 else int(starts[config.step_id]) if config.step_id < len(starts) else end_ns
        for config in session.configs
    ]
    return _rising(np.array(found, np.int64))


def _arrivals(session: Session, tables: dict[str, Ints]) -> dict[int, int]:
    """When each request arrived: no later than the first row about it, whatever clock told of its arrival."""
    arrivals = {request.id: request.arrived_ns for request in session.requests.values()}
    for name in ("tokens", *OF_STEPS):
        requests, rows = np.unique(getattr(session, name)["request_id"], return_index=True)
        for request, moment in zip(requests.tolist(), tables[name][rows].tolist(), strict=True):
            if request in arrivals:
                arrivals[request] = min(arrivals[request], moment)
    return arrivals


def _happenings(session: Session, arrivals: dict[int, int], tokens: Ints) -> list[tuple[int, int, int]]:
    """What happened to the requests, in order; a request has finished when its last token is there, not before."""
    found = []
    for request in session.requests.values():
        arrived_ns = arrivals[request.id]
        found.append((arrived_ns, ARRIVED, request.id))
        if request.scheduled_ns is not None:
            found.append((max(request.scheduled_ns, arrived_ns), SCHEDULED, request.id))
        if request.finished_ns is not None:
            last_ns = int(tokens[request.token_rows[-1]]) if request.token_rows else arrived_ns
            found.append((max(request.finished_ns, last_ns, arrived_ns), FINISHED, request.id))
    return sorted(found, key=lambda one: one[:2])  # stable: requests of one moment stay in their order
