"""Which requests held which block of the paged cache after a step, rebuilt from the recorded block events.

Every event changes a block's number of holders by a fixed amount, so many events are added to a state as sums, not one
by one. States are kept at intervals (checkpoints). The state after a step is the nearest checkpoint before it plus the
few events that follow.

A full block that its last holder lets go is evictable until an `evict` event. That comes at once if another block holds
the same content (two requests computed the same prefix side by side), or when the memory is needed.

A step's bytes are counted before the requests that end in it leave. The events with which these let their blocks go are
written after the step's end. So the blocks after a step agree with its bytes.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.figures.kv_block_facts import DEFAULT_BLOCK_SIZE, HOLDERS_GAINED, SHARE, BlockFacts
from engine.figures.switches import switches_at
from engine.session.kv_shape import kv_shape_of
from engine.session.store import Session

FREE, EVICTABLE, HELD, SHARED, KEPT = range(5)
"""The state of a block: unused; kept only for possible reuse; held by one request; held by several; held only by
requests that have ended and wait for the end of their batch."""
SHORTEST: Final = 32_768
"""Events between two checkpoints, at least."""
EVENTS_A_BLOCK: Final = 4
"""Events between two checkpoints for each block, at least, so that the checkpoints stay smaller than the events."""
WORK_ROWS: Final = 4096
"""Rows of `work` that are searched first for the lengths of requests; each further search takes four times as many."""


@dataclass(frozen=True, slots=True)
class BlockState:
    """The blocks after a step; every array has one value for each block."""

    step: int
    block_size: int
    kind: NDArray[np.uint8]
    """FREE, EVICTABLE, HELD, SHARED or KEPT."""
    owner: NDArray[np.int64]
    """The request that holds a block alone, −1 otherwise."""
    index: NDArray[np.int64]
    """Which block of its request's positions it is, from 0; −1 for a free block."""
    fill: NDArray[np.int64]
    """Positions written in it, 0 to `block_size`."""

    def __len__(self) -> int:
        return len(self.kind)

    def counts(self) -> tuple[int, int, int, int]:
        """How many blocks are free, evictable, held by one request and shared; kept blocks are in none of these."""
        free, evictable, held, shared, _ = np.bincount(self.kind, minlength=5).tolist()
        return free, evictable, held, shared

    @property
    def kept(self) -> int:
        """How many blocks are held only by requests that have ended."""
        return int((self.kind == KEPT).sum())

    @property
    def held(self) -> NDArray[np.bool_]:
        """Which blocks are held by requests that have not ended."""
        found: NDArray[np.bool_] = (self.kind == HELD) | (self.kind == SHARED)
        return found

    @property
    def fill_share(self) -> float | None:
        """Positions written over positions available, in the blocks that requests hold; None if they hold none.

        It is 1 − internal fragmentation.
        """
        return float(self.fill[self.held].mean()) / self.block_size if self.held.any() else None

    def owners(self) -> list[tuple[int, int]]:
        """(request, blocks it holds alone), most blocks first; of requests that have not ended."""
        requests, counts = np.unique(self.owner[self.kind == HELD], return_counts=True)
        return sorted(zip(requests.tolist(), counts.tolist(), strict=True), key=lambda pair: (-pair[1], pair[0]))


class _Pool:
    """The sums over events so far, one value for each block."""

    def __init__(self, blocks: int = 0) -> None:
        self.holders = np.zeros(blocks, np.int64)
        self.requests = np.zeros(blocks, np.int64)
        """Sum of the ids of the requests that hold a block: the id itself where there is one."""
        self.index = np.full(blocks, -1, np.int64)
        self.full = np.zeros(blocks, bool)
        """Whether the last event of a block let it go when it was full; so it was not evicted since."""

    def copy(self, blocks: int = 0) -> _Pool:
        """The same sums, with room for at least `blocks` blocks."""
        have = len(self.holders)
        other = _Pool(max(blocks, have))
        for name in ("holders", "requests", "index", "full"):
            getattr(other, name)[:have] = getattr(self, name)
        return other

    def apply(self, session: Session, facts: BlockFacts, first: int, end: int) -> None:
        """Add the block events [first, end) of a session to these sums."""
        if end <= first:
            return
        table = session.kv_blocks
        block, request, event = (table[name][first:end] for name in ("block", "request_id", "event"))
        blocks = int(block.max()) + 1
        if blocks > len(self.holders):
            larger = self.copy(blocks)
            self.holders, self.requests, self.index, self.full = (
                larger.holders, larger.requests, larger.index, larger.full,
            )  # fmt: skip
        delta = HOLDERS_GAINED[event]
        np.add.at(self.holders, block, delta)
        np.add.at(self.requests, block, delta * request)
        gained = event <= SHARE
        self.index[block[gained]] = facts.index[first:end][gained]  # the last of a block's events counts
        self.full[block] = facts.full[first:end]


class BlockHistory:
    """The block events of a growing Session, and the state they left after each step.

    `update` processes only new events; `at` takes a few milliseconds at most, however long the session is.
    """

    def __init__(self, session: Session) -> None:
        self.session = session
        self._facts = BlockFacts(session)
        self._tip = _Pool()
        self._checkpoints: list[tuple[int, _Pool]] = [(0, _Pool())]
        self._configs_seen = 0
        self._renewals: list[int] = []
        """The steps at which a new pool begins, without those whose events were taken already."""
        self._shown: BlockState | None = None

    def update(self) -> None:
        """Take the events of the steps that came since the last call."""
        session, first = self.session, len(self._facts)
        steps = len(session.steps)
        # Block events can be visible before their steps are. Only the events of visible steps are complete.
        end = int(np.searchsorted(session.kv_blocks["step_id"], steps))
        self._see_configs()
        self._facts.take(first, end, steps)
        while first < end:
            renewal = self._next_renewal(end)
            if renewal == first:
                first += self._leading_frees(first, end, self._renewals.pop(0))
                self._tip = _Pool()
                self._checkpoints.append((first, _Pool()))
                continue
            last = min(renewal, first + self._interval())
            self._tip.apply(session, self._facts, first, last)
            first = last
            if last - self._checkpoints[-1][0] >= self._interval():
                self._checkpoints.append((last, self._tip.copy()))

    def at(self, step: int) -> BlockState:
        """The blocks after a step: as many as the session reserved then, and all that events named."""
        session = self.session
        reserved = self._reserved(step)
        if self._shown is not None and (self._shown.step, len(self._shown)) == (step, reserved):
            return self._shown
        end = self._end(step)
        start, checkpoint = self._checkpoint(end)
        pool = checkpoint.copy()
        pool.apply(session, self._facts, start, end)
        pool = pool.copy(reserved)
        size = self.block_size(step)
        kind = np.where(pool.full, EVICTABLE, FREE).astype(np.uint8)
        kind[pool.holders == 1], kind[pool.holders > 1] = HELD, SHARED
        owner = np.where(kind == HELD, pool.requests, -1)
        fill = np.where((kind == SHARED) | (kind == EVICTABLE), size, 0).astype(np.int64)
        kind[self._only_of_ended(step, end, pool.holders)] = KEPT
        requests = np.unique(owner[owner >= 0])
        if len(requests):
            lengths = lengths_at(session, step, requests)
            held = np.flatnonzero(owner >= 0)
            of = lengths[np.searchsorted(requests, owner[held])]
            fill[held] = np.clip(of - pool.index[held] * size, 0, size)
        shown = self._shown = BlockState(step, size, kind, owner, np.where(kind == FREE, -1, pool.index), fill)
        return shown

    def holders(self, step: int, block: int) -> list[int]:
        """The requests that hold a block after a step."""
        end = self._end(step)
        start = self._pool_start(end)
        table = self.session.kv_blocks
        rows = start + np.flatnonzero(table["block"][start:end] == block)
        counts: dict[int, int] = {}
        for request, event in zip(table["request_id"][rows].tolist(), table["event"][rows].tolist(), strict=True):
            counts[request] = counts.get(request, 0) + int(HOLDERS_GAINED[event])
        return sorted(request for request, held in counts.items() if held > 0)

    @property
    def checkpoints(self) -> list[int]:
        """The number of events before each checkpoint, ascending."""
        return [after for after, _ in self._checkpoints]

    def block_size(self, step: int) -> int:
        """Positions of one block at a step."""
        return int(switches_at(self.session, step).get("block_size", DEFAULT_BLOCK_SIZE))

    # --- inside -----------------------------------------------------------------------------------------------------

    def _end(self, step: int) -> int:
        """How many events there were up to the end of a step, before the requests that end in it leave."""
        table = self.session.kv_blocks
        first, end = (int(at) for at in np.searchsorted(table["step_id"], (step, step + 1)))
        inside = int(np.searchsorted(table["t_ns"][first:end], self.session.steps["end_ns"][step], "right"))
        return min(first + inside, len(self._facts))

    def _pool_start(self, end: int) -> int:
        """The index of the first event of the pool that was in use before event `end`."""
        return int(max((at for at, pool in self._checkpoints if at <= end and not len(pool.holders)), default=0))

    def _only_of_ended(self, step: int, end: int, holders: NDArray[np.int64]) -> NDArray[np.int64]:
        """The blocks held only by requests that had ended before a step: those of a static batch that goes on."""
        if switches_at(self.session, step).get("batching") != "static":
            return np.empty(0, np.int64)  # elsewhere a request that ends leaves at once
        start, table = self._pool_start(end), self.session.kv_blocks
        theirs = np.isin(table["request_id"][start:end], ended_before(self.session, step))
        blocks, event = table["block"][start:end][theirs], table["event"][start:end][theirs]
        counts = np.zeros(len(holders), np.int64)
        np.add.at(counts, blocks, HOLDERS_GAINED[event])
        return np.flatnonzero((counts > 0) & (counts == holders))

    def _checkpoint(self, end: int) -> tuple[int, _Pool]:
        place = bisect_right(self._checkpoints, end, key=lambda one: one[0]) - 1
        return self._checkpoints[place]

    def _interval(self) -> int:
        return max(SHORTEST, EVENTS_A_BLOCK * len(self._tip.holders))

    def _reserved(self, step: int) -> int:
        """How many blocks the reserved memory holds; 0 where the model's shape is not known."""
        shape = kv_shape_of(self.session.model_config)
        block = shape.total_bytes(self.block_size(step)) if shape is not None else 0
        return int(self.session.steps["kv_reserved_bytes"][step]) // block if block else 0

    def _see_configs(self) -> None:
        """Note the steps at which the cache was replaced by a new one."""
        configs = self.session.configs
        for index in range(max(1, self._configs_seen), len(configs)):
            before, after = configs[index - 1].switches, configs[index].switches
            if any(before.get(name) != after.get(name) for name in ("kv", "block_size", "kv_memory")):
                self._renewals.append(configs[index].step_id)
        self._configs_seen = len(configs)

    def _next_renewal(self, end: int) -> int:
        """The index of the first event of the next new pool; `end` where there is none yet."""
        if not self._renewals:
            return end
        return int(np.searchsorted(self.session.kv_blocks["step_id"][:end], self._renewals[0]))

    def _leading_frees(self, first: int, end: int, step: int) -> int:
        """How many events at the start of a step still belong to the old pool."""
        table = self.session.kv_blocks
        last = int(np.searchsorted(table["step_id"][:end], step + 1))
        others = np.flatnonzero(table["event"][first:last] <= SHARE)  # a new pool has no block to let go before that
        return int(others[0]) if len(others) else max(0, last - first)


def blocks_recorded(session: Session) -> bool:
    """Whether a session has block events; one of several joined runs has none."""
    return len(session.kv_blocks) > 0


def ended_before(session: Session, step: int) -> NDArray[np.int64]:
    """The requests that had ended before a step: their last token came with an earlier one."""
    step_ids = session.tokens["step_id"]
    return np.array(
        [
            request.id
            for request in list(session.requests.values())
            if request.finished_ns is not None and request.token_rows and step_ids[request.token_rows[-1]] < step
        ],
        np.int64,
    )


def lengths_at(session: Session, step: int, requests: NDArray[np.int64]) -> NDArray[np.int64]:
    """Positions that each of these requests (ascending) held after a step: where its newest work ended."""
    work = session.work
    end = int(np.searchsorted(work["step_id"], step + 1))
    lengths = np.full(len(requests), -1, np.int64)
    rows = WORK_ROWS
    while end > 0 and (lengths < 0).any():
        part = slice(max(0, end - rows), end)
        owner, kept = work["request_id"][part], work["end"][part] - work["rejected"][part]
        place = np.minimum(np.searchsorted(requests, owner), len(requests) - 1)
        known = requests[place] == owner
        newest = np.full(len(requests), -1, np.int64)
        newest[place[known]] = kept[known]  # the last of a request's rows counts
        lengths = np.where(lengths < 0, newest, lengths)
        end, rows = part.start, 4 * rows
    return np.maximum(lengths, 0)
