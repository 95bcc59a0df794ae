"""The block map's model: after any step it says of every block what the engine's own pool said."""

from __future__ import annotations

import json
import random

import numpy as np
import pytest

from engine.cache.blocks import BlockPool, Table
from engine.core.kv_cache import OutOfKvMemory
from engine.figures import kv_blocks
from engine.figures.kv_blocks import EVICTABLE, FREE, HELD, SHARED, BlockHistory
from engine.session import schema
from engine.session.store import BLOCK_EVENTS, Session
from tests.app.panels.sessions import Recorder

SIZE = 4


class PooledRun:
    """Requests over the engine's own pool, with what it held after each step."""

    def __init__(self, limit: int = 24, block_size: int = SIZE) -> None:
        self.recorder = Recorder()
        self.recorder.switches(kv="paged", block_size=block_size)
        self.pool = BlockPool(block_size, limit)
        self.tables: dict[int, Table] = {}
        self.tokens: dict[int, list[int]] = {}
        self.after: list[list[tuple[int, int, tuple[int, ...]]]] = []
        """Of each step and block: (kind, fill, holders)."""

    @property
    def session(self) -> Session:
        return self.recorder.session

    def admit(self, request: int, tokens: list[int]) -> None:
        self.recorder.request(request, ["x"] * len(tokens))
        self.tokens[request] = tokens
        self.tables[request] = self.pool.share(request, tokens)

    def renew(self, block_size: int) -> None:
        """Another pool in place of this one, as when a switch is flipped."""
        for request in self.tables:
            self.pool.release(request, self.tables[request])
        left = self.pool.events
        self.recorder.switches(kv="paged", block_size=block_size)
        self.pool = BlockPool(block_size, self.pool.limit)
        self.pool.events = left
        self.tables = {}  # two that fill the same prefix again at once would hold twins (see the model's docstring)

    def step(self, finish: int | None = None, reject: int = 0) -> None:
        work = []
        for request, table in self.tables.items():
            tokens = self.tokens[request]
            first, end = table.length, len(tokens) + reject
            self.pool.extend(request, table, end)
            self.pool.commit(table, [*tokens[first:], *range(900, 900 + reject)])
            self.pool.truncate(request, table, len(tokens))
            work.append((request, first, first, end, reject, first))
            tokens.append(1000 * request + len(tokens))
        if finish is not None:
            self.pool.release(finish, self.tables.pop(finish))
        step = len(self.session.steps)
        events, self.pool.events = self.pool.events, []
        self.session.apply([schema.KvBlock(step, step, e.block, e.event, e.request_id) for e in events])
        self.recorder.step(work, kv=self.pool.live, reserved=self.pool.limit * self.pool.block_size)
        holders: dict[int, list[int]] = {}
        for request, table in self.tables.items():
            for block in table.blocks:
                holders.setdefault(block, []).append(request)
        rows = []
        for index in range(self.pool.limit):
            block = self.pool.blocks[index] if index < len(self.pool.blocks) else None
            if block is None or (block.owners == 0 and block.key is None):
                rows.append((FREE, 0, ()))
            else:
                kind = EVICTABLE if block.owners == 0 else HELD if block.owners == 1 else SHARED
                rows.append((kind, block.filled, tuple(sorted(holders.get(index, ())))))
        self.after.append(rows)


def random_run(seed: int) -> PooledRun:
    draw = random.Random(seed)
    run = PooledRun()
    prefix = list(range(9))
    request = 0
    for step in range(120):
        if step == 70:
            run.renew(3)
        if len(run.tables) < 4 and draw.random() < 0.4:
            own = [10_000 * (request + 1) + one for one in range(draw.randrange(1, 6))]
            run.admit(request, [*(prefix if draw.random() < 0.5 or request == 0 else []), *own])
            request += 1
        while run.tables:
            needed = sum(len(run.tokens[one]) + 2 for one in run.tables)
            if needed <= 60:
                break
            first = min(run.tables)
            run.pool.release(first, run.tables.pop(first))
        try:
            run.step(
                finish=draw.choice(sorted(run.tables)) if run.tables and draw.random() < 0.15 else None,
                reject=draw.randrange(3),
            )
        except OutOfKvMemory:  # the test's own scheduler is as simple as can be
            break
    return run


@pytest.mark.parametrize("seed", range(6))
def test_every_step_is_what_the_pool_was(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kv_blocks, "SHORTEST", 20)
    monkeypatch.setattr(kv_blocks, "EVENTS_A_BLOCK", 0)
    run = random_run(seed)
    history = BlockHistory(run.session)
    history.update()
    assert len(history.checkpoints) > 5
    steps = list(range(len(run.after)))
    random.Random(seed).shuffle(steps)
    for step in steps:
        state = history.at(step)
        shown = [
            (int(kind), int(fill), tuple(history.holders(step, block)))
            for block, (kind, fill) in enumerate(zip(state.kind, state.fill, strict=True))
        ]
        assert shown == run.after[step], step


def test_a_growing_session_gives_the_same_as_a_whole_one() -> None:
    run = PooledRun()
    history = BlockHistory(run.session)
    run.admit(0, list(range(6)))
    for step in range(12):
        if step == 4:
            run.admit(1, [*range(5), 77])
        run.step(finish=0 if step == 9 else None)
        history.update()
        whole = BlockHistory(run.session)
        whole.update()
        for name in ("kind", "owner", "index", "fill"):
            np.testing.assert_array_equal(getattr(history.at(step), name), getattr(whole.at(step), name))


def test_counts_owners_and_fill_of_a_known_moment() -> None:
    run = PooledRun(limit=10)
    run.admit(0, list(range(9)))
    run.step()
    run.admit(1, [*range(8), 500])  # the first two blocks are shared, its own third holds one position
    run.step()
    history = BlockHistory(run.session)
    history.update()
    state = history.at(1)
    assert state.counts() == (6, 0, 2, 2)
    assert state.owners() == [(0, 1), (1, 1)]
    assert state.fill.tolist()[:4] == [4, 4, 2, 1]
    assert state.index.tolist() == [0, 1, 2, 2, -1, -1, -1, -1, -1, -1]
    assert state.fill_share == (4 + 4 + 2 + 1) / 16
    assert history.holders(1, 0) == [0, 1]
    assert history.at(0).counts() == (7, 0, 3, 0)


def long_session(steps: int, blocks: int) -> Session:
    """A session of many steps over many blocks: each step a request takes one, and gives it back after half of them."""
    session = Session()
    facts = {"layers": 1, "kv_heads": 1, "head_dim": 1, "itemsize": 1}
    session.apply(
        [
            schema.SessionStarted({"model_config": json.dumps(facts)}),
            schema.ConfigChanged(0, 0, json.dumps({"kv": "paged", "block_size": 16})),
        ]
    )
    ids = np.arange(steps)
    columns = {name: np.zeros(steps, np.int64) for name in session.steps.names}
    columns |= {
        "id": ids,
        "end_ns": ids,
        "kv_reserved_bytes": np.full(steps, 32 * blocks),
        "kv_used_bytes": np.full(steps, 8 * blocks),
    }
    work = {name: np.zeros(steps, np.int64) for name in session.work.names}
    work |= {"step_id": ids, "request_id": ids, "end": 1 + ids % 16}
    step = np.repeat(ids, 2)
    frees = np.arange(2 * steps) % 2 == 1
    request = np.where(frees, step - blocks // 2, step)
    there = request >= 0
    step, request, frees = step[there], request[there], frees[there]
    event = np.where(frees, BLOCK_EVENTS.index("free"), BLOCK_EVENTS.index("allocate"))
    session.kv_blocks.extend_columns(
        {
            "step_id": step,
            "t_ns": step,
            "block": request % blocks,
            "request_id": request,
            "event": event,
            "told_by": np.zeros_like(step),
        }
    )
    session.work.extend_columns(work)
    session.steps.extend_columns(columns)
    return session


def test_any_step_of_a_long_session_is_reached_by_a_short_replay() -> None:
    session = long_session(100_000, 20_000)
    history = BlockHistory(session)
    history.update()
    marks = history.checkpoints
    assert len(marks) >= 2
    # the first may be longer by what the pool grew meanwhile
    assert max(np.diff([*marks, len(session.kv_blocks)])) <= kv_blocks.SHORTEST + kv_blocks.EVENTS_A_BLOCK * 20_000
    for step in (99_999, 3, 50_000, 77_777, 12_345):
        state = history.at(step)
        alive = min(step + 1, 10_000)
        assert len(state) == 20_000
        gone = np.arange(max(0, step + 1 - 20_000), step + 1 - alive)
        evictable = int((gone % 16 == 15).sum())  # one request in 16 had filled its block
        assert state.counts() == (20_000 - alive - evictable, evictable, alive, 0)
        assert state.owner[step % 20_000] == step
        assert state.fill[step % 20_000] == 1 + step % 16
        assert history.holders(step, step % 20_000) == [step]
