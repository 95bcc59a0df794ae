"""Why tokens were late: by hand, where every cause is known; and in runs in which one cause at a time was put in."""

from __future__ import annotations

import numpy as np
import pytest

from engine.figures.culprits import Culprit, TokenDelay, delay_of
from engine.figures.delays import CAUSES, Delays, delays_of
from engine.figures.first_tokens import first_token, first_tokens
from engine.figures.json_figures import json_figures
from engine.session import schema
from engine.session.store import Session
from tests.app.panels.sessions import MS, Recorder
from tests.engine.figures.delaying import Asked, Server, received_late
from tests.engine.figures.late_causes import CALM_RUNS, CASES, STEADY, blamed, named, totals_of
from tests.engine.session.synthetic import synthetic_session

SEEDS = (0, 1, 2)


def begun(requests: int = 2, **switches: str) -> Recorder:
    """Requests with prompts of two tokens whose first token came in step 0, and 20 plain steps of 10 ms after it."""
    run = Recorder()
    run.switches(**{"kv": "paged", "batching": "continuous", **switches})
    for request in range(requests):
        run.request(request, ["a", "b"])
    run.step([(r, 0, 0, 2, 0, 0) for r in range(requests)], [(r, "x", "target") for r in range(requests)], ns=30 * MS)
    for _ in range(20):
        decode(run, *range(requests))
    return run


def decode(run: Recorder, *requests: int, ns: int = 10 * MS, gap_ns: int = 0, more: object = ()) -> int:
    """A step in which these requests get a token each, beside `more` work."""
    ends = {r: 2 + len(run.session.requests[r].token_rows) for r in requests}
    work = [(r, end - 1, end - 1, end, 0, end - 1) for r, end in ends.items()]
    return run.step([*work, *more], [(r, "x", "target") for r in requests], ns=ns, gap_ns=gap_ns)  # type: ignore[misc]


def late(session: Session, request: int, step: int) -> TokenDelay:
    """Why the token of a request in this step was late."""
    delays, tokens = delays_of(session), session.tokens
    row = int(np.flatnonzero((tokens["request_id"] == request) & (tokens["step_id"] == step))[0])
    index = delays.index_of(session, row)
    assert index is not None
    return delay_of(session, delays, index)


def parts_of(delay: TokenDelay) -> dict[str, float]:
    """Milliseconds by cause."""
    return {part.cause: round(1e3 * part.seconds, 6) for part in delay.parts}


def check_sums(delays: Delays) -> None:
    assert (delays.seconds >= 0).all()
    assert delays.seconds.sum(axis=1) == pytest.approx(delays.excess_s, rel=1e-9, abs=1e-12)
    assert (delays.excess_s > 0).all()


# --- by hand --------------------------------------------------------------------------------------------------------


def test_a_prompt_in_the_same_step_is_named_with_its_request_and_positions() -> None:
    run = begun()
    run.request(7, ["p"] * 40)
    step = decode(run, 0, 1, ns=34 * MS, more=[(7, 0, 0, 40, 0, 0)])
    found = late(run.session, 1, step)
    assert found.median_s == 0.01
    assert parts_of(found) == {"prefill": 24.0}
    assert found.main.culprit == Culprit(request=7, step=step, count=40, unit="positions")


def test_steps_without_the_request_are_the_queue() -> None:
    run = begun()
    first = decode(run, 0)
    decode(run, 0)
    step = decode(run, 0, 1)
    found = late(run.session, 1, step)
    assert parts_of(found) == {"queue": 20.0}
    assert found.main.culprit == Culprit(request=0, step=first, count=2, unit="steps")
    assert totals_of(run.session).main["queue"] == 1


def test_a_request_that_lost_its_cache_was_preempted_and_what_it_computes_again_is_part_of_it() -> None:
    run = begun()
    decode(run, 0)
    decode(run, 0)
    run.step([(0, 24, 24, 25, 0, 24), (1, 0, 12, 12, 0, 0)], [(0, "x", "target")], ns=25 * MS)  # half of it
    step = run.step([(0, 25, 25, 26, 0, 25), (1, 12, 22, 23, 0, 12)],
                    [(0, "x", "target"), (1, "x", "target")], ns=25 * MS)  # fmt: skip
    found = late(run.session, 1, step)
    assert parts_of(found) == {"preemption": 60.0}  # two steps without it, one without a token, 15 ms beside another
    assert found.main.culprit == Culprit(request=1, step=step - 1, count=22, unit="positions")
    beside = late(run.session, 0, step)
    assert beside.main.cause == "preemption"
    assert beside.main.culprit == Culprit(request=1, step=step, count=10, unit="positions")


def test_more_rows_than_usual_are_named_with_both_numbers() -> None:
    run = begun(2)
    for request in (2, 3):
        run.request(request, ["a", "b"])
    work = [(r, 0, 0, 2, 0, 0) for r in (2, 3)]
    run.step(work, [(r, "x", "target") for r in (2, 3)])
    fuller = [decode(run, 0, 1, 2, 3, ns=14 * MS) for _ in range(8)]
    found = late(run.session, 0, fuller[3])
    assert parts_of(found) == {"batch": 4.0}
    assert found.main.culprit == Culprit(step=fuller[3], count=4, usual=2, unit="rows")


def test_rejected_drafts_are_speculation_but_not_where_every_step_has_them() -> None:
    run = begun(1)
    step = run.step([(0, 22, 22, 27, 4, 22)], [(0, "x", "target")], ns=16 * MS, proposals=[(0, 4, 0)])
    found = late(run.session, 0, step)
    assert parts_of(found) == {"speculation": 6.0}
    assert found.main.culprit == Culprit(step=step, count=4, unit="drafts")
    always = Recorder()
    always.switches(kv="paged", speculate="ngram")
    always.request(0, ["a", "b"])
    for index in range(30):
        always.step([(0, 2 + index, 2 + index, 7 + index, 4, 0)], [(0, "x", "target")], ns=(16 + index % 3) * MS,
                    proposals=[(0, 4, 0)])  # fmt: skip
    assert totals_of(always.session).seconds["speculation"] == 0.0


def test_a_mark_in_the_time_of_a_step_takes_what_the_step_was_longer_and_what_was_computed_again() -> None:
    run = begun(1)
    run.mark("graphs", "captured 3 calls in 0.05 s")
    captured = decode(run, 0, ns=60 * MS)
    for _ in range(3):
        decode(run, 0)
    run.mark("switch", "kv: paged → contiguous")
    switched = run.step([(0, 0, 25, 26, 0, 0)], [(0, "x", "target")], ns=20 * MS)
    assert parts_of(late(run.session, 0, captured)) == {"capture": 50.0}
    assert late(run.session, 0, captured).main.culprit == Culprit(
        step=captured, mark=0, label="captured 3 calls in 0.05 s"
    )
    assert parts_of(late(run.session, 0, switched)) == {"capture": 10.0}
    assert late(run.session, 0, switched).main.culprit == Culprit(step=switched, mark=1, label="kv: paged → contiguous")


def test_time_between_steps_is_the_host_unless_the_run_was_paused() -> None:
    run = begun(1)
    delayed = decode(run, 0, gap_ns=7 * MS)
    assert parts_of(late(run.session, 0, delayed)) == {"host": 7.0}
    assert late(run.session, 0, delayed).main.culprit == Culprit(step=delayed)
    run.mark("pause", "")
    run.now_ns += 500 * MS
    run.mark("resume", "")
    paused = decode(run, 0)
    assert delays_of(run.session).index_of(run.session, paused) is None


def test_what_a_client_received_late_is_the_clients() -> None:
    run = begun(1)
    session = received_late(run.session, [(0.105, 0.15)])
    totals = totals_of(session)
    assert totals.main["client"] == 1
    assert totals.seconds["client"] == pytest.approx(0.04, abs=0.001)


def test_without_steps_every_late_token_is_unexplained() -> None:
    session = Session()
    session.apply([schema.RequestArrived(0, "x", [1], ["x"], "{}", 0)])
    times = [0, 10, 20, 30, 80, 90]
    session.apply([schema.Token(i, 0, -1, 1 + i, 1, "a", 0.0, 0.0, "target", t * MS, b"") for i, t in enumerate(times)])
    delays = delays_of(session)
    check_sums(delays)
    assert totals_of(session).main == {**dict.fromkeys(CAUSES, 0), "unexplained": 1}
    assert delay_of(session, delays, 0).main.culprit == Culprit()
    assert totals_of(Session()).late == 0


def test_tokens_of_one_moment_are_one_emission_and_share_its_delay() -> None:
    run = begun(1)
    step = run.step([(0, 22, 22, 25, 0, 22)], [(0, "x", "draft"), (0, "y", "draft"), (0, "z", "bonus")], ns=40 * MS,
                    proposals=[(0, 2, 2)])  # fmt: skip
    delays, session = delays_of(run.session), run.session
    assert (delays.row == session.requests[0].token_rows[-3]).sum() == 1
    assert {delays.index_of(session, row) for row in session.requests[0].token_rows[-3:]} == {len(delays.row) - 1}
    assert totals_of(session, (step, step)).late == delays.gaps(session, (step, step)) == 1


def test_without_a_cache_what_is_computed_again_is_no_preemption() -> None:
    run = Recorder()
    run.switches(kv="none")
    run.request(0, ["a", "b"])
    for index in range(30):
        run.step([(0, 0, 1 + index if index else 0, 2 + index, 0, 0)], [(0, "x", "target")], ns=(10 + index) * MS)
    totals = totals_of(run.session)
    assert totals.late == 14
    assert totals.main["batch"] == 14  # each step has a longer context than the one before
    assert totals.seconds["preemption"] == 0.0
    found = late(run.session, 0, 29)
    assert found.main.culprit == Culprit(step=29, count=31, usual=17, unit="positions")


def test_the_wait_for_a_first_token_is_split_at_its_first_step() -> None:
    run = begun(1)
    now = run.now_ns
    run.request(1, ["p"] * 8, arrived_ns=now - 30 * MS, scheduled_ns=now)
    step = run.step([(1, 3, 3, 8, 0, 3)], [(1, "x", "target")], ns=12 * MS)
    found = first_token(run.session, 1)
    assert found is not None
    assert (found.ttft_s, found.queue_s, found.positions, found.reused) == (0.042, 0.03, 5, 3)
    assert first_tokens(run.session, (step, step)) == [found]
    assert len(first_tokens(run.session)) == 2


# --- of whole sessions ----------------------------------------------------------------------------------------------


def test_the_parts_of_every_late_gap_sum_to_it_and_a_range_is_its_part_of_the_whole() -> None:
    asked = [*STEADY, *(Asked(0.2 + 0.2 * i, 300, 100) for i in range(6))]
    session = Server(asked, room=1500, captures={70: 0.05}, drafts=dict.fromkeys(range(100, 200, 7), 4)).serve()
    delays = delays_of(session)
    check_sums(delays)
    whole, half = totals_of(session), len(session.steps) // 2
    parts = [totals_of(session, steps) for steps in ((0, half - 1), (half, len(session.steps)))]
    assert sum(one.late for one in parts) == whole.late
    assert sum(one.excess_s for one in parts) == pytest.approx(whole.excess_s)
    for cause in CAUSES:
        assert sum(one.seconds[cause] for one in parts) == pytest.approx(whole.seconds[cause])
        assert sum(one.main[cause] for one in parts) == whole.main[cause]
    worst = delays.most_delayed(delays.within(session), 10)
    assert delays.excess_s[worst].tolist() == sorted(delays.excess_s, reverse=True)[:10]


def test_a_late_gap_is_one_over_the_median_of_its_request() -> None:
    session = Server([Asked(0.0, 10, 50), Asked(0.1, 10, 31)]).serve()
    delays = delays_of(session)
    for request in (0, 1):
        rows = session.requests[request].token_rows
        gaps = np.diff(session.tokens["emitted_ns"][rows]) / 1e9
        own = session.tokens["request_id"][delays.row] == request
        assert delays.gap_s[own].tolist() == gaps[gaps > np.median(gaps)].tolist()
        assert delays.median_s[own] == pytest.approx(np.median(gaps))


def test_the_delays_are_kept_until_something_is_new() -> None:
    run = begun(1)
    kept = delays_of(run.session)
    assert delays_of(run.session) is kept
    decode(run, 0, ns=50 * MS)
    assert delays_of(run.session) is not kept
    assert totals_of(run.session).late > kept.totals(kept.within(run.session)).late


def test_a_token_that_came_before_its_step_waits_for_it() -> None:
    run = begun(1)
    run.session.apply([schema.Token(99, 0, len(run.session.steps), 99, 1, "a", 0.0, 0.0, "target", 10**10, b"")])
    assert delays_of(run.session).tokens == len(run.session.tokens) - 1
    assert delays_of(run.session).index_of(run.session, len(run.session.tokens) - 1) is None


def test_json_tells_causes_most_delayed_tokens_and_first_tokens() -> None:
    session = Server([*STEADY, Asked(0.3, 500, 2)]).serve()
    told, totals = json_figures(session)["delays"], totals_of(session)
    assert told["late"] == totals.late
    assert {cause: one["late"] for cause, one in told["causes"].items()} == totals.main
    assert sum(one["seconds"] for one in told["causes"].values()) == pytest.approx(told["excess_s"])
    worst = told["most_delayed"][0]
    assert (worst["cause"], worst["parts"][0]["request"], worst["parts"][0]["count"]) == ("prefill", 3, 500)
    assert told["first_tokens"]["requests"] == 4
    assert json_figures(session, (0, 9))["delays"]["gaps"] == 27


def test_a_million_settings_or_marks_of_a_damaged_file_are_borne() -> None:
    session = synthetic_session(300, requests=2, attention_rows=0)
    session.apply([schema.ConfigChanged(i, i, f'{{"k": {i}}}') for i in range(1, 300)])
    session.apply([schema.Mark(t, "switch", "") for t in (-(2**62), 0, 2**62)])
    check_sums(delays_of(session))


# --- one cause at a time --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CASES)
def test_the_cause_that_was_put_in_is_named(name: str) -> None:
    found = [named(CASES[name], seed) for seed in SEEDS]
    assert all(one.touched >= 12 for one in found)
    assert all(one.rate >= 0.95 for one in found), found


@pytest.mark.parametrize("name", CALM_RUNS)
def test_a_calm_run_blames_nothing_but_its_batch(name: str) -> None:
    assert [blamed(CALM_RUNS[name](seed)) <= 0.02 for seed in range(6)] == 6 * [True]
