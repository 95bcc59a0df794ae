"""Static and continuous batching: what they waste, and that they change no token."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.core.kv_cache import KVCache, OutOfKvMemory
from engine.core.request import Queue
from engine.core.scheduled_chunk import ScheduledChunk
from engine.core.settings import LoadSpec, RequestSpec, RunSpec, Sampling, SwitchChange, Switches
from engine.decode.engine import Engine
from engine.decode.policies import ContinuousScheduler
from engine.errors import DecodeScopeError, InputError
from engine.figures import metrics
from engine.graphs.device import PlainDevice
from engine.model.loader import LoadedModel, load_model
from engine.session.schema import AnyEvent, KvBlock, RequestFinished, Step, Token, Work
from tests.engine.attentions import ATTENTIONS
from tests.engine.decode.requests import ENDS, alone, specs, tokens_with_graphs, with_ends
from tests.engine.drive import drive, session_of, tokens_of
from tests.engine.tiny import save_tiny_llama

LENGTHS = (20, 10, 24, 7)


def requests_of(lengths: tuple[int, ...], prompt: str = "") -> tuple[RequestSpec, ...]:
    return tuple(RequestSpec(prompt, length, ignore_eos=True) for length in lengths)


def steps_of(events: list[AnyEvent]) -> list[Step]:
    return [event for event in events if isinstance(event, Step)]


def test_static_batching_computes_96_slot_steps_of_which_61_are_useful(tiny_model: LoadedModel) -> None:
    events = drive(tiny_model, RunSpec(requests_of(LENGTHS), Switches(batching="static")))
    steps = steps_of(events)
    assert len(steps) == 24
    assert sum(step.positions_computed for step in steps) == 96
    assert sum(step.positions_new for step in steps) == 61 == sum(LENGTHS)
    assert sum(step.positions_padding for step in steps) == 35
    assert all(step.running == 4 for step in steps)
    slots = {work.slot for work in events if isinstance(work, Work)}
    assert slots == {0, 1, 2, 3}


def test_continuous_batching_pads_nothing_and_lets_the_next_in(tiny_model: LoadedModel) -> None:
    run = RunSpec(requests_of((*LENGTHS, 9, 3)), Switches(batching="continuous", max_batch=4))
    events = drive(tiny_model, run)
    steps = steps_of(events)
    assert sum(step.positions_padding for step in steps) == 0
    assert sum(step.positions_computed for step in steps) == sum(LENGTHS) + 12
    assert len(steps) == 24  # the shortest finishes at 7, its successor at 16; nobody waits for the slowest
    assert max(step.running for step in steps) == 4
    session = session_of(events)
    assert session.requests[4].scheduled_ns is not None
    at = int(np.flatnonzero(session.work["request_id"] == 4)[0])
    assert session.work["step_id"][at] == 7
    assert session.work["slot"][at] == 3


def test_static_batching_admits_nobody_before_the_slowest_has_finished(tiny_model: LoadedModel) -> None:
    run = RunSpec(requests_of((*LENGTHS, 9, 3)), Switches(batching="static", max_batch=4))
    session = session_of(drive(tiny_model, run))
    first_of_5 = int(np.flatnonzero(session.work["request_id"] == 4)[0])
    assert session.work["step_id"][first_of_5] == 24
    assert len(session.steps) == 24 + 9


def test_static_batching_pads_prompts_to_the_longest(tiny_model: LoadedModel) -> None:
    requests = tuple(RequestSpec(prompt, 2, ignore_eos=True) for prompt in ("abcdefgh", "ab", "abcd"))
    first = steps_of(drive(tiny_model, RunSpec(requests, Switches(batching="static"))))[0]
    assert (first.positions_new, first.positions_padding, first.positions_computed) == (9 + 3 + 5, 6 + 4, 27)


@pytest.mark.parametrize("batching", ["single", "continuous"])
def test_who_has_finished_in_a_static_batch_gets_nothing_more_after_a_switch(
    tiny_model: LoadedModel, batching: str
) -> None:
    change = SwitchChange(12, {"batching": batching})
    events = drive(tiny_model, RunSpec(requests_of(LENGTHS), Switches(batching="static"), switch_at=(change,)))
    assert tokens_of(events) == tokens_of(drive(tiny_model, RunSpec(requests_of(LENGTHS))))
    assert sum(isinstance(event, RequestFinished) for event in events) == 4


def test_a_static_batch_keeps_its_slots_when_the_cache_is_switched(tiny_model: LoadedModel) -> None:
    change = SwitchChange(12, {"kv": "paged"})
    events = drive(tiny_model, RunSpec(requests_of(LENGTHS), Switches(batching="static"), switch_at=(change,)))
    steps = steps_of(events)
    assert all(step.running == 4 for step in steps)
    assert sum(step.positions_new for step in steps) == 61
    assert [step.positions_padding for step in steps[11:14]] == [2, 2 * 13, 2]
    assert tokens_of(events) == tokens_of(drive(tiny_model, RunSpec(requests_of(LENGTHS))))


@pytest.mark.parametrize("graphs", [False, True])
@pytest.mark.parametrize("kv", ["contiguous", "paged"])
def test_a_static_batch_that_does_not_fit_any_more_goes_on_one_by_one(
    tiny_model: LoadedModel, kv: str, graphs: bool
) -> None:
    """Two have finished when the memory shrinks to what one request needs: the others wait, and enter one by one."""
    block = 16 * tiny_model.config.kv_bytes_per_position(4)
    alone = (2 + graphs) * block  # 24 positions, and the null block that captured steps need
    change = SwitchChange(12, {"kv_memory": alone})
    switches = Switches(kv=kv, batching="static", graphs=graphs)  # type: ignore[arg-type]
    run = RunSpec(requests_of(LENGTHS), switches, switch_at=(change,))
    events = drive(tiny_model, run, bounded, graph_device=PlainDevice())
    assert tokens_of(events) == tokens_of(drive(tiny_model, RunSpec(requests_of(LENGTHS))))
    assert sum(isinstance(event, RequestFinished) for event in events) == 4


@pytest.mark.parametrize("batching", ["single", "static", "continuous"])
@pytest.mark.parametrize("kv", ["contiguous", "paged"])
def test_memory_that_shrinks_below_what_a_request_needs_ends_the_run_with_a_sentence(
    tiny_model: LoadedModel, kv: str, batching: str
) -> None:
    change = SwitchChange(8, {"kv_memory": 8 * tiny_model.config.kv_bytes_per_position(4)})
    switches = Switches(kv=kv, batching=batching, block_size=4)  # type: ignore[arg-type]
    run = RunSpec(requests_of(LENGTHS), switches, switch_at=(change,))
    with pytest.raises((OutOfKvMemory, InputError), match=r"\d+ positions need \d+ bytes"):
        drive(tiny_model, run, bounded)


def test_a_step_that_can_do_nothing_for_who_waits_is_an_error(tiny_model: LoadedModel) -> None:
    """Whatever brings it about: a run that waits for nothing would never end."""

    class Idle(ContinuousScheduler):
        def schedule(self, queue: Queue, cache: KVCache, admit: bool = True) -> list[ScheduledChunk]:
            return []

    def before_step(engine: Engine, call: int) -> None:
        bounded(engine, call)
        if call == 3:
            engine.switcher.scheduler = Idle(8)

    run = RunSpec(requests_of((5, 9)), Switches(batching="continuous"))
    with pytest.raises(DecodeScopeError, match=r"Nothing can be computed, and request 0 .*with 1 others"):
        drive(tiny_model, run, before_step)


def bounded(engine: Engine, call: int) -> None:
    """Fail a run of a few short requests that does not come to an end."""
    assert call < 500


@pytest.mark.parametrize("batching", ["static", "continuous"])
@pytest.mark.parametrize("kv", ["none", "contiguous", "paged"])
@pytest.mark.parametrize("attention", ATTENTIONS)
def test_batches_give_the_tokens_of_single_requests(
    tiny_model: LoadedModel, batching: Any, kv: Any, attention: Any
) -> None:
    sampling = Sampling(temperature=0.8, top_k=20, seed=5)
    prompts = ("one", "two and a half", "", "three")
    requests = tuple(
        RequestSpec(prompt, 6 + 3 * index, ignore_eos=True, sampling=sampling if index % 2 else Sampling())
        for index, prompt in enumerate(prompts)
    )
    plain = tokens_of(drive(tiny_model, RunSpec(requests)))
    batched = drive(tiny_model, RunSpec(requests, Switches(kv=kv, attention=attention, batching=batching, max_batch=3)))
    assert tokens_of(batched) == plain


def test_a_long_prompt_is_computed_in_chunks_beside_those_who_decode(
    tiny_model: LoadedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.decode.switcher.make_scheduler", lambda _: ContinuousScheduler(8, token_budget=16))
    requests = (RequestSpec("a", 12, ignore_eos=True), RequestSpec("x" * 60, 4, ignore_eos=True))
    events = drive(tiny_model, RunSpec(requests, Switches(batching="continuous")))
    steps = steps_of(events)
    assert max(step.positions_computed for step in steps) == 16
    of_long = [work.end - work.first for work in events if isinstance(work, Work) and work.request_id == 1]
    assert of_long == [14, 15, 15, 15, 2, 1, 1, 1]
    assert [step.kind for step in steps[:6]] == ["prefill", "mixed", "mixed", "mixed", "mixed", "decode"]
    assert [step.tokens_out for step in steps[:6]] == [1, 1, 1, 1, 2, 2]
    monkeypatch.undo()
    assert tokens_of(events) == tokens_of(drive(tiny_model, RunSpec(requests)))


def test_without_room_for_all_requests_wait_and_finish(tiny_model: LoadedModel) -> None:
    config = tiny_model.config
    room = config.kv_bytes_per_position(4) * 2 * (1 + 10)
    run = RunSpec(requests_of((10,) * 5), Switches(batching="continuous", kv_memory=room))
    events = drive(tiny_model, run)
    assert max(step.running for step in steps_of(events)) == 2
    assert sum(isinstance(event, RequestFinished) for event in events) == 5
    assert tokens_of(events) == tokens_of(drive(tiny_model, RunSpec(requests_of((10,) * 5))))


def test_64_requests_hold_their_common_prefix_once_and_finish_with_memory_for_16(long_model: LoadedModel) -> None:
    prefix = "x" * 511  # and BOS: 512 tokens
    requests = tuple(RequestSpec(prefix + chr(97 + i % 26), 20 + i % 5, ignore_eos=True) for i in range(64))
    config = long_model.config
    block = 16 * config.kv_bytes_per_position(4)
    roomy = Switches(kv="paged", batching="continuous", max_batch=64)
    events = drive(long_model, RunSpec(requests, roomy))
    plain = tokens_of(drive(long_model, RunSpec(requests)))
    assert tokens_of(events) == plain
    steps = steps_of(events)
    assert max(step.running for step in steps) == 64
    assert sum(step.positions_new for step in steps) == 512 + sum(1 + r.max_new_tokens - 1 for r in requests)
    assert max(step.kv_used_bytes for step in steps) <= 32 * block + 64 * 24 * config.kv_bytes_per_position(4)
    check_accounts(long_model, events, None)

    tight = roomy.changed(kv_memory=(32 + 16 * 2) * block)
    events = drive(long_model, RunSpec(requests, tight))
    assert tokens_of(events) == plain
    assert sum(isinstance(event, RequestFinished) for event in events) == 64
    steps = steps_of(events)
    assert max(step.kv_reserved_bytes for step in steps) <= tight.kv_memory  # type: ignore[operator]
    assert sum(step.positions_recomputed for step in steps) > 0  # somebody gave way and came back
    check_accounts(long_model, events, None)


@pytest.fixture(scope="module")
def long_model(tmp_path_factory: pytest.TempPathFactory) -> LoadedModel:
    folder = save_tiny_llama(tmp_path_factory.mktemp("long") / "llama", max_positions=600)
    return load_model(LoadSpec(str(folder), device="cpu", dtype="float32"), lambda stage, fraction: None)


CHANGES = st.fixed_dictionaries(
    {},
    optional={
        "kv": st.sampled_from(["none", "contiguous", "paged"]),
        "block_size": st.sampled_from([1, 4, 16]),
        "attention": st.sampled_from(ATTENTIONS),
        "batching": st.sampled_from(["single", "static", "continuous"]),
        "max_batch": st.integers(1, 4),
        "kv_memory": st.sampled_from([None, 40_000]),
        "graphs": st.booleans(),
    },
)
SPECULATIONS = st.fixed_dictionaries(
    {"speculate": st.sampled_from(["off", "ngram", "draft", "draft"]), "k": st.integers(1, 6)}
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    requests=specs(), ends=ENDS, speculation=SPECULATIONS, start=CHANGES,
    plan=st.lists(st.tuples(st.integers(0, 40), CHANGES), max_size=6),
)  # fmt: skip
def test_any_switches_at_any_steps_change_no_token(
    tiny_model: LoadedModel,
    tiny_draft: LoadedModel,
    requests: tuple[RequestSpec, ...],
    ends: frozenset[int],
    speculation: dict[str, Any],
    start: dict[str, Any],
    plan: list[tuple[int, dict[str, Any]]],
) -> None:
    """Of any request: a sampled one draws from a stream of its own, and so do its drafts."""
    model = with_ends(tiny_model, ends)
    changes = tuple(SwitchChange(step, change) for step, change in plan)
    run = RunSpec(requests, Switches(**speculation, **start), switch_at=changes)
    events, tokens = tokens_with_graphs(model, run, tiny_draft)
    assert tokens == alone(model, requests, tiny_draft, **speculation)
    check_run(tiny_model, events, requests, [(0, start), *plan])


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    requests=specs(), ends=ENDS, first=SPECULATIONS,
    plan=st.lists(st.tuples(st.integers(0, 40), CHANGES, SPECULATIONS), min_size=1, max_size=6),
)  # fmt: skip
def test_a_switch_of_speculation_changes_no_greedy_token(
    tiny_model: LoadedModel,
    tiny_draft: LoadedModel,
    requests: tuple[RequestSpec, ...],
    ends: frozenset[int],
    first: dict[str, Any],
    plan: list[tuple[int, dict[str, Any], dict[str, Any]]],
) -> None:
    """A sampled request goes on by other numbers from there: up to the switch its tokens are those it gives alone."""
    model = with_ends(tiny_model, ends)
    changes = tuple(SwitchChange(step, change | speculation) for step, change, speculation in plan)
    run = RunSpec(requests, Switches(**first), switch_at=changes)
    events, tokens = tokens_with_graphs(model, run, tiny_draft)
    plain, speculated = alone(model, requests), alone(model, requests, tiny_draft, **first)
    until = min(step for step, *_ in plan)
    before = tokens_of([event for event in events if not isinstance(event, Token) or event.step_id < until])
    for index, request in enumerate(requests):
        if request.sampling.greedy:
            assert tokens[index] == plain[index]
        else:
            own = before.get(index, [])
            assert own == speculated[index][: len(own)]
    check_run(tiny_model, events, requests, [(step, change) for step, change, _ in plan])


def check_run(
    model: LoadedModel,
    events: list[AnyEvent],
    requests: tuple[RequestSpec, ...],
    plan: list[tuple[int, dict[str, Any]]],
) -> None:
    """All have finished, and the accounts are right."""
    assert sum(isinstance(event, RequestFinished) for event in events) == len(requests)
    chunks = any(change.get("kv") == "paged" for _, change in plan)
    prompts = None if chunks else [len(model.tokenizer.encode(request.prompt)) for request in requests]
    check_accounts(model, events, prompts)


FLIPS: dict[str, tuple[str, ...]] = {
    "kv": ("none", "contiguous", "paged"),
    "attention": ATTENTIONS,
    "speculate": ("off", "draft", "ngram"),
    "batching": ("single", "static", "continuous"),
}


@pytest.mark.parametrize("seed", range(50))
def test_six_flips_over_four_concurrent_requests_change_no_greedy_token(
    tiny_model: LoadedModel, tiny_draft: LoadedModel, seed: int
) -> None:
    """One or two of the four are sampled; where speculation does not change, they keep their tokens, too."""
    rng = random.Random(seed)
    texts = ["".join(rng.choices("abc ", k=rng.randint(0, 40))) for _ in range(4)]
    requests = tuple(
        RequestSpec(
            text,
            rng.randint(5, 40),
            ignore_eos=True,
            sampling=Sampling(0.9, top_p=0.9, seed=seed) if index % 4 in (1, seed % 4) else Sampling(),
        )
        for index, text in enumerate(texts)
    )
    names = rng.choices(list(FLIPS), k=6)
    changes = tuple(SwitchChange(rng.randint(0, 60), {name: rng.choice(FLIPS[name])}) for name in names)
    run = RunSpec(requests, Switches(batching="continuous", k=rng.randint(1, 6)), switch_at=changes)
    events = drive(tiny_model, run, draft=tiny_draft)
    tokens, plain = tokens_of(events), tokens_of(drive(tiny_model, RunSpec(requests)))
    for index, request in enumerate(requests):
        if request.sampling.greedy or "speculate" not in names:
            assert tokens[index] == plain[index]
    assert [len(tokens[index]) for index in range(4)] == [request.max_new_tokens for request in requests]
    check_accounts(tiny_model, events, None)


def check_accounts(model: LoadedModel, events: list[AnyEvent], prompt_tokens: list[int] | None) -> None:
    """Classes add up, no position is new twice, and the KV bytes are whole positions.

    With `prompt_tokens`, of requests that shared no prefix, every position is new once.
    """
    per_position = model.config.kv_bytes_per_position(model.dtype.itemsize)
    new: dict[int, list[int]] = {}
    work_of_step: dict[int, list[Work]] = {}
    for event in events:
        if isinstance(event, Work):
            work_of_step.setdefault(event.step_id, []).append(event)
            if event.request_id >= 0:
                new.setdefault(event.request_id, []).extend(range(event.new_from, event.end - event.rejected))
        if isinstance(event, Step):
            work = work_of_step[event.id]
            kept = event.positions_new + event.positions_recomputed
            classes = kept + event.positions_padding + event.positions_rejected
            assert event.positions_computed == classes == sum(w.end - w.first for w in work)
            assert event.kv_used_bytes <= event.kv_reserved_bytes
            assert event.kv_used_bytes % per_position == 0
    for indices in new.values():
        assert len(indices) == len(set(indices))
    owners = {"allocate": 1, "share": 1, "free": -1, "evict": 0}
    assert sum(owners[event.event] for event in events if isinstance(event, KvBlock)) == 0  # no block leaks
    if prompt_tokens is not None:
        generated = {request: len(tokens) for request, tokens in tokens_of(events).items()}
        for request, indices in new.items():
            known = prompt_tokens[request] + generated[request]
            assert sorted(indices) == list(range(len(indices)))
            assert len(indices) in (known - 1, known)  # the last token is computed only where it was a draft
        session = session_of(events)
        formula = per_position * metrics.cached_positions(session)
        used = session.steps["kv_used_bytes"]
        assert used.tolist() == formula.tolist()
