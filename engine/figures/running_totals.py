"""What was computed so far, step by step: positions by class, FLOPs, and the counts of the two theories."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.figures.step_range import TEACHER
from engine.session.columns import Columns
from engine.session.store import Session


class WorkRows:
    """Rows of Session.work as intervals of positions by class."""

    def __init__(self, session: Session, first: int, end: int) -> None:
        table = session.work
        part = slice(first, end)
        self.request = table["request_id"][part]
        self.step = table["step_id"][part]
        self._first, self._new_from = table["first"][part], table["new_from"][part]
        self._end, self._rejected, self._reused = table["end"][part], table["rejected"][part], table["reused"][part]

    def interval(self, name: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """[low, high) of one class for each row; empty where low >= high."""
        real = self.request >= 0
        kept = self._end - self._rejected
        match name:
            case "new":
                return self._new_from, np.where(real, kept, 0)
            case "recomputed":
                return self._first, np.where(real, np.minimum(self._new_from, kept), 0)
            case "rejected":
                return kept, np.where(real, self._end, 0)
            case "padding":
                return self._first, np.where(real, 0, self._end)
            case _:
                return np.maximum(self._first - self._reused, 0), self._first


class RunningTotals:
    """Cumulative counts by step: positions computed, FLOPs, and the counts of the two theories for the same tokens.

    Theory for a request of P prompt tokens whose context has reached T: without a cache T(T+1)/2 − P(P−1)/2 positions
    (for each token one pass over the whole context; T(T+1)/2 for a prompt of one token), with a cache T.
    """

    NAMES: Final = ("computed", "new", "recomputed", "padding", "rejected", "reused", "flops")

    def __init__(self, session: Session) -> None:
        self.session = session
        self.n = 0
        self._table = Columns(dict.fromkeys(self.columns, np.int64))
        self._work_seen = 0

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of all running totals, the two theories among them."""
        return (*self.NAMES, "without_cache", "with_cache")

    def __getitem__(self, name: str) -> NDArray[np.int64]:
        """Running total after each step, int64 [steps]."""
        return self._table[name][: self.n]

    def update(self) -> bool:
        """Take in the steps that are new; says whether there were any."""
        n = len(self.session.steps)
        if n == self.n:
            return False
        part = slice(self.n, n)
        steps = self.session.steps
        source = {name: f"positions_{name}" for name in self.NAMES if name != "flops"} | {"flops": "flops"}
        generating = steps["kind"][part] != TEACHER
        columns = {name: steps[column][part].astype(np.int64) * generating for name, column in source.items()}
        columns["without_cache"], columns["with_cache"] = self._theory(self.n, n)
        for name, values in columns.items():
            before = self._table[name][self.n - 1] if self.n else 0
            columns[name] = before + np.cumsum(values)
        self._table.extend_columns(columns)
        self.n = n
        return True

    def before(self, name: str, step: int) -> int:
        """The running total when a step began."""
        return int(self._table[name][min(step, self.n) - 1]) if step > 0 and self.n else 0

    def between(self, name: str, first: int, last: int) -> int:
        """The total of the steps [first, last]."""
        if self.n == 0 or first >= self.n or last < first:
            return 0
        return int(self._table[name][min(last, self.n - 1)]) - self.before(name, first)

    def _theory(self, first: int, end: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        stop = int(np.searchsorted(self.session.work["step_id"], end))
        work = WorkRows(self.session, self._work_seen, stop)
        self._work_seen = stop
        low, high = work.interval("new")  # a request's context grows from `low` to `high`
        real = (work.request >= 0) & (low < high)
        step, request, low, high = work.step[real] - first, work.request[real], low[real], high[real]
        prompts = {r.id: max(r.prompt_tokens, 1) for r in list(self.session.requests.values())}
        ids = np.array(sorted(prompts) or [0], np.int64)
        lengths = np.array([prompts.get(int(i), 1) for i in ids], np.int64)
        prompt = lengths[np.minimum(np.searchsorted(ids, request), len(ids) - 1)]
        without = _without_cache(high, prompt) - _without_cache(low, prompt)
        size = end - first
        return (
            np.rint(np.bincount(step, without, size)).astype(np.int64),
            np.rint(np.bincount(step, high - low, size)).astype(np.int64),
        )


def _without_cache(context: NDArray[np.int64], prompt: NDArray[np.int64]) -> NDArray[np.int64]:
    """Positions computed without a cache until the context has this length."""
    whole = context * (context + 1) // 2 - prompt * (prompt - 1) // 2
    return np.where(context <= prompt, context, whole)
