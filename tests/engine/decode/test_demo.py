"""The bundled model: the tokens transformers generates, and where the time of a realistic step goes."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM

from engine.core.settings import LoadSpec, Observation, RequestSpec, RunSpec, Switches
from engine.decode.draft_model import load_draft
from engine.figures.json_figures import json_figures
from engine.host.model_facts import model_meta
from engine.measure.phase_table import OTHER
from engine.model.loader import LoadedModel, load_model
from engine.session.schema import PHASES, SessionStarted, Step
from tests.engine.drive import drive, session_of, tokens_of


@pytest.fixture(scope="module")
def demo() -> LoadedModel:
    return load_model(LoadSpec("demo", device="cpu", dtype="float32"), lambda stage, fraction: None)


@pytest.mark.parametrize("kv", ["none", "contiguous", "paged"])
def test_greedy_tokens_are_those_of_transformers(demo: LoadedModel, kv: str) -> None:
    run = RunSpec((RequestSpec("The cat sits on", 48, ignore_eos=True),), Switches(kv=kv))  # type: ignore[arg-type]
    reference = AutoModelForCausalLM.from_pretrained(demo.path, dtype=torch.float32).eval()
    reference.generation_config.eos_token_id = None
    prompt = torch.tensor([demo.tokenizer.encode("The cat sits on")])
    expected = reference.generate(
        prompt, attention_mask=torch.ones_like(prompt), max_new_tokens=48, do_sample=False, pad_token_id=0
    )
    assert tokens_of(drive(demo, run))[0] == expected[0, prompt.shape[1] :].tolist()


def test_the_draft_of_the_pair_is_told_apart_in_the_memory(demo: LoadedModel) -> None:
    draft = load_draft(LoadSpec("demo", device="cpu", dtype="float32"), demo, lambda stage, fraction: None)
    assert draft is not None
    prompt, tokens, k = "The cat sits on", 24, 3
    run = RunSpec((RequestSpec(prompt, tokens, ignore_eos=True),), Switches(speculate="draft", k=k))
    events = drive(demo, run, draft=draft)
    session = session_of([SessionStarted(model_meta(demo, draft)), *events])
    told = json_figures(session, (1, 1))["memory"]
    known = len(demo.tokenizer.encode(prompt)) + 1  # step 0 computed the prompt, and emitted a token
    held = min(known + k - 1, known + int(session.steps["tokens_out"][1]) - 1)
    config = draft.config

    def cache(positions: int) -> int:
        return 2 * config.layers * positions * config.kv_heads * config.head_dim * 4

    assert told["draft_weights"] == draft.weight_bytes
    assert told["draft_kv_used"] == cache(held)
    assert told["draft_kv"] == cache(known - 1 + tokens)
    assert told["draft"] == told["draft_weights"] + told["draft_kv"]
    whole = json_figures(session)["memory"]
    assert whole["draft_kv"] == told["draft_kv"]
    assert whole["weights"] == demo.weight_bytes


def test_other_is_under_15_percent_of_a_step(demo: LoadedModel) -> None:
    run = RunSpec((RequestSpec("The cat sits on", 64, ignore_eos=True),), observation=Observation("layer"))
    chunks = []
    for event in drive(demo, run):
        if isinstance(event, Step) and event.kind == "decode":
            phases = np.frombuffer(event.phases, np.float32).reshape(-1, len(PHASES))
            wall_us = (event.end_ns - event.start_ns) / 1e3
            assert phases.sum() == pytest.approx(wall_us, rel=1e-4)
            chunks.append(phases[-1, OTHER] / wall_us)
    assert len(chunks) == 63
    assert np.median(chunks) < 0.15
