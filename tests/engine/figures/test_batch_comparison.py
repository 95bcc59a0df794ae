"""Static beside continuous batching: the same requests are found again, and the figures are those of plain counting."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

import pytest

from engine.client.suites import batch_runs, make_suite
from engine.core.settings import RequestSpec, RunSpec, Switches
from engine.figures.batch_comparison import BatchComparison, batch_comparison
from engine.figures.json_figures import json_figures
from engine.figures.loads import LENGTHS, SLOTS, refilling_batch
from engine.figures.switches import switches_at
from engine.model.loader import LoadedModel
from engine.session.joining import Joiner
from engine.session.schema import AnyEvent, SessionStarted, Step, Token
from engine.session.store import Session
from tests.engine.drive import drive


def joined(model: LoadedModel, runs: Sequence[tuple[str, RunSpec]]) -> Session:
    session, joiner = Session(), Joiner()
    for label, run in runs:
        joiner.begin(label)
        session.apply(joiner.rewrite(run_events(model, run)))
    return session


def run_events(model: LoadedModel, run: RunSpec) -> list[AnyEvent]:
    """The events of a run as the engine's process sends them."""
    events: list[AnyEvent] = [SessionStarted({"epoch_ns": str(time.time_ns())})]
    return [*events, *drive(model, run)]


def short_runs() -> list[tuple[str, RunSpec]]:
    """The suite's runs with requests of a quarter of their lengths."""
    requests = tuple(replace(one, max_new_tokens=-(-one.max_new_tokens // 4)) for one in refilling_batch())
    return [(one.label, replace(one.run, requests=requests)) for one in batch_runs()]


def static_steps(lengths: Sequence[int], slots: int) -> int:
    """Each batch takes as many steps as its longest request has tokens."""
    return sum(max(lengths[first : first + slots]) for first in range(0, len(lengths), slots))


def continuous_steps(lengths: Sequence[int], slots: int) -> int:
    """The next request takes the slot that is free first."""
    until = [0] * slots
    for length in lengths:
        until[until.index(min(until))] += length
    return max(until)


def test_more_requests_than_slots_and_the_effect_is_large_by_count() -> None:
    assert len(LENGTHS) == 4 * SLOTS
    assert LENGTHS[:4] == (20, 10, 24, 7)
    assert static_steps(LENGTHS, SLOTS) / continuous_steps(LENGTHS, SLOTS) > 2


def test_a_requests_colour_is_the_same_in_both_runs_in_every_panel() -> None:
    from app.look.theme import DARK, LIGHT

    assert len(LENGTHS) % len(DARK.requests) == len(LENGTHS) % len(LIGHT.requests) == 0


def test_figures_are_those_of_plain_counting(tiny_model: LoadedModel) -> None:
    runs = short_runs()
    session = joined(tiny_model, runs)
    found = batch_comparison(session)
    assert isinstance(found, BatchComparison)
    assert found.complete
    assert found.offset == len(LENGTHS)
    lengths = [one.max_new_tokens for one in runs[0][1].requests]
    assert found.static.slots.steps == static_steps(lengths, SLOTS)
    assert found.continuous.slots.steps == continuous_steps(lengths, SLOTS)
    for one, policy in ((found.static, "static"), (found.continuous, "continuous")):
        ids = range(one.first_request, one.first_request + one.requests)
        requests = [session.requests[request] for request in ids]
        assert one.tokens == sum(lengths)
        waits = [(request.first_token_ns - request.arrived_ns) / 1e9 for request in requests if request.first_token_ns]
        assert one.ttft_mean_s == pytest.approx(sum(waits) / len(waits))
        assert one.ttft_longest_s == max(waits)
        last_ns = max(int(session.tokens["emitted_ns"][row]) for request in requests for row in request.token_rows)
        assert one.wall_s == pytest.approx((last_ns - min(request.arrived_ns for request in requests)) / 1e9)
        assert one.tokens_per_s == pytest.approx(one.tokens / one.wall_s)
        assert {switches_at(session, step)["batching"] for step in (one.first, one.last)} == {policy}
    assert found.static.slots.waste
    assert found.continuous.slots.waste == 0
    assert found.steps_factor == static_steps(lengths, SLOTS) / continuous_steps(lengths, SLOTS)
    told = json_figures(session)["static_continuous"]
    assert told["factors"]["tokens_per_s"] == found.rate_factor
    assert told["continuous"]["slots"]["steps"] == found.continuous.slots.steps


def test_both_runs_give_the_same_tokens(tiny_model: LoadedModel) -> None:
    runs = [drive(tiny_model, run) for _, run in short_runs()]
    texts = [
        {
            request: [e.token_id for e in events if isinstance(e, Token) and e.request_id == request]
            for request in range(16)
        }
        for events in runs
    ]
    assert texts[0] == texts[1]
    assert max(step.running for step in runs[1] if isinstance(step, Step)) == SLOTS


def test_no_factor_before_the_second_run_is_over(tiny_model: LoadedModel) -> None:
    (first, static), (second, continuous) = short_runs()
    session, joiner = Session(), Joiner()
    joiner.begin(first)
    session.apply(joiner.rewrite(run_events(tiny_model, static)))
    joiner.begin(second)
    events = joiner.rewrite(run_events(tiny_model, continuous))
    session.apply(events[: len(events) // 2])
    found = batch_comparison(session)
    assert found is not None
    assert not found.complete
    assert found.time_factor is found.rate_factor is found.ttft_factor is None


@pytest.mark.parametrize("policies", [("static", "static"), ("continuous", "single")])
def test_nothing_to_compare_without_both(tiny_model: LoadedModel, policies: tuple[str, str]) -> None:
    request = (RequestSpec("the cat", 3, ignore_eos=True),)
    runs = [(f"x {one} 1", RunSpec(request, Switches().changed(batching=one))) for one in policies]
    assert batch_comparison(joined(tiny_model, runs)) is None


def test_other_requests_are_not_compared(tiny_model: LoadedModel) -> None:
    runs = [
        (
            f"x {policy} 1",
            RunSpec((RequestSpec("the cat", tokens, ignore_eos=True),), Switches().changed(batching=policy)),
        )
        for policy, tokens in (("static", 3), ("continuous", 4))
    ]
    assert batch_comparison(joined(tiny_model, runs)) is None


def test_the_suite_by_name() -> None:
    suite = make_suite("batching", {}, {})
    assert suite.total == 2
    assert suite.now is not None
    assert suite.now.label == "batch static 1"
