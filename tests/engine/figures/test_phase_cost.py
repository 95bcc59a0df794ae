"""Costs by phase: they are those of the engine's own cost model, and add up to what the steps recorded."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from engine.figures.phase_cost import phase_costs, shape_of
from engine.measure.cost import CostModel
from engine.model.config import ModelConfig
from engine.session import schema
from engine.session.schema import PHASES
from engine.session.store import Session
from engine.session.weight_reads import WeightReads

CONFIG = ModelConfig("LlamaForCausalLM", 3, 32, 4, 2, 8, 48, 100, 64)
READS = WeightReads(position=64, norm=790, qkv=12_300, attn_out=6_200, ffn=27_700, final_norm=132, lm_head=6_400)
"""Weights of bfloat16, some of them widened, with biases: no size of theirs follows from the shape."""
Span = tuple[int, int]


def session_of(config: ModelConfig, steps: list[tuple[list[Span], int]], drafting: int = 0) -> Session:
    """A session of steps over these spans and logits, costed by the engine's cost model, with K and V in float32."""
    cost = CostModel(config, READS)
    session = Session()
    facts = json.dumps(config.facts(torch.float32, 0, READS))
    switches = {"kv": "contiguous", "speculate": "draft" if drafting else "off"}
    session.apply([schema.SessionStarted({"model_config": facts}), schema.ConfigChanged(0, 0, json.dumps(switches))])
    for request in range(8):
        session.apply([schema.RequestArrived(request, "", [0], [""], "{}", 0)])
    for id, (spans, rows) in enumerate(steps):
        flops, moved = cost.of(spans, rows, 2 * config.kv_heads * config.head_dim * 4)
        session.apply(
            [schema.Work(id, slot, slot, a, a, b, 0, a) for slot, (a, b) in enumerate(spans)]
            + [
                schema.Step(
                    id, 0, "decode", 1000 * id, 1000 * id + 900, -1, 1, 1, 0, 0, 0, 0, len(spans), flops + drafting,
                    moved + drafting, 0, 0, 0, len(spans), 0, "sdpa", b"", b"",
                ),
                schema.Token(id, 0, id, id, 1, "a", 0.0, 0.0, "target", 1000 * id + 900, b""),
            ]
        )  # fmt: skip
    return session


spans_of_a_step = st.lists(st.tuples(st.integers(0, 30), st.integers(1, 12)), min_size=1, max_size=4)


@given(st.lists(spans_of_a_step, min_size=1, max_size=4), st.sampled_from([None, 5]), st.booleans())
def test_phases_add_up_to_the_step(parts: list[list[Span]], window: int | None, gated: bool) -> None:
    layers = (0, 2) if window else ()
    config = replace(CONFIG, sliding_window=window, window_layers=layers, mlp="swiglu" if gated else "gelu")
    session = session_of(config, [([(a, a + n) for a, n in step], len(step)) for step in parts])
    costs = phase_costs(session)
    assert costs is not None
    assert costs[0].sum(axis=1).tolist() == session.steps["flops"].tolist()
    assert costs[1].sum(axis=1).tolist() == session.steps["bytes_moved"].tolist()


def test_decode_by_hand() -> None:
    costs = phase_costs(session_of(CONFIG, [([(9, 10)], 1)]))
    assert costs is not None
    flops, moved = (dict(zip(PHASES, table[0].tolist(), strict=True)) for table in costs)
    assert flops["qkv"] == 2 * 3 * 32 * (32 + 2 * 16)
    assert flops["attention"] == 3 * 4 * 32 * 10  # q·k and p·v of 4 heads of 8, over 10 positions, 3 layers
    assert flops["ffn"] == 2 * 3 * 3 * 32 * 48
    assert flops["lm_head"] == 2 * 32 * 100
    assert moved["attention"] == 3 * 2 * 16 * 4 * 10
    held = ("qkv", "attn_out", "ffn", "lm_head", "norm", "embed")
    assert [moved[name] for name in held] == [12_300, 6_200, 27_700, 6_400, 790 + 132, 64]
    assert flops["norm"] == flops["rope"] == moved["rope"] == 0


def test_an_older_session_counted_every_weight_in_the_dtype_of_the_computation() -> None:
    session = session_of(CONFIG, [([(9, 10)], 1)])
    facts = CONFIG.facts(torch.float32, 0, READS)
    del facts["weight_reads"]
    session.meta["model_config"] = json.dumps(facts)
    costs = phase_costs(session)
    assert costs is not None
    moved = dict(zip(PHASES, costs[1][0].tolist(), strict=True))
    assert moved["ffn"] == 3 * 3 * 32 * 48 * 4
    assert moved["qkv"] == 3 * 32 * (32 + 2 * 16) * 4
    assert moved["attn_out"] == 3 * 32 * 32 * 4
    assert moved["norm"] == 3 * 2 * 32 * 4
    assert (moved["lm_head"], moved["embed"]) == (32 * 100 * 4, 32 * 4)


def test_what_a_draft_model_did_is_the_draft_phase() -> None:
    costs = phase_costs(session_of(CONFIG, [([(9, 10)], 1), ([(10, 11)], 1)], drafting=12_345))
    assert costs is not None
    draft, head = PHASES.index("draft"), PHASES.index("lm_head")
    assert costs[0][:, draft].tolist() == costs[1][:, draft].tolist() == [12_345, 12_345]
    assert costs[0][:, head].tolist() == [2 * 32 * 100] * 2


def test_a_range_has_its_own_steps() -> None:
    session = session_of(CONFIG, [([(0, 5)], 1), ([(5, 6)], 1), ([(6, 7)], 1)])
    whole, part = phase_costs(session), phase_costs(session, (1, 2))
    assert whole is not None
    assert part is not None
    assert part[0].tolist() == whole[0][1:].tolist()


@pytest.mark.parametrize("missing", ["ffn", "vocab"])
def test_without_the_shape_there_is_no_cost(missing: str) -> None:
    facts = CONFIG.facts(torch.float32, 0, READS)
    del facts[missing]
    assert shape_of(facts) is None
