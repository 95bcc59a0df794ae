"""The suite of improvements: every pair differs in what it is about, takes turns, and leaves out what cannot run."""

from __future__ import annotations

from dataclasses import asdict

from engine.figures.improvements import IMPROVEMENTS, SIDES, reason, suite_runs


def test_both_sides_are_valid_and_differ() -> None:
    for one in IMPROVEMENTS:
        off, on = (asdict(one.switches(side)) for side in SIDES)
        changed = {name for name in off if off[name] != on[name]}
        assert len(changed) == 1, one.key


def test_what_cannot_run_is_left_out_with_its_reason() -> None:
    unavailable = {"attention=triton": "No GPU.", "graphs=True": "No CUDA.", "speculate=draft": "No draft."}
    keys = {one.key for one in suite_runs("x", unavailable)}
    assert keys == {"kv", "paged", "ngram", "sdpa", "native", "batching"}
    assert {one.key: why for one in IMPROVEMENTS if (why := reason(one, unavailable))} == {
        "triton": "No GPU.", "graphs": "No CUDA.", "draft": "No draft.",
    }  # fmt: skip


def test_pairs_take_turns_and_neither_side_is_always_first() -> None:
    runs = suite_runs("x", {}, tokens=10, repeats=2)
    assert len(runs) == len(IMPROVEMENTS) * 2 * 3
    assert [run.repeat for run in runs] == sorted(run.repeat for run in runs)
    firsts = [next(run.side for run in runs if run.repeat == repeat and run.key == "kv") for repeat in range(3)]
    assert firsts == ["on", "off", "on"]
    assert runs[0].label == "kv on 0"


def test_requests_are_as_long_as_asked_and_a_batch_has_four() -> None:
    runs = {run.key: run.run for run in suite_runs("words", {}, tokens=20, repeats=1)}
    assert [(r.prompt, r.max_new_tokens, r.ignore_eos) for r in runs["kv"].requests] == [("words", 20, True)]
    assert [r.max_new_tokens for r in runs["batching"].requests] == [20, 10, 24, 7]
