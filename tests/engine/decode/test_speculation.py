"""Speculation is exact: what comes out is distributed as the target alone would have it, draft by draft and the bonus.

χ² tests use fixed seeds and alarm at p < 1e-4: with other seeds one in ten thousand would alarm falsely.
"""

from __future__ import annotations

import json
import weakref
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import stats

from engine.core.batch import Batch
from engine.core.kv_cache import KVCache
from engine.core.request import Queue, Request, stream_of
from engine.core.scheduled_chunk import Proposal, ScheduledChunk
from engine.core.settings import LoadSpec, RequestSpec, RunSpec, Sampling, SwitchChange, Switches
from engine.decode.draft import DraftProposer
from engine.decode.draft_model import same_tokens
from engine.decode.engine import Engine
from engine.decode.ngram import NgramProposer
from engine.decode.policies import ContinuousScheduler
from engine.model.loader import LoadedModel, load_model
from engine.sampling import choosing, speculation
from engine.sampling.sampler import distribution, draw
from engine.sampling.speculation import DraftTest, Verdict, residual
from engine.session.schema import AnyEvent, RequestArrived, RequestFinished, Speculation, Step, Token, Work
from tests.engine.drive import drive, session_of, tokens_of
from tests.engine.tiny import save_tiny_llama

Verify = Callable[[torch.Tensor, Sequence[DraftTest]], list[Verdict]]

ALARM = 1e-4
COUNT = 20_000
TARGET = torch.tensor([[2.0, 1.0, 0.5, 0.0, -1.0], [0.0, 0.3, 2.0, 1.0, 0.1], [1.0, 1.0, 1.0, 0.0, 0.5]])
DRAFT = torch.tensor([[1.0, 2.0, 0.0, 0.5, -2.0], [0.0, 0.0, 0.0, 3.0, 0.0]])
SAMPLINGS = [
    Sampling(temperature=1.0),
    Sampling(temperature=0.7, top_p=0.8),
    Sampling(temperature=1.5, top_k=3),
    Sampling(temperature=1.0, min_p=0.2, top_p=0.9),
]


both_ways = pytest.mark.parametrize("verify", [speculation.verify, choosing.verify], ids=["PyTorch", "fastest"])


def alarms(seen: np.ndarray, probs: np.ndarray) -> bool:
    """Whether counts `seen` do not fit `probs`; what the target cannot give must not have come at all."""
    assert seen[probs == 0].sum() == 0
    kept = probs > 0
    if kept.sum() == 1:
        return False
    return bool(stats.chisquare(seen[kept], seen.sum() * probs[kept]).pvalue < ALARM)


def draft_tests(sampling: Sampling, deterministic: bool) -> list[DraftTest]:
    """COUNT proposals of two tokens, from the draft's distribution or always the same."""
    numbers = np.random.default_rng(11)
    q = distribution(DRAFT, [sampling] * 2)
    drafts = torch.stack([draw(q[i].expand(COUNT, -1), torch.tensor(numbers.random(COUNT))) for i in range(2)], -1)
    tests = []
    for tokens, uniforms in zip(drafts.tolist(), numbers.random((COUNT, 3)).tolist(), strict=True):
        proposal = Proposal((1, 2)) if deterministic else Proposal(tuple(tokens), q)
        tests.append(DraftTest(sampling, proposal, uniforms))
    return tests


@both_ways
@pytest.mark.parametrize("sampling", SAMPLINGS, ids=str)
@pytest.mark.parametrize("deterministic", [False, True], ids=["draft", "ngram"])
def test_every_position_follows_the_target(sampling: Sampling, deterministic: bool, verify: Verify) -> None:
    verdicts = verify(TARGET.repeat(COUNT, 1), draft_tests(sampling, deterministic))
    probs = distribution(TARGET, [sampling] * 3).numpy()
    for position in range(3):  # the last is the bonus, there where both drafts passed
        came = [verdict.tokens[position] for verdict in verdicts if len(verdict.tokens) > position]
        assert len(came) > 100 or probs[:position].min() == 0
        if came:
            assert not alarms(np.bincount(came, minlength=5), probs[position])
    assert all(len(verdict.tokens) == verdict.accepted + 1 for verdict in verdicts)


@both_ways
def test_drafts_pass_as_often_as_the_distributions_overlap(verify: Verify) -> None:
    sampling = Sampling(temperature=1.0)
    verdicts = verify(TARGET.repeat(COUNT, 1), draft_tests(sampling, deterministic=False))
    p, q = distribution(TARGET[:2], [sampling] * 2), distribution(DRAFT, [sampling] * 2)
    overlap = torch.minimum(p, q).sum(-1).tolist()
    first = sum(verdict.accepted >= 1 for verdict in verdicts)
    both = sum(verdict.accepted == 2 for verdict in verdicts)
    assert stats.binomtest(first, COUNT, overlap[0]).pvalue > ALARM
    assert stats.binomtest(both, first, overlap[1]).pvalue > ALARM


@both_ways
def test_greedy_accepts_what_greedy_would_have_given(verify: Verify) -> None:
    greedy = Sampling()
    proposals = [Proposal((0, 2)), Proposal((0, 1)), Proposal((3, 2)), Proposal(())]
    rows = [3, 3, 3, 1]
    logits = torch.cat([TARGET[:count] for count in rows])
    verdicts = verify(logits, [DraftTest(greedy, proposal, [0.5] * 3) for proposal in proposals])
    assert [verdict.tokens for verdict in verdicts] == [[0, 2, 0], [0, 2], [0], [0]]
    assert [verdict.accepted for verdict in verdicts] == [2, 1, 0, 0]
    mixed = verify(
        torch.cat([logits, TARGET[:1]]),
        [
            *(DraftTest(greedy, proposal, [0.5] * 3) for proposal in proposals),
            DraftTest(SAMPLINGS[0], Proposal(()), [0.0]),
        ],
    )
    assert [verdict.tokens for verdict in mixed] == [[0, 2, 0], [0, 2], [0], [0], [0]]


def test_a_residual_with_nothing_left_falls_back_to_the_target() -> None:
    p = torch.tensor([0.25, 0.75], dtype=torch.float64)
    assert residual(p, Proposal((1,), p[None]), 0).tolist() == [0.25, 0.75]
    assert residual(p, Proposal((1,)), 0).tolist() == [0.25, 0.0]


@both_ways
def test_what_the_target_cannot_give_never_passes(verify: Verify) -> None:
    logits = torch.tensor([[0.0, -torch.inf], [0.0, 0.0]])
    (verdict,) = verify(logits, [DraftTest(Sampling(temperature=1.0), Proposal((1,)), [0.0, 0.0])])
    assert verdict.tokens == [0]


# --- whole runs -------------------------------------------------------------------------------------------------------


class Stubborn:
    """Proposes the same tokens always, as sure of them as look-up is."""

    name = "stubborn"

    def __init__(self, tokens: tuple[int, ...]) -> None:
        self._tokens = tokens

    def propose(self, requests: Sequence[Request], counts: Sequence[int]) -> list[Proposal]:
        return [Proposal(self._tokens[:count]) for count in counts]

    def forget(self, request_id: int) -> None:
        pass

    def settle(self) -> None:
        pass

    def take_cost(self) -> tuple[int, int]:
        return 0, 0

    def kv_bytes(self) -> tuple[int, int]:
        return 0, 0


def next_token(model: LoadedModel, prefixes: list[list[int]], sampling: Sampling) -> np.ndarray:
    """The target's distribution after each prefix, [prefixes, vocab]."""
    from engine.attention.build import make_attention
    from engine.cache.build import make_cache
    from engine.core.timing import NoTimer

    cache = make_cache(Switches(kv="none"), model.config, model.device, model.dtype)
    batch = Batch.of([(index, 0, prefix) for index, prefix in enumerate(prefixes)])
    kv = cache.begin(batch)
    logits = model.decoder.forward(batch, kv, make_attention("reference", model.config), NoTimer())
    return distribution(logits, [sampling] * len(prefixes)).numpy()


@pytest.mark.parametrize("how", ["draft", "stubborn"])
def test_sampled_runs_follow_the_target(
    tiny_model: LoadedModel, tiny_draft: LoadedModel, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """The second and third token of many requests, whose drafts a whole engine proposed, tested and rolled back."""
    sampling = Sampling(temperature=0.6, top_p=0.9, top_k=6, seed=1)
    prompt = tiny_model.tokenizer.encode("")
    first = next_token(tiny_model, [prompt], sampling)[0]
    likely = np.flatnonzero(first)
    after_first = next_token(tiny_model, [[*prompt, int(t)] for t in likely], sampling)
    second = first[likely] @ after_first
    pairs = [(int(t), int(u)) for t, row in zip(likely, after_first, strict=True) for u in np.flatnonzero(row)]
    after_pair = next_token(tiny_model, [[*prompt, t, u] for t, u in pairs], sampling)
    weights = np.array([first[t] * after_first[list(likely).index(t), u] for t, u in pairs])
    third = weights @ after_pair
    best = int(second.argmax())
    if how == "stubborn":
        monkeypatch.setattr("engine.decode.switcher.make_proposer", lambda *_: Stubborn((best, int(third.argmax()))))
    requests = (RequestSpec("", 4, ignore_eos=True, sampling=sampling),) * 3000
    switches = Switches(batching="continuous", max_batch=100, speculate="draft", k=2)
    events = drive(tiny_model, RunSpec(requests, switches), draft=tiny_draft)
    tokens = np.array(list(tokens_of(events).values()))
    for position, probs in enumerate((first, second, third)):
        seen = np.bincount(tokens[:, position], minlength=len(probs))
        assert seen[probs < 1e-12].sum() == 0
        common = probs * len(requests) >= 5
        pooled = np.append(seen[common], seen[~common].sum())
        expected = np.append(probs[common], probs[~common].sum())
        if expected[-1] * len(requests) < 1:
            pooled, expected = pooled[:-1], expected[:-1]
        assert stats.chisquare(pooled, pooled.sum() * expected / expected.sum()).pvalue > ALARM
    tests = [event for event in events if isinstance(event, Speculation)]
    assert 0 < sum(event.accepted for event in tests) < sum(event.proposed for event in tests)


@pytest.mark.parametrize("temperatures", [(0.0, 0.8), (0.8, 0.0), (0.8, 1.2)])
@pytest.mark.parametrize("kv", ["none", "contiguous", "paged"])
def test_who_drafts_beside_a_request_changes_nothing_of_it(
    tiny_model: LoadedModel, tiny_draft: LoadedModel, kv: str, temperatures: tuple[float, float]
) -> None:
    """Greedy and sampled requests near their limits: from the last drafts on, one of them drafts without the other."""
    requests = tuple(
        RequestSpec(text, count, ignore_eos=True, sampling=Sampling(temperature, seed=3))
        for text, count, temperature in zip(("hello", "abcabc"), (20, 7), temperatures, strict=True)
    )
    alone = drive(tiny_model, RunSpec(requests, Switches(speculate="draft", k=3)), draft=tiny_draft)
    switches = Switches(kv=kv, speculate="draft", k=3, batching="continuous")  # type: ignore[arg-type]
    events = drive(tiny_model, RunSpec(requests, switches), draft=tiny_draft)
    assert tokens_of(events) == tokens_of(alone)
    assert [len(tokens) for tokens in tokens_of(events).values()] == [20, 7]


def test_drafts_that_nobody_tested_are_drawn_again_as_they_were(
    tiny_model: LoadedModel, tiny_draft: LoadedModel
) -> None:
    """A request that gives way for want of memory has drafts already; when it comes back it gets the same."""
    sampling = Sampling(temperature=1.0, seed=4)
    requests = tuple(RequestSpec(text, 40, ignore_eos=True, sampling=sampling) for text in ("hello", "world", "again"))
    alone = drive(tiny_model, RunSpec(requests, Switches(speculate="draft", k=3)), draft=tiny_draft)
    block = 4 * tiny_model.config.kv_bytes_per_position(4)
    tight = Switches(
        kv="paged", block_size=4, kv_memory=18 * block, batching="continuous", speculate="draft", k=3
    )  # fmt: skip
    events = drive(tiny_model, RunSpec(requests, tight), draft=tiny_draft)
    assert sum(e.positions_recomputed for e in events if isinstance(e, Step)) > 0  # somebody gave way
    assert tokens_of(events) == tokens_of(alone)


def test_who_is_computed_because_another_gave_way_has_its_drafts(
    tiny_model: LoadedModel, tiny_draft: LoadedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    class NewestFirst(ContinuousScheduler):
        """Serves the newest alone, and the others when it has given way."""

        def schedule(self, queue: Queue, cache: KVCache, admit: bool = True) -> list[ScheduledChunk]:
            chunks = super().schedule(queue, cache, admit)
            return chunks[-1:] if admit else chunks

    sampling = Sampling(temperature=1.0, seed=4)
    requests = tuple(RequestSpec(text, 40, ignore_eos=True, sampling=sampling) for text in ("hello", "world"))
    alone = drive(tiny_model, RunSpec(requests, Switches(speculate="draft", k=3)), draft=tiny_draft)
    block = 4 * tiny_model.config.kv_bytes_per_position(4)
    tight = Switches(
        kv="paged", block_size=4, kv_memory=13 * block, batching="continuous", max_batch=2, speculate="draft", k=3
    )  # fmt: skip
    change = SwitchChange(2, {"max_batch": 3})
    with monkeypatch.context() as patch:
        patch.setattr(
            "engine.decode.switcher.make_scheduler",
            lambda switches: (NewestFirst if switches.max_batch == 3 else ContinuousScheduler)(2),
        )
        events = drive(tiny_model, RunSpec(requests, tight, switch_at=(change,)), draft=tiny_draft)
    assert sum(e.positions_recomputed for e in events if isinstance(e, Step)) > 0  # the newest gave way
    assert tokens_of(events) == tokens_of(alone)


@pytest.mark.parametrize("speculate", ["draft", "ngram"])
@pytest.mark.parametrize("batching", ["single", "static", "continuous"])
@pytest.mark.parametrize("kv", ["none", "contiguous", "paged"])
@pytest.mark.parametrize("k", [1, 6])
def test_greedy_text_is_unchanged_and_the_account_is_right(
    tiny_model: LoadedModel, tiny_draft: LoadedModel, speculate: str, batching: str, kv: str, k: int
) -> None:
    requests = tuple(RequestSpec(text, 20, ignore_eos=True) for text in ("abcabcabcab", "the the the", "x"))
    switches = Switches(kv=kv, speculate=speculate, batching=batching, k=k)  # type: ignore[arg-type]
    events = drive(tiny_model, RunSpec(requests, switches), draft=tiny_draft)
    assert tokens_of(events) == tokens_of(drive(tiny_model, RunSpec(requests)))
    tests = {(event.step_id, event.request_id): event for event in events if isinstance(event, Speculation)}
    sources: dict[tuple[int, int], list[str]] = {}
    for event in events:
        if isinstance(event, Token):
            sources.setdefault((event.step_id, event.request_id), []).append(event.source)
    rejected: dict[int, int] = {}
    for event in events:
        if isinstance(event, Work) and event.request_id >= 0:
            rejected[event.step_id] = rejected.get(event.step_id, 0) + event.rejected
            test = tests.get((event.step_id, event.request_id))
            assert event.rejected == (test.proposed - test.accepted if test else 0)
    assert tests
    for key, test in tests.items():
        assert 0 <= test.accepted <= test.proposed <= k
        last = "bonus" if test.accepted == test.proposed else "target"
        assert sources[key] == ["draft"] * test.accepted + [last]
    for event in events:
        if isinstance(event, Step):
            assert event.positions_rejected == rejected[event.id]
            assert (event.kind == "verify") == any(step == event.id for step, _ in tests)


def test_a_draft_that_is_the_target_is_always_right(tiny_model: LoadedModel) -> None:
    run = RunSpec((RequestSpec("hello", 21, ignore_eos=True),), Switches(speculate="draft", k=4))
    events = drive(tiny_model, run, draft=tiny_model)
    assert all(event.accepted == event.proposed for event in events if isinstance(event, Speculation))
    assert sum(isinstance(event, Step) for event in events) == 1 + 4  # one token, then five a step
    session = session_of(events)
    assert int(session.steps["positions_rejected"].sum()) == 0
    target_alone = session_of(drive(tiny_model, RunSpec(run.requests)))
    assert session.steps["flops"].sum() > target_alone.steps["flops"].sum()  # the draft's passes are counted


def test_kv_memory_after_a_rejection_holds_known_positions_only(
    tiny_model: LoadedModel, tiny_draft: LoadedModel
) -> None:
    run = RunSpec((RequestSpec("hello", 30, ignore_eos=True),), Switches(speculate="draft", k=6))
    events = drive(tiny_model, run, draft=tiny_draft)
    per_position = tiny_model.config.kv_bytes_per_position(4)
    known = len(tiny_model.tokenizer.encode("hello"))
    for step in (event for event in events if isinstance(event, Step)):
        known += step.tokens_out
        assert step.kv_used_bytes == (known - 1) * per_position


def draft_kv(events: list[AnyEvent]) -> list[tuple[int, int]]:
    """(used, reserved) bytes of the draft's cache by step."""
    return [(e.draft_kv_used_bytes, e.draft_kv_reserved_bytes) for e in events if isinstance(e, Step)]


def expected_draft_kv(draft: LoadedModel, events: list[AnyEvent]) -> list[tuple[int, int]]:
    """What one request after the other leaves in the draft's cache: what was fed and turned out to be known."""
    shape = draft.config
    position = 2 * shape.layers * shape.kv_heads * shape.head_dim * draft.dtype.itemsize
    arrived = {e.id: e for e in events if isinstance(e, RequestArrived)}
    tests = {e.step_id: e.proposed for e in events if isinstance(e, Speculation)}
    work = {e.step_id: e.request_id for e in events if isinstance(e, Work)}
    known = {id: len(one.prompt_token_ids) for id, one in arrived.items()}
    found: list[tuple[int, int]] = []
    for step in (e for e in events if isinstance(e, Step)):
        request = work[step.id]
        before = known[request]
        known[request] += step.tokens_out
        drafted = tests.get(step.id, 0)
        # The last draft was drawn and not fed; the last known token is always left to feed.
        held = min(before + drafted - 1, known[request] - 1) if drafted else 0
        limit = len(arrived[request].prompt_token_ids) + json.loads(arrived[request].params)["max_new_tokens"]
        found.append((held * position, limit * position if drafted else 0))
    return found


def test_the_drafts_own_cache_is_counted_and_holds_known_tokens_only(
    tiny_model: LoadedModel, tiny_draft: LoadedModel
) -> None:
    requests = (RequestSpec("hello", 32, ignore_eos=True), RequestSpec("the the the", 14, ignore_eos=True))
    events = drive(tiny_model, RunSpec(requests, Switches(speculate="draft", k=3)), draft=tiny_draft)
    seen, expected = draft_kv(events), expected_draft_kv(tiny_draft, events)
    drafted = [event.step_id for event in events if isinstance(event, Speculation)]
    assert any(event.accepted < event.proposed for event in events if isinstance(event, Speculation))
    assert [seen[step] for step in drafted] == [expected[step] for step in drafted]
    prompts = [event.id for event in events if isinstance(event, Step) and event.kind == "prefill"]
    assert [seen[step] for step in prompts] == [(0, 0)] * 2  # the first request's was given back when it ended


@pytest.mark.parametrize("speculate", ["off", "ngram"])
def test_where_no_model_drafts_the_draft_has_no_cache(
    tiny_model: LoadedModel, tiny_draft: LoadedModel, speculate: str
) -> None:
    switches = Switches(speculate=speculate)  # type: ignore[arg-type]
    events = drive(tiny_model, RunSpec((RequestSpec("the the the", 20, ignore_eos=True),), switches), draft=tiny_draft)
    assert set(draft_kv(events)) == {(0, 0)}


def test_the_drafts_cache_goes_with_the_switch_and_fills_itself_when_it_comes_back(
    tiny_model: LoadedModel, tiny_draft: LoadedModel
) -> None:
    changes = [(4, "off"), (8, "draft"), (11, "ngram")]
    run = RunSpec(
        (RequestSpec("hello", 60, ignore_eos=True),), Switches(speculate="draft", k=2),
        switch_at=tuple(SwitchChange(step, {"speculate": value}) for step, value in changes),
    )  # fmt: skip
    events = drive(tiny_model, run, draft=tiny_draft)
    seen, expected = draft_kv(events), expected_draft_kv(tiny_draft, events)
    drafting = [*range(1, 4), *range(8, 11)]
    assert [seen[step] for step in drafting] == [expected[step] for step in drafting]
    assert all(used > 0 for used, _ in (seen[step] for step in drafting))
    assert {seen[step] for step in range(len(seen)) if step not in drafting} == {(0, 0)}


def test_who_no_longer_drafts_keeps_no_memory(tiny_model: LoadedModel, tiny_draft: LoadedModel) -> None:
    """What the column says is so: nothing holds the cache any more at the step after the switch."""
    caches: list[weakref.ref[object]] = []

    def watch(engine: Engine, step: int) -> None:
        if step == 3:
            assert isinstance(engine.switcher.proposer, DraftProposer)
            caches.append(weakref.ref(engine.switcher.proposer._cache))
        elif step == 5:
            assert caches[0]() is None

    changes = (SwitchChange(4, {"speculate": "off"}),)
    run = RunSpec((RequestSpec("hello", 60, ignore_eos=True),), Switches(speculate="draft", k=2), switch_at=changes)
    drive(tiny_model, run, watch, draft=tiny_draft)
    assert caches


def test_a_switch_of_the_targets_cache_leaves_the_drafts_as_it_is(
    tiny_model: LoadedModel, tiny_draft: LoadedModel
) -> None:
    requests = (RequestSpec("hello", 40, ignore_eos=True),)
    plain = drive(tiny_model, RunSpec(requests, Switches(speculate="draft", k=2)), draft=tiny_draft)
    flip = (SwitchChange(5, {"kv": "paged"}),)
    flipped = drive(tiny_model, RunSpec(requests, Switches(speculate="draft", k=2), switch_at=flip), draft=tiny_draft)
    assert draft_kv(flipped) == draft_kv(plain)


@pytest.mark.parametrize("batching", ["static", "continuous"])
def test_a_request_that_ended_holds_nothing_in_the_drafts_cache(
    tiny_model: LoadedModel, tiny_draft: LoadedModel, batching: str
) -> None:
    """Also in a static batch, where the target's cache keeps it until the batch ends."""
    requests = (RequestSpec("hello", 40, ignore_eos=True), RequestSpec("world", 6, ignore_eos=True))
    switches = Switches(batching=batching, speculate="draft", k=2)  # type: ignore[arg-type]
    events = drive(tiny_model, RunSpec(requests, switches), draft=tiny_draft)
    both, one = reserved_bytes(tiny_model, tiny_draft, (40, 6)), reserved_bytes(tiny_model, tiny_draft, (40,))
    ended = max(event.step_id for event in events if isinstance(event, Token) and event.request_id == 1)
    reserved = [held for _, held in draft_kv(events)]
    assert set(reserved[1 : ended + 1]) == {both}
    assert set(reserved[ended + 1 :]) == {one}


def test_a_request_that_gave_way_keeps_what_the_draft_holds_of_it(
    tiny_model: LoadedModel, tiny_draft: LoadedModel
) -> None:
    requests = (RequestSpec("hello", 40, ignore_eos=True), RequestSpec("world", 39, ignore_eos=True))
    block = 4 * tiny_model.config.kv_bytes_per_position(4)
    switches = Switches(
        kv="paged", block_size=4, kv_memory=15 * block, batching="continuous", speculate="draft", k=2
    )  # fmt: skip
    events = drive(tiny_model, RunSpec(requests, switches), draft=tiny_draft)
    alone = [event.id for event in events if isinstance(event, Step) and event.waiting]
    ended = max(event.step_id for event in events if isinstance(event, Token) and event.request_id == 0)
    seen = draft_kv(events)
    assert 1 < alone[0] < alone[-1] < ended + 1
    assert {seen[step][1] for step in alone} == {reserved_bytes(tiny_model, tiny_draft, (40, 39))}
    assert {held for _, held in seen[ended + 1 :]} == {reserved_bytes(tiny_model, tiny_draft, (39,))}
    assert all(used <= held for used, held in seen)


def reserved_bytes(model: LoadedModel, draft: LoadedModel, new_tokens: Sequence[int]) -> int:
    """What the draft's cache sets aside for requests of five letters that come to so many tokens."""
    prompt = len(model.tokenizer.encode("hello"))
    return sum(prompt + count for count in new_tokens) * draft.config.kv_bytes_per_position(4)


def test_cancelled_requests_leave_the_drafts_cache(tiny_model: LoadedModel, tiny_draft: LoadedModel) -> None:
    def cancel(engine: Engine, step: int) -> None:
        if step == 5:
            engine.cancel()
            engine.add((RequestSpec("again", 20, ignore_eos=True),))

    requests = (RequestSpec("hello", 40, ignore_eos=True),) * 2
    events = drive(tiny_model, RunSpec(requests, Switches(speculate="draft", k=2)), cancel, draft=tiny_draft)
    reserved = [held for _, held in draft_kv(events)]
    assert reserved[4] == reserved_bytes(tiny_model, tiny_draft, (40,))
    assert reserved[5] == 0
    assert set(reserved[6:]) == {reserved_bytes(tiny_model, tiny_draft, (20,))}


def test_end_of_text_among_the_drafts_ends_the_request_there(tiny_model: LoadedModel) -> None:
    from dataclasses import replace

    free = tokens_of(drive(tiny_model, RunSpec((RequestSpec("hello", 21, ignore_eos=True),))))[0]
    eos = next(token for index, token in enumerate(free) if index >= 7 and token not in free[:index])
    model = replace(tiny_model, tokenizer=replace(tiny_model.tokenizer, eos_token_ids=frozenset({eos})))
    run = RunSpec((RequestSpec("hello", 21),), Switches(speculate="draft", k=5))
    events = drive(model, run, draft=tiny_model)
    assert tokens_of(events)[0] == free[: free.index(eos) + 1]
    assert [event.finish_reason for event in events if isinstance(event, RequestFinished)] == ["eos"]


# --- proposers --------------------------------------------------------------------------------------------------------


def request_of(tokens: list[int], sampling: Sampling | None = None, id_: int = 0) -> Request:
    spec = RequestSpec("", sampling=sampling or Sampling())
    return Request(id_, spec, tokens, 1, 200, 0, detokenizer=None, stream=stream_of(0, id_))  # type: ignore[arg-type]


def test_look_up_continues_the_longest_and_latest_match() -> None:
    proposer = NgramProposer()
    request = request_of([1, 2, 3, 9, 2, 3, 7, 8, 1, 2, 3])
    assert proposer.propose([request], [3])[0].tokens == (9, 2, 3)  # 1 2 3 stood at the start
    request.tokens.append(5)
    assert proposer.propose([request], [3])[0].tokens == ()
    request.tokens += [2, 3]
    assert proposer.propose([request], [2])[0].tokens == (5, 2)  # of two places with 2 3, the later
    assert proposer.propose([request], [0])[0].tokens == ()


def test_a_drafts_cache_is_rolled_back_to_what_became_known(tiny_draft: LoadedModel) -> None:
    proposer = DraftProposer(tiny_draft, Switches(graphs=False))
    request = request_of([256, 10, 20])
    drafted = proposer.propose([request], [4])[0].tokens
    request.tokens += [drafted[0], drafted[1], (drafted[2] + 1) % 256]
    again = proposer.propose([request], [4])[0].tokens
    fresh = DraftProposer(tiny_draft, Switches(graphs=False)).propose([request_of(list(request.tokens))], [4])[0].tokens
    assert again == fresh
    flops, moved = proposer.take_cost()
    assert flops > 0
    assert moved > 0
    assert proposer.take_cost() == (0, 0)


@pytest.fixture(scope="module")
def padded(tmp_path_factory: pytest.TempPathFactory) -> dict[int, LoadedModel]:
    """Tiny models by the size of their vocabulary, with one tokenizer of 258 tokens."""
    folder = tmp_path_factory.mktemp("padded")
    return {
        vocab: load_model(
            LoadSpec(str(save_tiny_llama(folder / str(vocab), vocab=vocab)), device="cpu", dtype="float32"),
            lambda stage, fraction: None,
        )
        for vocab in (258, 264, 288)
    }


@pytest.mark.parametrize(("target", "draft"), [(288, 258), (258, 288), (264, 288), (288, 264)])
@pytest.mark.parametrize("temperature", [0.0, 1.5])
def test_a_draft_with_another_padding_of_the_vocabulary_serves(
    padded: dict[int, LoadedModel], target: int, draft: int, temperature: float
) -> None:
    model = padded[target]
    assert same_tokens(padded[draft], model)
    requests = tuple(
        RequestSpec("abcabc", 40, ignore_eos=True, sampling=Sampling(temperature=temperature, seed=seed))
        for seed in range(3)
    )
    alone = drive(model, RunSpec(requests))
    events = drive(model, RunSpec(requests, Switches(speculate="draft", k=3)), draft=padded[draft])
    drafted = [event for event in events if isinstance(event, Token) and event.source == "draft"]
    assert all(event.token_id < min(target, draft) for event in drafted)
    assert [len(tokens) for tokens in tokens_of(events).values()] == [40] * 3
    if temperature == 0.0:
        assert tokens_of(events) == tokens_of(alone)


def test_a_proposal_is_as_wide_as_the_targets_logits(padded: dict[int, LoadedModel]) -> None:
    request = request_of([256, 287, 20], Sampling(temperature=1.0))  # 287 is padding that the draft model lacks
    proposal = DraftProposer(padded[258], Switches(graphs=False), 288).propose([request], [3])[0]
    assert proposal.probs is not None
    assert proposal.probs.shape == (3, 288)
    assert proposal.probs[:, 258:].sum() == 0
    torch.testing.assert_close(proposal.probs.sum(-1), torch.ones(3, dtype=torch.float64))


def test_a_draft_with_other_words_is_refused(padded: dict[int, LoadedModel], tmp_path: Path) -> None:
    folder = save_tiny_llama(tmp_path / "other", vocab=264)
    text = (folder / "tokenizer.json").read_text()
    vocab = json.loads(text)
    words = vocab["model"]["vocab"]
    words["a"], words["b"] = words["b"], words["a"]
    (folder / "tokenizer.json").write_text(json.dumps(vocab))
    other = load_model(LoadSpec(str(folder), device="cpu", dtype="float32"), lambda stage, fraction: None)
    assert not same_tokens(other, padded[264])
