"""What a block event alone does not say: which block of its request it is about, and whether that block was full."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.session.columns import Columns
from engine.session.store import BLOCK_EVENTS, Session

DEFAULT_BLOCK_SIZE: Final = 16
ALLOCATE, SHARE, LET_GO, EVICT = range(4)
"""The codes of block events; LET_GO is the event `free`."""
assert BLOCK_EVENTS == ("allocate", "share", "free", "evict")
HOLDERS_GAINED: Final = np.array([1, 1, -1, 0], np.int64)
"""By code of the event: the change of the block's number of holders."""


class BlockFacts:
    """Two facts of every block event of a growing Session, from the order of events and the rows of `work`."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self._table = Columns({"index": np.int64, "full": np.bool_})
        self._work_seen = 0
        self._held: dict[int, int] = {}
        """By request: how many blocks it holds after the events taken."""
        self._lengths: dict[int, int] = {}
        """By request: how many positions it holds after the work seen."""

    def __len__(self) -> int:
        """How many events were taken."""
        return len(self._table)

    @property
    def index(self) -> NDArray[np.int64]:
        """Which block of its request's positions each event is about, from 0."""
        return self._table["index"]

    @property
    def full(self) -> NDArray[np.bool_]:
        """Whether each event is a LET_GO of a full block."""
        return self._table["full"]

    def take(self, first: int, end: int, steps: int) -> None:
        """Take the events [first, end), which follow on those taken before and belong to the first `steps` steps."""
        table = self.session.kv_blocks
        step, request, event = (table[name][first:end] for name in ("step_id", "request_id", "event"))
        order = np.argsort(request, kind="stable")
        delta = HOLDERS_GAINED[event[order]]
        before = np.cumsum(delta) - delta
        requests, starts = np.unique(request[order], return_index=True)
        counts = np.diff(np.append(starts, len(order)))
        base = np.array([self._held.get(one, 0) for one in requests.tolist()], np.int64)
        place = before - np.repeat(before[starts] - base, counts)
        for one, begin, count in zip(requests.tolist(), starts.tolist(), counts.tolist(), strict=True):
            self._held[one] = int(place[begin + count - 1] + delta[begin + count - 1])
        index = np.empty(len(order), np.int64)
        index[order] = place - (event[order] == LET_GO)  # the blocks of a block table are let go from its end
        full = np.zeros(len(order), bool)
        frees = np.flatnonzero(event == LET_GO)
        lengths = self._lengths_of(request[frees], step[frees], steps)
        full[frees] = (index[frees] + 1) * self._sizes(step[frees]) <= lengths
        self._table.extend_columns({"index": index, "full": full})

    def _sizes(self, steps: NDArray[np.int64]) -> NDArray[np.int64]:
        distinct, inverse = np.unique(self.session.steps["config_id"][steps], return_inverse=True)
        by_id = {config.id: int(config.switches.get("block_size", DEFAULT_BLOCK_SIZE)) for config in
                 self.session.configs}  # fmt: skip
        return np.array([by_id.get(one, DEFAULT_BLOCK_SIZE) for one in distinct.tolist()], np.int64)[inverse]

    def _lengths_of(
        self, requests: NDArray[np.int64], at: NDArray[np.int64], steps: int
    ) -> NDArray[np.int64]:  # fmt: skip
        """How many positions each request held by the end of each step, from its newest work until then."""
        work = self.session.work
        stop = int(np.searchsorted(work["step_id"], steps))
        part = slice(self._work_seen, stop)
        self._work_seen = stop
        owner, step = work["request_id"][part], work["step_id"][part]
        kept = work["end"][part] - work["rejected"][part]
        order = np.argsort(owner, kind="stable")
        keys = (owner[order] << 40) | step[order]
        found = np.searchsorted(keys, (requests << 40) | at, "right") - 1
        known = (found >= 0) & (len(keys) > 0)
        known[known] = owner[order][found[known]] == requests[known]
        lengths = np.array([self._lengths.get(one, 0) for one in requests.tolist()], np.int64)
        lengths[known] = kept[order][found[known]]
        ends = np.flatnonzero(np.diff(owner[order], append=-2))
        self._lengths.update(zip(owner[order][ends].tolist(), kept[order][ends].tolist(), strict=True))
        return lengths
