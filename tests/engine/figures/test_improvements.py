"""The suite of improvements: every pair differs in what it is about, takes turns, and leaves out what cannot run."""

from __future__ import annotations

from dataclasses import asdict

import pytest

from engine.decode.capabilities import unavailable_for
from engine.figures.improvements import COUNTED, IMPROVEMENTS, SIDES, Side, reason, suite_runs
from engine.model.loader import LoadedModel
from engine.session.schema import Step
from tests.engine.drive import drive

NO_NATIVE = {"attention=native": "The C kernels run on a CPU."}
SMALL = {"max_positions": 90, "layers": 2, "kv_heads": 2, "head_dim": 8, "itemsize": 4}
NO_COMPILER = {"attention=native": "No compiler.", "graphs=True": "No compiler.", "attention=triton": "No GPU."}


def test_both_sides_are_valid_and_differ() -> None:
    for one in IMPROVEMENTS:
        off, on = (asdict(one.switches(side)) for side in SIDES)
        changed = {name for name in off if off[name] != on[name]}
        assert len(changed) == 1, one.key


@pytest.mark.parametrize("unavailable", [{}, NO_NATIVE, NO_COMPILER], ids=["cpu", "gpu", "no compiler"])
def test_what_the_engine_chooses_is_the_same_on_both_sides(unavailable: dict[str, str]) -> None:
    for one in IMPROVEMENTS:
        if reason(one, unavailable):
            continue
        off, on = (asdict(one.switches(side).settled(unavailable)) for side in SIDES)
        (changed,) = (name for name in off if off[name] != on[name])
        assert changed in one.on or changed in one.off


def test_a_pair_mixes_no_other_improvement_in(tiny_model: LoadedModel, tiny_draft: LoadedModel) -> None:
    """Only the row `graphs` launches its sides differently, and only the rows of kernels run different ones."""
    unavailable = unavailable_for(tiny_model, has_draft=True)
    launches: dict[tuple[str, Side], set[str]] = {}
    kernels: dict[tuple[str, Side], set[str]] = {}
    for suite_run in suite_runs("words", unavailable, SMALL, tokens=6, repeats=0):
        events = drive(tiny_model, suite_run.run, draft=tiny_draft)
        steps = [one for one in events if isinstance(one, Step)]
        launches[suite_run.key, suite_run.side] = {one.launch for one in steps}
        kernels[suite_run.key, suite_run.side] = {one.attention_kernel.partition(":")[0] for one in steps}
    pairs = {key for key, _ in launches}
    assert {key for key in pairs if launches[key, "off"] != launches[key, "on"]} == pairs & {"graphs"}
    assert {key for key in pairs if kernels[key, "off"] != kernels[key, "on"]} == pairs & {"sdpa", "native", "triton"}
    if "graphs" in pairs:
        assert (launches["graphs", "off"], launches["graphs", "on"]) == ({"eager"}, {"compiled"})
    unavailable = {"attention=triton": "No GPU.", "graphs=True": "No CUDA.", "speculate=draft": "No draft."}
    keys = {one.key for one in suite_runs("x", unavailable, {})}
    assert keys == {"kv", "paged", "ngram", "sdpa", "native", "batching"}
    assert {one.key: why for one in IMPROVEMENTS if (why := reason(one, unavailable))} == {
        "triton": "No GPU.", "triton_memory": "No GPU.", "graphs": "No CUDA.", "draft": "No draft.",
    }  # fmt: skip


def test_pairs_take_turns_and_neither_side_is_always_first() -> None:
    runs = suite_runs("x", {}, {}, tokens=10, repeats=2)
    own = [one for one in IMPROVEMENTS if not one.runs]
    counted = [one for one in own if one.measure in COUNTED]
    assert len(runs) == 2 * (3 * (len(own) - len(counted)) + len(counted))
    assert {run.repeat for run in runs if run.key in {one.key for one in counted}} == {1}
    assert [run.repeat for run in runs] == sorted(run.repeat for run in runs)
    firsts = [next(run.side for run in runs if run.repeat == repeat and run.key == "kv") for repeat in range(3)]
    assert firsts == ["on", "off", "on"]
    assert runs[0].label == "kv on 0"


def test_requests_are_as_long_as_asked_and_a_batch_has_four() -> None:
    runs = {run.key: run.run for run in suite_runs("words", {}, {}, tokens=20, repeats=1)}
    assert [(r.prompt, r.max_new_tokens, r.ignore_eos) for r in runs["kv"].requests] == [("words", 20, True)]
    assert [r.max_new_tokens for r in runs["batching"].requests] == [20, 10, 24, 7]
