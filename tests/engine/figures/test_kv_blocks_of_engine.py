"""The block map's model against what the real engine counted in the same run: bytes used, reserved and evictable."""

from __future__ import annotations

import time

import numpy as np
import pytest

from engine.core.settings import LoadSpec, RequestSpec, RunSpec, SwitchChange, Switches
from engine.decode.engine import Engine
from engine.figures import metrics
from engine.figures.kv_blocks import EVICTABLE, HELD, SHARED, BlockHistory
from engine.host.model_facts import model_meta
from engine.model.loader import LoadedModel, load_model
from engine.session import schema
from engine.session.store import Session

STORY = "Once upon a time there was a king who had three sons, and the youngest of them went out"
BLOCK = 8


@pytest.fixture(scope="module")
def model() -> LoadedModel:
    return load_model(LoadSpec("demo", device="cpu", dtype="float32"), lambda stage, fraction: None)


@pytest.mark.parametrize("change", [None, SwitchChange(25, {"block_size": 4})])
def test_what_the_engine_counted(model: LoadedModel, change: SwitchChange | None) -> None:
    session = Session()
    facts = model.config.facts(model.dtype, model.weight_bytes, model.decoder.reads)
    position = 2 * facts["layers"] * facts["kv_heads"] * facts["head_dim"] * facts["itemsize"]
    requests = tuple(
        RequestSpec(STORY + end, 12 + 6 * index, arrival_s=0.0, ignore_eos=True)
        for index, end in enumerate((" into", " and met a cat", "", " to the wood by night", " into the world"))
    )
    switches = Switches(
        kv="paged", batching="continuous", max_batch=3, block_size=BLOCK, kv_memory=14 * BLOCK * position
    )
    run = RunSpec(requests[:1], switches, switch_at=() if change is None else (change,))
    session.apply([schema.SessionStarted(model_meta(model))])
    engine = Engine(model, run, {}, session.apply)
    engine.begin(time.perf_counter_ns())
    engine.step()
    engine.add(requests[1:])  # once the beginning is there to be shared, so that nobody computes a twin of it
    while not engine.done:
        engine.step()
    history = BlockHistory(session)
    history.update()
    kinds = set(session.kv_blocks["event"].tolist())
    assert len(kinds) == 4, "the run allocates, shares, frees and evicts"
    for step in range(len(session.steps)):
        state = history.at(step)
        free, evictable, held, shared = state.counts()
        size = state.block_size * position
        live = int(state.fill[(state.kind == HELD) | (state.kind == SHARED)].sum())
        assert live * position == session.steps["kv_used_bytes"][step]
        assert evictable * size == session.steps["kv_evictable_bytes"][step]
        assert (free + evictable + held + shared) * size == session.steps["kv_reserved_bytes"][step]
        assert ((held + shared) * size, state.kept) == (session.steps["kv_held_bytes"][step], 0)
        assert state.fill_share == pytest.approx(1 - metrics.kv_fragmentation(session, (step, step))[0])
        assert np.all(state.fill[state.kind == EVICTABLE] == state.block_size)
