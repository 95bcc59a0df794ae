"""Prefill apart from decode, by hand: prompts whole and in pieces, mixed steps, drafts, preemption, and a batch."""

from __future__ import annotations

import numpy as np
import pytest

from engine.figures.gaps import itl_seconds
from engine.figures.latency import LatencySeries
from engine.figures.latency_figures import RangeFigures
from engine.figures.step_range import token_rows
from engine.figures.step_roles import DECODE, MIXED, PREFILL, StepRoles
from engine.session.store import Session
from tests.app.panels.sessions import MS, Recorder

PROMPT = 6


def figures_of(session: Session, steps: tuple[int, int] | None = None) -> RangeFigures:
    series = LatencySeries(session)
    series.update()
    return series.figures(steps)


def roles_of(session: Session) -> list[int]:
    roles = StepRoles(session)
    roles.update()
    return roles.role.tolist()


def recorder(requests: int = 2) -> Recorder:
    found = Recorder()
    found.switches(kv="contiguous", batching="continuous")
    for request in range(requests):
        found.request(request, [f"p{i}" for i in range(PROMPT)])
    return found


def work(request: int, first: int, end: int, new_from: int | None = None) -> tuple[int, int, int, int, int, int]:
    return (request, first, first if new_from is None else new_from, end, 0, first)


def mixed_run() -> Recorder:
    """Request 0's prompt in 100 ms; two decode steps; request 1's prompt in two pieces beside it; both decode."""
    run = recorder()
    run.step([work(0, 0, 6)], [(0, " a", "target")], ns=100 * MS)
    run.step([work(0, 6, 7)], [(0, " b", "target")], ns=10 * MS)
    run.step([work(0, 7, 8)], [(0, " c", "target")], ns=10 * MS)
    run.step([work(0, 8, 9), work(1, 0, 4)], [(0, " d", "target")], ns=60 * MS)
    run.step([work(0, 9, 10), work(1, 4, 6)], [(0, " e", "target"), (1, " x", "target")], ns=40 * MS)
    run.step([work(0, 10, 11), work(1, 6, 7)], [(0, " f", "target"), (1, " y", "target")], ns=16 * MS)
    run.step([work(0, 11, 12), work(1, 7, 8)], [(0, " g", "target"), (1, " z", "target")], ns=18 * MS)
    return run


def test_a_mixed_step_is_prefill_and_no_tokens_time() -> None:
    session = mixed_run().session
    assert roles_of(session) == [PREFILL, DECODE, DECODE, MIXED, MIXED, DECODE, DECODE]
    figures = figures_of(session)
    assert (figures.steps, figures.tokens) == (7, 10)
    assert (figures.decode_steps, figures.decode_tokens) == (4, 6)
    assert (figures.prefill.steps, figures.prefill.mixed_steps) == (3, 2)
    assert figures.prefill.busy_s == pytest.approx(0.2)
    assert figures.prefill.a_request.mean_s == pytest.approx(0.1)  # of 100 ms, and of 60 + 40
    # a token of one request: 10 and 10 alone, 16 and 18 for each of two
    assert figures.token_s == pytest.approx((10 + 10 + 2 * 16 + 2 * 18) / 6 * 1e-3)
    assert figures.parts[-1].p50_s == pytest.approx(13e-3)
    assert figures.amortised_s == pytest.approx((10 + 10 + 16 + 18) / 6 * 1e-3)
    assert figures.requests_a_step == pytest.approx((10 + 10 + 2 * 16 + 2 * 18) / 54)
    assert figures.projected_s(100) == pytest.approx(0.1 + 100 * (88 / 6) * 1e-3)
    assert figures.busy_s == pytest.approx(0.254)


def test_a_range_tells_the_prefill_of_the_requests_that_it_decodes() -> None:
    session = mixed_run().session
    figures = figures_of(session, (5, 6))
    assert figures.prefill.steps == 0
    assert figures.prefill.busy_s == 0.0
    assert figures.projected_s(10) == pytest.approx(0.1 + 10 * 17e-3)
    assert figures.requests_a_step == 2.0
    assert figures.amortised_s == pytest.approx(8.5e-3)
    first = figures_of(session, (0, 0))
    assert (first.token_s, first.projected_s(10)) == (None, None)
    assert first.prefill.a_request.mean_s == pytest.approx(0.1)


def test_a_long_prompt_makes_no_token_longer() -> None:
    """A prompt that takes 60 s and 100 tokens of 10 ms: 100 tokens take 61 s, not 6 000."""
    run = recorder(1)
    run.step([work(0, 0, 6)], [(0, " a", "target")], ns=60_000 * MS)
    for step in range(20):
        run.step([work(0, 6 + step, 7 + step)], [(0, " b", "target")], ns=10 * MS)
    figures = figures_of(run.session)
    assert figures.token_s == pytest.approx(10e-3)
    assert figures.projected_s(100) == pytest.approx(61.0)


def test_a_requests_own_latency_is_not_step_time_over_the_batch() -> None:
    run = recorder(4)
    run.step([work(one, 0, 6) for one in range(4)], [(one, " a", "target") for one in range(4)], ns=50 * MS)
    for step in range(5):
        run.step([work(one, 6 + step, 7 + step) for one in range(4)], [(one, " b", "target") for one in range(4)],
                 ns=20 * MS)  # fmt: skip
    figures = figures_of(run.session)
    assert figures.token_s == pytest.approx(20e-3)
    assert figures.amortised_s == pytest.approx(5e-3)
    assert figures.projected_s(100) == pytest.approx(0.05 + 2.0)
    assert figures.itl.mean_s == pytest.approx(20e-3)


def test_drafts_shorten_a_token_and_a_prompt_beside_them_is_still_a_prompt() -> None:
    run = recorder(2)
    run.step([work(0, 0, 6)], [(0, " a", "target")], ns=50 * MS)
    run.step([work(0, 6, 10)], [(0, f" {i}", "draft") for i in range(4)], ns=20 * MS, proposals=[(0, 3, 3)])
    run.step([work(0, 10, 14), work(1, 0, 6)], [(0, " c", "draft"), (1, " x", "target")], ns=70 * MS,
             proposals=[(0, 3, 0)])  # fmt: skip
    assert roles_of(run.session) == [PREFILL, DECODE, MIXED]
    assert figures_of(run.session).token_s == pytest.approx(5e-3)


def test_a_prompt_computed_again_is_a_cost_of_the_tokens() -> None:
    """Without a cache, and after a preemption."""
    run = recorder(1)
    run.step([work(0, 0, 6)], [(0, " a", "target")], ns=50 * MS)
    run.step([work(0, 0, 7, new_from=6)], [(0, " b", "target")], ns=58 * MS)
    assert roles_of(run.session) == [PREFILL, DECODE]
    assert figures_of(run.session).token_s == pytest.approx(58e-3)


def test_what_is_new_is_enough() -> None:
    whole = mixed_run().session
    series, live = LatencySeries(whole), StepRoles(Session())
    assert not live.update()
    series.update()
    steps = [series.figures((step, step)) for step in range(7)]
    assert sum(one.decode_tokens for one in steps) == series.figures().decode_tokens
    assert sum(one.prefill.busy_s for one in steps) == pytest.approx(series.figures().prefill.busy_s)


def test_a_gap_belongs_to_the_token_that_ends_it() -> None:
    """Selected steps that lie apart: each emission's gap is to the one before it, not to the one selected before it."""
    run = recorder(1)
    for step in range(8):
        run.step([work(0, 0 if step == 0 else 5 + step, 6 + step)], [(0, " a", "target")], ns=(10 + step) * MS)
    session = run.session
    true_s = [(10 + step) * 1e-3 for step in range(8)]
    rows = np.array([2, 5, 6])
    assert itl_seconds(session, rows).tolist() == pytest.approx([true_s[one] for one in rows])
    assert itl_seconds(session, token_rows(session, (3, 4))).tolist() == pytest.approx(true_s[3:5])
    assert itl_seconds(session, token_rows(session, (0, 1))).tolist() == pytest.approx(true_s[1:2])
    assert itl_seconds(session, np.empty(0, np.int64)).tolist() == []
    series = LatencySeries(session)
    series.update()
    assert series.figures_of(rows).itl.mean_s == pytest.approx(np.mean([true_s[one] for one in rows]))
    assert series.figures((4, 4)).itl.mean_s == pytest.approx(true_s[4])


def test_gaps_of_interleaved_requests_and_of_drafts_accepted_at_once() -> None:
    run = recorder(2)
    run.step([work(0, 0, 6)], [(0, " a", "target")], ns=10 * MS)
    run.step([work(1, 0, 6)], [(1, " x", "target")], ns=20 * MS)
    run.step([work(0, 6, 9)], [(0, " b", "draft"), (0, " c", "draft"), (0, " d", "bonus")], ns=30 * MS)
    run.step([work(1, 6, 7), work(0, 9, 10)], [(1, " y", "target"), (0, " e", "target")], ns=40 * MS)
    session = run.session
    assert sorted(itl_seconds(session, token_rows(session)).tolist()) == pytest.approx([0.04, 0.05, 0.07])
    assert itl_seconds(session, token_rows(session, (2, 2))).tolist() == pytest.approx([0.05])
    assert sorted(itl_seconds(session, token_rows(session, (3, 3))).tolist()) == pytest.approx([0.04, 0.07])
    last_of_three = np.array([4])  # one token of an emission stands for all of it
    assert itl_seconds(session, last_of_three).tolist() == pytest.approx([0.05])
