"""The run of a recording, to be made again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from app.models.recorded_run import recorded_run
from engine.client.requests_file import read_requests, request_lines
from engine.core.sampling import Sampling
from engine.core.settings import Probe, RequestSpec, SwitchChange
from engine.core.typed import escaped, switch_change, typed_change, unescaped
from engine.errors import InputError
from engine.session import schema
from engine.session.store import Session
from tests.engine.figures.served import recorded, session_of
from tests.engine.importing.made import serving_trace
from tests.engine.importing.made import session_of as traced
from tests.engine.session.synthetic import synthetic_session


def test_requests_switches_and_what_was_flipped_come_back() -> None:
    session = synthetic_session(10, kv="paged")
    session.apply([schema.ConfigChanged(1, 6, json.dumps({**session.configs[0].switches, "kv": "none"}))])
    session.requests[0].params.update(
        max_new_tokens=10, ignore_eos=True, stop=["\n"], sampling={"temperature": 0.5, "seed": 3}
    )
    session.meta = {**session.meta, "detail": "layer"}
    run = recorded_run(session)
    (one,) = run.requests
    assert (one.max_new_tokens, one.ignore_eos, one.stop) == (10, True, ("\n",))
    assert one.sampling == Sampling(temperature=0.5, seed=3)
    assert run.switches.kv == "paged"
    assert run.switch_at == (SwitchChange(6, {"kv": "none"}),)
    assert run.observation.detail == "layer"


def test_the_recorded_head_is_the_probe() -> None:
    session = synthetic_session(4)
    session.steps.words["attention_probe"][:] = ["off", "3/*"]
    assert recorded_run(session).observation.probe == Probe(3, None)


@pytest.mark.parametrize("kind", ["served", "suite", "empty", "senseless"])
def test_what_cannot_be_made_again_says_why(kind: str) -> None:
    session = {"served": lambda: session_of(recorded()), "empty": Session}.get(kind, lambda: synthetic_session(4))()
    if kind == "suite":
        session.apply([schema.Mark(0, "measure", "off")])
    if kind == "senseless":
        session.configs[0].switches["kv"] = "quantum"
    with pytest.raises(InputError):
        recorded_run(session)


def test_requests_written_as_a_list_are_read_back_the_same(tmp_path: Path) -> None:
    requests = (
        RequestSpec("a \u2028 b", 7, 0.5, True, ("\n", "x"), Sampling(0.7, 5, 0.9, 0.1, 11)),
        RequestSpec("hello", 3, chat=True),
        RequestSpec("last", 2, chat=True, messages=(("user", "first"), ("assistant", "ok"), ("user", "last"))),
    )
    path = tmp_path / "list.jsonl"
    path.write_text("".join(f"{line}\n" for line in request_lines(requests)), encoding="utf-8")
    assert read_requests(str(path), 99, False, Sampling(1.0)) == requests


@pytest.mark.parametrize("text", ["plain", "a\nb\tc\rd", "back\\slash\\n", "\\\\"])
def test_a_stop_text_is_typed_and_read_back(text: str) -> None:
    assert unescaped(escaped(text)) == text


def test_a_change_of_switches_is_typed_and_read_back() -> None:
    change = SwitchChange(20, {"kv": "paged", "k": 2, "graphs": False, "kv_memory": 2**29})
    assert switch_change(typed_change(change)) == change
    assert typed_change(SwitchChange(3, {"kv_memory": None})) == ""


def test_of_a_trace_it_is_not_said_that_a_server_made_it() -> None:
    with pytest.raises(InputError, match="A profiler's trace tells no settings"):
        recorded_run(traced(serving_trace(2, layers=1)))
