"""Requests that compute the same prefix side by side hold twin blocks: the map knows which are kept for reuse."""

from __future__ import annotations

import time

from engine.core.settings import LoadSpec, RequestSpec, RunSpec, Switches
from engine.decode.engine import Engine
from engine.figures.kv_blocks import BlockHistory
from engine.host.model_facts import model_meta
from engine.model.loader import load_model
from engine.session import schema
from engine.session.store import Session

STORY = "Once upon a time there was a king who had three sons, and the youngest of them went out into the world"
BLOCK = 4


def test_the_map_of_twins_is_what_the_engine_counted() -> None:
    model = load_model(LoadSpec("demo", device="cpu", dtype="float32"), lambda stage, fraction: None)
    requests = tuple(RequestSpec(STORY, tokens, arrival_s=0.0, ignore_eos=True) for tokens in (4, 9, 14))
    session = Session()
    session.apply([schema.SessionStarted(model_meta(model))])
    switches = Switches(kv="paged", batching="continuous", max_batch=3, block_size=BLOCK)
    engine = Engine(model, RunSpec(requests, switches), {}, session.apply)
    engine.begin(time.perf_counter_ns())
    while not engine.done:
        engine.step()
    history = BlockHistory(session)
    history.update()
    facts = model.config.facts(model.dtype, model.weight_bytes, model.decoder.reads)
    size = 2 * facts["layers"] * facts["kv_heads"] * facts["head_dim"] * facts["itemsize"] * BLOCK
    frees = set(session.kv_blocks["step_id"][session.kv_blocks["event"] == 2].tolist())
    assert frees & set(range(len(session.steps) - 1)), "somebody leaves while others go on"
    for step in range(len(session.steps)):
        assert history.at(step).counts()[1] * size == session.steps["kv_evictable_bytes"][step]
        assert history.at(step).held.sum() * size == session.steps["kv_held_bytes"][step]
