"""How each request fared: a row of figures for every request of a growing session, and percentiles over some of them.

Times are seconds without pauses, defined as in `metrics.request_figures`. What is not known (yet), or what a server did
not tell, is NaN in the columns and None in `info --json`.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from engine.figures.latency_figures import quantiles
from engine.figures.new_steps import NewSteps
from engine.figures.pauses import pauses_of
from engine.figures.preemptions import PreemptionFinder
from engine.figures.step_range import TEACHER, StepRange, step_slice
from engine.figures.told import told
from engine.session.store import RecordedRequest, Session

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
MEASURES: Final = (
    "waited_s", "ttft_s", "tpot_s", "latency_s", "prompt_tokens", "tokens", "reused", "preempted", "acceptance_rate",
    "acceptance_length",
)  # fmt: skip
"""The columns that have percentiles."""
OF_STEPS: Final = frozenset({"reused", "preempted", "acceptance_rate", "acceptance_length"})
"""The columns that only what is told of steps gives."""
UNKNOWN: Final = -1
MOST_SETTLED: Final = 1000
"""How many requests that ended are read for the last time in one call."""
_MOMENTS: Final = {"waited_s": "scheduled_ns", "ttft_s": "first_ns", "latency_s": "last_ns"}
_RATIOS: Final = {"acceptance_rate": ("accepted", "drafted"), "acceptance_length": ("accepted", "proposals")}
_NUMBERS: Final = (
    "id", "arrived_ns", "before_ns", "begun_before", "scheduled_ns", "first_ns", "last_ns", "finished_ns",
    "prompt_tokens", "tokens", "reused", "preempted", "drafted", "accepted", "proposals", "reason",
)  # fmt: skip
_READ: Final = ("scheduled_ns", "first_ns", "last_ns", "finished_ns", "prompt_tokens", "tokens", "reason")
"""What is read of a request again until it has ended."""


class RequestTable(NewSteps):
    """A row for each request, in the order of arrival; `update` reads what is new and the requests that go on.

    A request that ended is read once more, after the batch of events that ended it, and then never again.
    """

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._length = 0
        self._numbers = {name: np.empty(0, np.int64) for name in _NUMBERS}
        self._open: Ints = np.empty(0, np.int64)
        """The rows that may still change."""
        self._ended_at: Ints = np.empty(0, np.int64)
        """The revision of the session at which each row was first read as ended; UNKNOWN before."""
        self._revision = -1
        self._sorted_ids: Ints = np.empty(0, np.int64)
        self._sorted_rows: Ints = np.empty(0, np.int64)
        self._speculation = 0
        self.reasons: list[str] = []
        """Why requests ended; the column `reason` holds indices into this list."""
        self._finder = PreemptionFinder()

    def __len__(self) -> int:
        return self._length

    def update(self) -> bool:
        """Take what came since the last call; returns whether there was anything."""
        revision = self.session.revision
        if revision == self._revision:
            return False
        self._revision = revision
        self._take_requests()
        self._take_work()
        self._take_speculation()
        self._read(revision)
        return True

    # --- columns ----------------------------------------------------------------------------------------------------

    def number(self, name: str) -> Ints:
        """A column of whole numbers, int64 [requests]; UNKNOWN where it is not known."""
        return self._numbers[name][: self._length]

    @property
    def ids(self) -> Ints:
        return self.number("id")

    def told(self, name: str) -> bool:
        """Whether the session's source tells what a column is made of."""
        return name not in OF_STEPS or told(self.session, "steps")

    def values(self, name: str) -> Floats:
        """A column of MEASURES, or `arrived_s`; float64 [requests], NaN where it is not known."""
        if name in _MOMENTS:
            return self._since_arrival_s(_MOMENTS[name])
        if name in _RATIOS:
            ratio = self._ratio(*_RATIOS[name])
            return 1 + ratio if name == "acceptance_length" else ratio
        if name == "arrived_s":
            return (self.number("arrived_ns") - self.number("before_ns")) / 1e9
        if name == "tpot_s":
            others = np.where(self.number("tokens") > 1, self.number("tokens") - 1, np.nan)
            return self._between_s(self.number("first_ns"), "last_ns") / others
        values = self.number(name)
        return np.where((values == UNKNOWN) | (not self.told(name)), np.nan, values)

    def count(self, name: str, row: int) -> int | None:
        """One number of a column; None where it is not known."""
        found = int(self._numbers[name][row])
        return found if found != UNKNOWN and self.told(name) else None

    def row_of(self, request: int) -> int | None:
        """The row of a request; None where it is not in the table."""
        place = int(np.searchsorted(self._sorted_ids, request))
        known = place < len(self._sorted_ids) and self._sorted_ids[place] == request
        return int(self._sorted_rows[place]) if known else None

    def within(self, steps: StepRange) -> Ints:
        """The rows of the requests that a range of steps computed something for or gave a token; None: all rows."""
        if steps is None:
            return np.arange(self._length)
        inside = np.zeros(self._length + 1, bool)  # the last place is that of padding
        for table in (self.session.work, self.session.tokens):
            first, end = np.searchsorted(table["step_id"], (steps[0], steps[1] + 1)).tolist()
            inside[self._rows_of(table["request_id"][first:end])] = True
        return np.flatnonzero(inside[:-1])

    # --- inside -----------------------------------------------------------------------------------------------------

    def _since_arrival_s(self, name: str) -> Floats:
        passed = self._between_s(self.number("arrived_ns"), name) + self.number("before_ns") / 1e9
        if name == "last_ns":
            return passed
        return np.where(self.number("begun_before") == 1, np.nan, passed)

    def _between_s(self, since: Ints, name: str) -> Floats:
        until = self.number(name)
        passed = until - since - pauses_of(self.session).between(since, until)
        return np.where(until == UNKNOWN, np.nan, passed / 1e9)

    def _ratio(self, above: str, below: str) -> Floats:
        over = self.number(below)
        return np.where(over > 0, self.number(above) / np.maximum(over, 1), np.nan)

    def _take_requests(self) -> None:
        requests = self.session.requests
        new = list(requests.from_place(self._length))
        if not new:
            return
        first, end = self._length, self._length + len(new)
        if end > len(self._ended_at):
            self._grow(max(end, 2 * len(self._ended_at), 64))
        for values in self._numbers.values():
            values[first:end] = UNKNOWN
        for name in ("preempted", "drafted", "accepted", "proposals"):
            self._numbers[name][first:end] = 0
        self._numbers["id"][first:end] = new
        for name in ("arrived_ns", "before_ns", "begun_before"):
            self._numbers[name][first:end] = [int(getattr(requests[one], name)) for one in new]
        self._ended_at[first:end] = UNKNOWN
        self._length = end
        self._open = np.append(self._open, np.arange(first, end))
        order = np.argsort(self.ids, kind="stable")
        self._sorted_ids, self._sorted_rows = self.ids[order], order

    def _grow(self, room: int) -> None:
        for name, values in self._numbers.items():
            self._numbers[name] = np.resize(values, room) if len(values) else np.empty(room, np.int64)
        self._ended_at = np.resize(self._ended_at, room) if len(self._ended_at) else np.empty(room, np.int64)

    def _rows_of(self, requests: Ints) -> Ints:
        """The row of each of these requests; UNKNOWN for padding."""
        if not len(self._sorted_ids):
            return np.full(len(requests), UNKNOWN)
        place = np.minimum(np.searchsorted(self._sorted_ids, requests), len(self._sorted_ids) - 1)
        found: Ints = np.where(self._sorted_ids[place] == requests, self._sorted_rows[place], UNKNOWN)
        return found

    def _take_work(self) -> None:
        part = self.take()
        if part is None:
            return
        work = self.session.work
        columns = ("step_id", "request_id", "slot", "end", "rejected", "reused")
        rows = {name: work[name][part.work] for name in columns}
        generating = self.session.steps["kind"][: part.end][rows["step_id"]] != TEACHER
        rows = {name: values[generating] for name, values in rows.items()}
        of_table = self._rows_of(rows["request_id"])
        which, firsts = np.unique(of_table, return_index=True)
        begun = (which >= 0) & (self._numbers["reused"][which] == UNKNOWN)
        self._numbers["reused"][which[begun]] = rows["reused"][firsts[begun]]
        again = [one.request for one in self._finder.take(rows)]
        if again:
            np.add.at(self._numbers["preempted"], self._rows_of(np.array(again, np.int64)), 1)

    def _take_speculation(self) -> None:
        table = self.session.speculation
        first, end = self._speculation, len(table)
        if first == end:
            return
        self._speculation = end
        of_table = self._rows_of(table["request_id"][first:end])
        known = of_table >= 0
        for name, amounts in (
            ("drafted", table["proposed"][first:end]), ("accepted", table["accepted"][first:end]),
            ("proposals", np.ones(end - first, np.int64)),
        ):  # fmt: skip
            np.add.at(self._numbers[name], of_table[known], amounts[known])

    def _read(self, revision: int) -> None:
        """Read the requests that may have changed; of those that ended a part, so that no call takes long."""
        ended_at = self._ended_at[self._open]
        settled = np.flatnonzero((ended_at != UNKNOWN) & (ended_at < revision))[:MOST_SETTLED]
        due = np.union1d(np.flatnonzero(ended_at == UNKNOWN), settled)
        rows = self._open[due]
        requests, emitted = self.session.requests, self.session.tokens["emitted_ns"]
        facts = [self._facts(requests[one], emitted) for one in self.ids[rows].tolist()]
        for name, values in zip(_READ, zip(*facts, strict=True), strict=False):
            self._numbers[name][rows] = values
        new = (self._ended_at[rows] == UNKNOWN) & (self._numbers["finished_ns"][rows] != UNKNOWN)
        self._ended_at[rows[new]] = self.session.revision
        self._open = np.delete(self._open, settled)

    def _facts(self, request: RecordedRequest, emitted: Ints) -> tuple[int, ...]:
        """What a request tells now, in the order of _READ; its tokens may be a batch ahead of the column `emitted`."""
        rows = request.token_rows
        tokens = len(rows)
        while tokens and rows[tokens - 1] >= len(emitted):
            tokens -= 1
        return (
            UNKNOWN if request.scheduled_ns is None else request.scheduled_ns,
            UNKNOWN if request.first_token_ns is None or not tokens else request.first_token_ns,
            int(emitted[rows[tokens - 1]]) if tokens else UNKNOWN,
            UNKNOWN if request.finished_ns is None else request.finished_ns,
            request.prompt_tokens,
            tokens,
            UNKNOWN if request.finish_reason is None else self._reason(request.finish_reason),
        )

    def _reason(self, reason: str) -> int:
        if reason not in self.reasons:
            self.reasons.append(reason)
        return self.reasons.index(reason)


def percentiles_of(values: Floats) -> dict[str, float | None]:
    """p50, p90 and p99 of the known values, linear between neighbours, and the largest; None without any."""
    ordered = np.sort(values[~np.isnan(values)])
    p50, p90, p99 = quantiles(ordered)
    return {"p50": p50, "p90": p90, "p99": p99, "most": float(ordered[-1]) if len(ordered) else None}


def request_times(session: Session, steps: StepRange = None) -> dict[str, Any]:
    """Percentiles over the requests that a range of steps computed something for or gave a token.

    Each request's figures are those of the whole request.
    """
    table = RequestTable(session)
    table.update()
    if steps is not None:
        part = step_slice(session, steps)
        steps = (part.start, part.stop - 1)
    rows = table.within(steps)
    return {
        "requests": len(rows),
        **{name: percentiles_of(table.values(name)[rows]) for name in MEASURES},
    }
