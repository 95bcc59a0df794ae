"""The Chrome trace obeys the rules of its format, and says what the session says."""

from __future__ import annotations

import gzip
import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from engine.errors import SessionFileError
from engine.export.chrome import PHASE_LANE, events, write_chrome
from engine.export.span import Span
from engine.session import schema
from engine.session.schema import GROUP_OF, PHASES
from engine.session.store import Session
from tests.engine.session.synthetic import synthetic_session

EPSILON_US = 1e-3


def trace_of(session: Session, path: Path) -> list[dict[str, Any]]:
    write_chrome(session, path)
    data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    events: list[dict[str, Any]] = json.loads(data)["traceEvents"]
    return events


@pytest.fixture(scope="module")
def session() -> Session:
    session = synthetic_session(60, requests=3)
    session.apply([schema.Mark(5_000_000, "switch", 'kv: none → "contiguous"')])
    return session


@pytest.fixture(scope="module")
def trace(session: Session, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    return trace_of(session, tmp_path_factory.mktemp("trace") / "run.json.gz")


def test_slices_of_one_thread_nest(trace: list[dict[str, Any]]) -> None:
    lanes = defaultdict(list)
    for event in trace:
        if event["ph"] == "X":
            assert event["dur"] >= 0
            lanes[event["pid"], event["tid"]].append((event["ts"], event["ts"] + event["dur"]))
    assert len(lanes) == 5
    for slices in lanes.values():
        open_ends: list[float] = []
        for start, end in sorted(slices, key=lambda s: (s[0], -s[1])):
            while open_ends and open_ends[-1] <= start + EPSILON_US:
                open_ends.pop()
            assert not open_ends or end <= open_ends[-1] + EPSILON_US
            open_ends.append(end)


def test_layers_stand_in_the_order_of_the_model_with_their_measured_times(
    session: Session, trace: list[dict[str, Any]]
) -> None:
    names = {event["args"]["name"]: event["tid"] for event in trace if event["name"] == "thread_name"}
    layers, phases = (
        [event for event in trace if event["ph"] == "X" and (event["pid"], event["tid"]) == (1, names[name])]
        for name in ("layers (order derived)", "phases by layer (order derived)")
    )
    of_step = [event for event in layers if event["ts"] < session.steps["end_ns"][0] / 1e3]
    assert [event["name"] for event in of_step] == [f"layer {layer}" for layer in range(session.layers)]
    detail = session.details.step(0)
    assert detail is not None
    for layer, event in enumerate(of_step):
        assert event["dur"] == pytest.approx(float(detail[0][layer].sum()), rel=1e-5)
        inside = [one for one in phases if one["args"].get("layer") == layer and one["ts"] < of_step[-1]["ts"] + 1e6]
        first = [one for one in inside if event["ts"] - 1e-3 <= one["ts"] < event["ts"] + event["dur"]]
        order = ("norm", "qkv", "rope", "kv_write", "attention", "attn_out", "ffn")
        assert [one["name"] for one in first] == [phase for phase in order if detail[0][layer][PHASES.index(phase)]]


def test_a_long_trace_has_the_layers_of_its_first_steps_and_says_so(
    session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.export.chrome_layers.MOST_SLICES", 10 * 8 * session.layers)
    events = trace_of(session, tmp_path / "run.json")
    (tid,) = (
        event["tid"]
        for event in events
        if event.get("args", {}).get("name") == "layers (order derived), first 10 steps"
    )
    assert sum(event["ph"] == "X" and event["tid"] == tid for event in events) == 10 * session.layers


def test_a_range_has_the_layers_of_its_own_first_steps(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.export.chrome_layers.MOST_SLICES", 5 * 8 * session.layers)
    found = list(events(Span(session, (20, 30))))
    (tid,) = (one["tid"] for one in found if one.get("args", {}).get("name") == "layers (order derived), first 5 steps")
    slices = [one["ts"] for one in found if one["ph"] == "X" and one["tid"] == tid]
    assert len(slices) == 5 * session.layers
    assert session.steps["start_ns"][20] / 1e3 <= min(slices) < session.steps["end_ns"][20] / 1e3


def test_async_pairs_close_in_order(trace: list[dict[str, Any]]) -> None:
    open_names: dict[Any, list[str]] = defaultdict(list)
    for event in trace:
        if event["ph"] in "be":
            key = (event["cat"], event["id"], event["pid"])
            if event["ph"] == "b":
                open_names[key].append(event["name"])
            else:
                assert open_names[key].pop() == event["name"]
    assert len(open_names) == 3
    assert not any(open_names.values())


def test_flows_run_from_a_step_to_its_tokens(trace: list[dict[str, Any]]) -> None:
    starts = {event["id"]: event for event in trace if event["ph"] == "s"}
    ends = [event for event in trace if event["ph"] == "f"]
    assert len(ends) == 60
    assert set(starts) == {end["id"] for end in ends}
    for end in ends:
        start = starts[end["id"]]
        assert (start["name"], start["cat"], end["bp"]) == (end["name"], end["cat"], "e")
        assert start["ts"] <= end["ts"]
        for event in (start, end):
            assert any(
                s["ph"] == "X"
                and (s["pid"], s["tid"]) == (event["pid"], event["tid"])
                and s["ts"] <= event["ts"] <= s["ts"] + s["dur"]
                for s in trace
            )


def test_counters_are_numbers(trace: list[dict[str, Any]]) -> None:
    counters = [event for event in trace if event["ph"] == "C"]
    assert {"positions", "KV cache (bytes)", "requests", "tokens/s while busy"} <= {event["name"] for event in counters}
    assert all(isinstance(v, int | float) for event in counters for v in event["args"].values())


def test_every_lane_has_a_name_and_a_place(trace: list[dict[str, Any]]) -> None:
    named = {(e["pid"], e["tid"]) for e in trace if e["ph"] == "M" and e["name"] == "thread_name"}
    assert {(e["pid"], e["tid"]) for e in trace if e["ph"] == "X"} == named
    processes = {e["pid"] for e in trace if e["ph"] == "M" and e["name"] == "process_name"}
    assert {e["pid"] for e in trace} == processes


def test_it_says_what_the_session_says(session: Session, trace: list[dict[str, Any]]) -> None:
    steps = [e for e in trace if e["ph"] == "X" and e["name"].startswith("step ")]
    assert len(steps) == 60
    assert steps[7]["ts"] == session.steps["start_ns"][7] / 1e3
    assert steps[7]["args"]["new"] == session.steps["positions_new"][7]
    phases = [e for e in trace if e["ph"] == "X" and e["tid"] == PHASE_LANE and e["name"] in PHASES]
    assert all(e["cat"] == GROUP_OF[e["name"]] for e in phases)
    ffn = sum(e["dur"] for e in phases if e["name"] == "ffn")
    assert ffn == pytest.approx(float(session.phases["us"][:, PHASES.index("ffn")].sum()), rel=1e-4)
    tokens = [t for e in trace if e.get("cat") == "token" and e["ph"] == "X" for t in e["args"]["tokens"]]
    assert len(tokens) == 180
    marks = [e for e in trace if e["ph"] == "i"]
    assert [(m["name"], m["ts"]) for m in marks] == [('switch: kv: none → "contiguous"', 5000.0)]


def test_a_step_without_a_token_starts_no_flow_and_a_device_has_a_lane(tmp_path: Path) -> None:
    session = synthetic_session(2)
    session.apply([schema.Step(2, 0, "prefill", 10**8, 2 * 10**8, 7 * 10**7, *([0] * 14), "sdpa", b"", b"")])
    trace = trace_of(session, tmp_path / "t.json")
    assert {e["id"] for e in trace if e["ph"] == "s"} == {e["id"] for e in trace if e["ph"] == "f"} == {0, 1}
    assert [(e["ts"], e["dur"]) for e in trace if e.get("cat") == "device"] == [(1e5, 7e4)]
    assert "device" in {e["args"]["name"] for e in trace if e["name"] == "thread_name"}


def test_a_session_that_was_cut_short_still_gives_a_whole_trace(tmp_path: Path) -> None:
    session = Session()
    session.apply([schema.RequestArrived(0, "x", [1], ["x"], "{}", 5)])
    trace = trace_of(session, tmp_path / "t.json")
    assert [e["ph"] for e in trace if e["ph"] in "be"] == ["b", "e"]


def test_where_it_cannot_be_written_it_says_so(session: Session, tmp_path: Path) -> None:
    with pytest.raises(SessionFileError, match="cannot be written"):
        write_chrome(session, tmp_path / "no" / "t.json")


def test_what_is_not_finite_is_no_word_that_json_lacks(tmp_path: Path) -> None:
    session, nan = synthetic_session(3), float("nan")
    session.apply(
        [
            schema.DeviceSample(10, "gpu", "power_watts", nan),
            schema.DeviceSample(20, "gpu", "power_watts", 5.0),
            schema.Token(99, 0, 2, 7, 5, " a", nan, nan, "target", 30, b""),
        ]
    )
    path = tmp_path / "trace.json"
    write_chrome(session, path)

    def refuse(word: str) -> None:
        pytest.fail(f"{word} is no JSON")

    trace = json.loads(path.read_text(encoding="utf-8"), parse_constant=refuse)
    read = [event["args"] for event in trace["traceEvents"] if event["name"] == "gpu: power_watts"]
    assert read == [{"power_watts": 5.0}]


def test_the_wall_time_of_zero_stands_before_the_events_as_in_traces_of_pytorch(
    session: Session, tmp_path: Path
) -> None:
    for steps in (None, (20, 30)):
        write_chrome(session, tmp_path / "run.json", steps)
        text = (tmp_path / "run.json").read_text()
        written = json.loads(text)
        assert written["baseTimeNanoseconds"] == int(session.meta["epoch_ns"])
        assert text.index('"baseTimeNanoseconds"') < text.index('"traceEvents"')
        (step,) = (event for event in written["traceEvents"] if event["name"] == "step 25")
        at_ns = written["baseTimeNanoseconds"] + round(step["ts"] * 1000)
        assert at_ns == int(session.meta["epoch_ns"]) + int(session.steps["start_ns"][25])


@pytest.mark.parametrize("told", ["", "0", "-5", "soon", "9" * 19, "9" * 40, "\u0661"])
def test_a_session_that_does_not_tell_its_wall_time_gives_a_trace_without_one(tmp_path: Path, told: str) -> None:
    session = synthetic_session(3)
    session.meta = {**session.meta, "epoch_ns": told}
    write_chrome(session, tmp_path / "run.json")
    assert "baseTimeNanoseconds" not in json.loads((tmp_path / "run.json").read_text())
