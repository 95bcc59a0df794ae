"""The engine's loop: tokens, positions, phases and memory of whole runs."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import LlamaForCausalLM

from engine.core.settings import Observation, Probe, RequestSpec, RunSpec, Sampling, SwitchChange, Switches
from engine.decode.engine import Engine
from engine.errors import InputError, UnavailableError
from engine.model.loader import LoadedModel
from engine.session.schema import (
    PHASES,
    AttentionRow,
    ConfigChanged,
    Mark,
    RequestArrived,
    RequestFinished,
    RequestScheduled,
    Step,
    Token,
    TokenText,
    Work,
)
from tests.engine.attentions import ATTENTIONS
from tests.engine.drive import drive, session_of, tokens_of
from tests.engine.tiny import BOS, greedy_tokens

ALL_PAIRS = [(kv, attention) for kv in ("none", "contiguous", "paged") for attention in ATTENTIONS]


def run_of(
    *prompts: str, tokens: int = 24, detail: str = "phase", probe: Probe | None = None, **switches: Any
) -> RunSpec:
    requests = tuple(RequestSpec(prompt, tokens, ignore_eos=True) for prompt in prompts)
    return RunSpec(requests, Switches(**switches), Observation(detail, probe))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def greedy_64(tiny_llama: Path) -> list[int]:
    return greedy_tokens(tiny_llama, [BOS], 64)


@pytest.mark.parametrize(("kv", "attention"), ALL_PAIRS)
def test_one_bos_and_64_tokens(tiny_model: LoadedModel, greedy_64: list[int], kv: str, attention: str) -> None:
    events = drive(tiny_model, run_of("", tokens=64, kv=kv, attention=attention))
    assert tokens_of(events) == {0: greedy_64}
    steps = session_of(events).steps
    positions = {name: int(steps[f"positions_{name}"].sum()) for name in ("computed", "new", "recomputed", "reused")}
    if kv == "none":
        assert positions == {"computed": 2080, "new": 64, "recomputed": 2016, "reused": 0}
    else:
        assert positions == {"computed": 64, "new": 64, "recomputed": 0, "reused": 2016}


@pytest.mark.parametrize("seed", range(8))
def test_switching_at_random_steps_changes_no_token(tiny_model: LoadedModel, tiny_llama: Path, seed: int) -> None:
    rng = random.Random(seed)
    caches = ("none", "contiguous", "paged")
    changes = [
        SwitchChange(step, {"kv": rng.choice(caches), "attention": rng.choice(ATTENTIONS)})
        for step in sorted(rng.sample(range(40), 8))
    ]
    run = RunSpec((RequestSpec("once upon", 40, ignore_eos=True),), switch_at=tuple(changes))
    events = drive(tiny_model, run)
    prompt = list(tiny_model.tokenizer.encode("once upon"))
    assert tokens_of(events)[0] == greedy_tokens(tiny_llama, prompt, 40)
    work = [event for event in events if isinstance(event, Work)]
    assert sum(w.end - w.rejected - w.new_from for w in work) == len(prompt) + 39  # each index new exactly once
    for event in events:
        if isinstance(event, Step):
            classes = (
                event.positions_new,
                event.positions_recomputed,
                event.positions_padding,
                event.positions_rejected,
            )
            assert event.positions_computed == sum(classes)


def test_a_switch_is_marked_and_numbered_and_takes_effect_at_the_next_step(tiny_model: LoadedModel) -> None:
    def before_step(engine: Engine, call: int) -> None:
        if call == 5:
            engine.set_switches({"kv": "none"})

    events = drive(tiny_model, run_of("ab", tokens=10), before_step)
    configs = [
        (event.id, event.step_id, json.loads(event.json)["kv"]) for event in events if isinstance(event, ConfigChanged)
    ]
    assert configs == [(0, 0, "contiguous"), (1, 5, "none")]
    assert [event.label for event in events if isinstance(event, Mark)] == ["kv: contiguous → none"]
    steps = [event for event in events if isinstance(event, Step)]
    assert [step.config_id for step in steps] == [0] * 5 + [1] * 5
    assert [step.positions_recomputed for step in steps[4:7]] == [0, 7, 8]


def test_going_back_to_a_cache_computes_the_history_once(tiny_model: LoadedModel) -> None:
    run = RunSpec(
        (RequestSpec("ab", 12, ignore_eos=True),),
        switch_at=(SwitchChange(4, {"kv": "none"}), SwitchChange(6, {"kv": "contiguous"})),
    )
    steps = [event for event in drive(tiny_model, run) if isinstance(event, Step)]
    assert [step.positions_computed for step in steps] == [3, 1, 1, 1, 7, 8, 9, 1, 1, 1, 1, 1]


def test_events_come_in_order_with_ids_that_have_no_gap(tiny_model: LoadedModel) -> None:
    events = drive(tiny_model, run_of("ab", "cd", tokens=4, probe=Probe(1, 2)))
    kinds = [type(event) for event in events if not isinstance(event, TokenText)]  # texts are told as ids come up
    one = [RequestScheduled, *[Work, Step, Token, AttentionRow, AttentionRow, AttentionRow]]
    rest = [Work, Step, Token, AttentionRow]
    expected = [ConfigChanged, RequestArrived, RequestArrived]
    for _ in range(2):
        expected += [*one, *rest * 3, RequestFinished]
    assert kinds == expected
    assert [event.id for event in events if isinstance(event, Step)] == list(range(8))
    assert [event.id for event in events if isinstance(event, Token)] == list(range(8))
    assert [event.position for event in events if isinstance(event, Token)] == [3, 4, 5, 6] * 2
    assert [event.kind for event in events if isinstance(event, Step)] == ["prefill", "decode", "decode", "decode"] * 2
    assert [(event.running, event.waiting) for event in events if isinstance(event, Step)] == [(1, 1)] * 4 + [
        (1, 0)
    ] * 4


def test_times_are_in_order(tiny_model: LoadedModel) -> None:
    session = session_of(drive(tiny_model, run_of("ab", "cd", tokens=6)))
    steps = session.steps
    assert (steps["end_ns"] > steps["start_ns"]).all()
    assert (steps["start_ns"][1:] >= steps["end_ns"][:-1]).all()
    emitted = session.tokens["emitted_ns"]
    at = session.tokens["step_id"]
    assert (emitted <= steps["end_ns"][at]).all()
    assert (emitted >= steps["start_ns"][at]).all()
    for request in session.requests.values():
        assert request.scheduled_ns is not None
        assert request.first_token_ns is not None
        assert request.finished_ns is not None
        assert 0 <= request.arrived_ns <= request.scheduled_ns < request.first_token_ns < request.finished_ns
        assert request.finish_reason == "length"


@pytest.mark.parametrize(("detail", "rows"), [("off", 0), ("step", 0), ("phase", 1), ("layer", 3)])
def test_phases_by_detail(tiny_model: LoadedModel, detail: str, rows: int) -> None:
    events = drive(tiny_model, run_of("ab", tokens=6, detail=detail))
    for event in events:
        if isinstance(event, Step):
            phases = np.frombuffer(event.phases, np.float32).reshape(-1, len(PHASES))
            assert phases.shape[0] == rows
            if rows:
                assert phases.sum() == pytest.approx((event.end_ns - event.start_ns) / 1e3, rel=1e-4)
                assert (phases >= 0).all()
            if detail == "layer":
                attention = phases[:, PHASES.index("attention")]
                assert (attention[:2] > 0).all()
                assert attention[2] == 0
        if isinstance(event, Token):
            assert len(event.alternatives) == (0 if detail == "off" else 64)


@pytest.mark.parametrize("kv", ["none", "contiguous", "paged"])
def test_kv_bytes_equal_the_formula_layer_by_layer(tiny_model: LoadedModel, kv: str) -> None:
    config = tiny_model.config
    session = session_of(drive(tiny_model, run_of("hello", tokens=10, kv=kv)))
    for step in range(10):
        detail = session.details.step(step)
        assert detail is not None
        held = 6 + step  # BOS, five bytes, and what was generated and computed
        formula = 2 * held * config.kv_heads * config.head_dim * 4
        used, reserved = detail[1].T
        assert used.tolist() == [0 if kv == "none" else formula] * config.layers
        assert (used <= reserved).all()
        assert session.steps["kv_used_bytes"][step] == used.sum()
        assert session.steps["kv_reserved_bytes"][step] == reserved.sum()


def test_attention_rows_are_the_models_own(tiny_model: LoadedModel, tiny_llama: Path) -> None:
    events = drive(tiny_model, run_of("hello", tokens=5, probe=Probe(1, None), attention="sdpa"))
    rows = [event for event in events if isinstance(event, AttentionRow)]
    ids = [*tiny_model.tokenizer.encode("hello"), *tokens_of(events)[0]][:-1]
    reference = LlamaForCausalLM.from_pretrained(tiny_llama, dtype=torch.float32, attn_implementation="eager").eval()
    with torch.no_grad():
        maps = reference(torch.tensor([ids]), output_attentions=True).attentions[1][0].numpy()  # [heads, T, T]
    assert {(row.head, row.position) for row in rows} == {(head, p) for head in range(4) for p in range(len(ids))}
    for row in rows:
        probs = np.frombuffer(row.probs, np.float16)
        assert probs.shape == (row.position + 1,)
        assert probs == pytest.approx(maps[row.head, row.position, : row.position + 1], abs=2e-3)


def test_a_map_has_each_row_once_though_every_step_recomputes(tiny_model: LoadedModel) -> None:
    events = drive(tiny_model, run_of("hello", tokens=5, probe=Probe(0, 3), kv="none"))
    rows = [(row.step_id, row.position) for row in events if isinstance(row, AttentionRow)]
    assert rows == [(0, position) for position in range(6)] + [(step, 5 + step) for step in range(1, 5)]


def test_sampled_tokens_depend_on_seed_and_request_alone(tiny_model: LoadedModel) -> None:
    def tokens(prompts: tuple[str, ...], seed: int, kv: str = "contiguous") -> dict[int, list[int]]:
        sampling = Sampling(temperature=1.0, top_p=0.95, seed=seed)
        requests = tuple(RequestSpec(prompt, 16, ignore_eos=True, sampling=sampling) for prompt in prompts)
        return tokens_of(drive(tiny_model, RunSpec(requests, Switches(kv=kv))))  # type: ignore[arg-type]

    alone = tokens(("ab",), seed=3)[0]
    assert tokens(("ab", "ab"), seed=3)[0] == alone
    assert tokens(("ab", "ab"), seed=3)[1] != alone
    assert tokens(("ab",), seed=3, kv="none")[0] == alone
    assert tokens(("ab",), seed=4)[0] != alone


def test_generation_ends_at_the_context(tiny_model: LoadedModel) -> None:
    context = tiny_model.config.max_positions
    events = drive(tiny_model, run_of("x" * (context - 5), tokens=100))
    assert len(tokens_of(events)[0]) == 4
    assert [event.finish_reason for event in events if isinstance(event, RequestFinished)] == ["context"]
    events = drive(tiny_model, run_of("x" * (context - 5), tokens=4))  # all that it asked for, and the context is full
    assert [event.finish_reason for event in events if isinstance(event, RequestFinished)] == ["length"]


def test_a_prompt_longer_than_the_context_is_refused(tiny_model: LoadedModel) -> None:
    with pytest.raises(InputError, match=r"257 tokens.*context of 256"):
        drive(tiny_model, run_of("x" * 256))


def test_end_of_text_ends_a_request_unless_ignored(tiny_model: LoadedModel) -> None:
    free = tokens_of(drive(tiny_model, run_of("ab", tokens=20)))[0]
    eos = free[7]
    model = replace(tiny_model, tokenizer=replace(tiny_model.tokenizer, eos_token_ids=frozenset({eos})))
    events = drive(model, RunSpec((RequestSpec("ab", 20),)))
    assert tokens_of(events)[0] == free[: free.index(eos) + 1]
    assert [event.finish_reason for event in events if isinstance(event, RequestFinished)] == ["eos"]
    assert tokens_of(drive(model, run_of("ab", tokens=20)))[0] == free


def test_a_stop_string_ends_a_request(tiny_model: LoadedModel) -> None:
    events = drive(tiny_model, run_of("ab", tokens=30))
    text = "".join(event.text for event in events if isinstance(event, Token))
    stop = next(char for char in text if char.isprintable())
    events = drive(tiny_model, RunSpec((RequestSpec("ab", 30, ignore_eos=True, stop=(stop,)),)))
    stopped = "".join(event.text for event in events if isinstance(event, Token))
    assert stopped == text[: text.index(stop) + 1]
    assert [event.finish_reason for event in events if isinstance(event, RequestFinished)] == ["stop"]


def test_requests_wait_for_their_arrival(tiny_model: LoadedModel) -> None:
    requests = (RequestSpec("ab", 3, arrival_s=5.0, ignore_eos=True), RequestSpec("cd", 3, ignore_eos=True))
    session = session_of(drive(tiny_model, RunSpec(requests)))
    first, second = session.requests[0], session.requests[1]
    assert first.arrived_ns == 5_000_000_000
    assert second.finished_ns is not None
    assert second.finished_ns < first.arrived_ns
    assert first.scheduled_ns is not None
    assert first.scheduled_ns >= first.arrived_ns


def test_requests_that_are_refused_take_no_number(tiny_model: LoadedModel) -> None:
    """A number is part of what a request draws: those added after a refusal draw what they would have drawn without."""
    sampled = RequestSpec("ab", 8, ignore_eos=True, sampling=Sampling(temperature=1.0))

    def before_step(engine: Engine, call: int) -> None:
        if call == 2:
            with pytest.raises(InputError, match="leaves no room"):
                engine.add((sampled, RequestSpec("x" * 256)))
            engine.add((sampled,))

    events = drive(tiny_model, RunSpec((sampled,)), before_step)
    assert tokens_of(events) == tokens_of(drive(tiny_model, RunSpec((sampled, sampled))))


@pytest.mark.parametrize("changes", [{"speculate": "draft"}, {"attention": "triton"}])
def test_a_switch_that_cannot_run_here_is_refused_with_the_reason(
    tiny_model: LoadedModel, changes: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TRITON_INTERPRET")
    with pytest.raises(UnavailableError, match="cannot run here: "):
        drive(tiny_model, run_of("ab", **changes))

    def before_step(engine: Engine, call: int) -> None:
        if call == 2:
            with pytest.raises(UnavailableError):
                engine.set_switches(changes)
            with pytest.raises(InputError, match="no switch 'kw'"):
                engine.set_switches({"kw": "none"})
            with pytest.raises(InputError, match="kv must be one of"):
                engine.set_switches({"kv": "papered"})

    assert len(tokens_of(drive(tiny_model, run_of("ab", tokens=5), before_step))[0]) == 5
    with pytest.raises(UnavailableError):
        drive(tiny_model, RunSpec((RequestSpec("ab", 3),), switch_at=(SwitchChange(1, changes),)))


def test_an_attention_layer_that_is_not_there_is_refused(tiny_model: LoadedModel) -> None:
    with pytest.raises(InputError, match="attention layer must be between 0 and 1, not 2"):
        drive(tiny_model, run_of("ab", probe=Probe(2, 0)))
    with pytest.raises(InputError, match="attention head must be between 0 and 3, not 4"):
        drive(tiny_model, run_of("ab", probe=Probe(0, 4)))
