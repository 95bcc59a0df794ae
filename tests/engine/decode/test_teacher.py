"""The teacher-forced pass: every position at once, and the tokens agree with those that came one by one."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.settings import RequestSpec, RunSpec, Sampling, Switches
from engine.decode.engine import Engine
from engine.figures.teacher import teacher_figures
from engine.model.loader import LoadedModel
from engine.session.schema import Mark, Step, Token, Work
from engine.session.teacher_mark import positions_of, spans
from tests.engine.drive import drive, session_of


@pytest.mark.parametrize("switches", [{}, {"kv": "none"}, {"batching": "static"}, {"speculate": "ngram"}], ids=str)
def test_one_pass_finds_the_greedy_tokens(tiny_model: LoadedModel, switches: dict[str, Any]) -> None:
    requests = (RequestSpec("ab", 20, ignore_eos=True), RequestSpec("", 12, ignore_eos=True))
    events = drive(tiny_model, RunSpec(requests, Switches(**switches), teacher_pass=True))
    marks = sorted(event.label for event in events if isinstance(event, Mark))
    assert marks == ["request 0: 20 of 20 tokens agree", "request 1: 12 of 12 tokens agree"]
    steps = [event for event in events if isinstance(event, Step) and event.kind == "teacher"]
    assert sorted(step.positions_recomputed for step in steps) == [12, 22]
    assert [(step.positions_new, step.positions_padding, step.tokens_out) for step in steps] == [(0, 0, 0)] * 2
    assert all(step.flops > 0 and step.end_ns > step.start_ns for step in steps)
    work = [event for event in events if isinstance(event, Work) and event.step_id == steps[0].id]
    assert [(w.request_id, w.first, w.new_from, w.end) for w in work] in ([(0, 0, 22, 22)], [(1, 0, 12, 12)])
    session_steps = session_of(events).steps["id"].tolist()
    assert session_steps == list(range(len(session_steps)))


def test_sampled_tokens_need_not_agree(tiny_model: LoadedModel) -> None:
    requests = (RequestSpec("ab", 40, ignore_eos=True, sampling=Sampling(temperature=2.0)),)
    events = drive(tiny_model, RunSpec(requests, teacher_pass=True))
    (mark,) = [event for event in events if isinstance(event, Mark)]
    differing = [
        event.position for event in events
        if isinstance(event, Token) and event.alternatives[:4] != event.token_id.to_bytes(4, "little")
    ]  # fmt: skip
    assert differing
    assert mark.label == f"request 0: {40 - len(differing)} of 40 tokens agree, not {spans(differing)}"
    (found,) = teacher_figures(session_of(events))
    assert (found.agreeing, found.differing) == (40 - len(differing), tuple(differing))


@given(positions=st.sets(st.integers(0, 60)))
def test_positions_in_short_are_read_back(positions: set[int]) -> None:
    ordered = tuple(sorted(positions))
    assert positions_of(spans(ordered)) == ordered
    assert spans([5, 9, 12, 13, 14]) == "5 9 12–14"


def test_no_pass_where_none_was_asked_for_or_the_run_was_stopped(tiny_model: LoadedModel) -> None:
    requests = (RequestSpec("ab", 5, ignore_eos=True), RequestSpec("ab", 50, ignore_eos=True))
    events = drive(tiny_model, RunSpec(requests))
    assert not [event for event in events if isinstance(event, Step) and event.kind == "teacher"]

    def stop(engine: Engine, call: int) -> None:
        if call == 8:
            engine.cancel()

    events = drive(tiny_model, RunSpec(requests, teacher_pass=True), stop)
    assert not [event for event in events if isinstance(event, Step) and event.kind == "teacher"]
