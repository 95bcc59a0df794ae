"""What a range of steps holds of a session, and that every export of it holds the same."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from perfetto.protos.perfetto.trace import perfetto_trace_pb2 as pb

from engine.errors import InputError
from engine.export.chrome import REQUESTS, STEPS, TOKENS, write_chrome
from engine.export.perfetto import write_perfetto
from engine.export.span import EXPORTED_STEPS, Span, check_steps
from engine.export.tables import write_tables
from engine.session import schema
from engine.session.store import Session
from tests.engine.session.synthetic import synthetic_session

FIRST, LAST = 10, 19


@pytest.fixture(scope="module")
def session() -> Session:
    """Forty steps of two requests, and what happened before, in and after steps 10 to 19."""
    session = synthetic_session(40, layers=3, requests=2)
    start_ns, end_ns = int(session.steps["start_ns"][FIRST]), int(session.steps["end_ns"][LAST])
    events: list[schema.AnyEvent] = [schema.DeviceSample(t_ns, "gpu", "power_watts", 1.0) for t_ns in
                                     (start_ns - 1, start_ns, end_ns, end_ns + 1)]  # fmt: skip
    events += [schema.Mark(t_ns, "user", str(t_ns)) for t_ns in (start_ns - 1, start_ns, end_ns, end_ns + 1)]
    events += [schema.ConfigChanged(1, 5, '{"kv": "none"}'), schema.ConfigChanged(2, 12, '{"kv": "paged"}'),
               schema.ConfigChanged(3, 30, '{"kv": "contiguous"}')]  # fmt: skip
    events += [schema.RequestArrived(7, "late", [1], ["l"], "{}", end_ns + 1)]
    session.apply(events)
    return session


def tables_of(session: Session, folder: Path) -> dict[str, list[dict[str, str]]]:
    write_tables(session, folder, steps=(FIRST, LAST))
    found = {}
    for path in folder.iterdir():
        with path.open(encoding="utf-8", newline="") as file:
            found[path.stem] = list(csv.DictReader(file))
    return found


def test_tables_hold_the_rows_of_the_steps_and_of_their_time(session: Session, tmp_path: Path) -> None:
    found = tables_of(session, tmp_path / "out")
    steps = [str(step) for step in range(FIRST, LAST + 1)]
    assert [row["id"] for row in found["steps"]] == steps
    assert [row["step_id"] for row in found["tokens"]] == [step for step in steps for _ in range(2)]
    for name in ("work", "step_layers", "attention"):
        assert {row["step_id"] for row in found[name]} == set(steps), name
    assert len(found["step_layers"]) == 30
    assert len(found["device_samples"]) == len(found["marks"]) == 2
    assert [row["id"] for row in found["configs"]] == ["1", "2"]
    assert [row["id"] for row in found["requests"]] == ["0", "1"]
    assert {row["key"]: row["value"] for row in found["meta"]}[EXPORTED_STEPS] == "10:19"


def test_the_rows_are_those_of_the_whole_session(session: Session, tmp_path: Path) -> None:
    write_tables(session, tmp_path / "whole")
    part = tables_of(session, tmp_path / "part")
    for name in ("steps", "tokens", "step_layers", "work"):
        with (tmp_path / "whole" / f"{name}.csv").open(encoding="utf-8", newline="") as file:
            key = "id" if name == "steps" else "step_id"
            assert part[name] == [row for row in csv.DictReader(file) if FIRST <= int(row[key]) <= LAST]


def test_a_chrome_trace_holds_the_steps_and_lasts_as_long_as_they(session: Session, tmp_path: Path) -> None:
    write_chrome(session, tmp_path / "t.json", (FIRST, LAST))
    trace = json.loads((tmp_path / "t.json").read_text("utf-8"))
    assert trace["otherData"][EXPORTED_STEPS] == "10:19"
    events: list[dict[str, Any]] = [event for event in trace["traceEvents"] if event["ph"] != "M"]
    named = [event["name"] for event in events if event["ph"] == "X" and event["tid"] == STEPS]
    assert named == [f"step {step}" for step in range(FIRST, LAST + 1)]
    assert sum(event["ph"] == "X" and event["tid"] == TOKENS for event in events) == 10
    start_us, end_us = session.steps["start_ns"][FIRST] / 1e3, session.steps["end_ns"][LAST] / 1e3
    assert all(start_us <= event["ts"] and event["ts"] + event.get("dur", 0) <= end_us + 1e-6 for event in events)
    begun = [event for event in events if event["ph"] == "b" and event["pid"] == REQUESTS]
    assert [event["args"]["tokens"] for event in begun if event["name"].startswith("request")] == [10, 10]
    assert sum(event["ph"] == "e" for event in events) == len(begun)


def test_a_perfetto_trace_holds_the_steps(session: Session, tmp_path: Path) -> None:
    write_perfetto(session, tmp_path / "t.pftrace", (FIRST, LAST))
    trace = pb.Trace()
    trace.ParseFromString((tmp_path / "t.pftrace").read_bytes())
    named = [packet.track_event.name for packet in trace.packet if packet.track_event.name.startswith("step ")]
    assert named == [f"step {step}" for step in range(FIRST, LAST + 1)]


def test_a_whole_session_is_everything_also_what_no_step_did(session: Session) -> None:
    span = Span(session)
    assert EXPORTED_STEPS not in span.facts
    assert len(span.marks()) == 4
    assert len(span.rows(session.device_samples)) == len(session.device_samples)
    assert [request.id for request in span.requests()] == [0, 1, 7]
    assert span.configs() == session.configs


def test_steps_that_are_not_there_are_refused(session: Session) -> None:
    check_steps(session, (0, 39))
    with pytest.raises(InputError, match="reaches beyond the session, which has steps 0 to 39"):
        check_steps(session, (0, 40))
