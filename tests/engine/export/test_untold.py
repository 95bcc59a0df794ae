"""Traces and tables of a server's session: no lane, argument or counter of what was not told, and its own counters."""

from __future__ import annotations

import csv
from pathlib import Path

from engine.export.chrome import DEVICE, ENGINE, PHASE_LANE, STEPS, events
from engine.export.perfetto import write_perfetto
from engine.export.span import Span
from engine.export.tables import write_tables
from tests.app.panels.sessions import decode_run
from tests.engine.figures.served import probed, recorded, session_of


def test_a_trace_holds_no_phase_and_no_argument_that_was_not_told() -> None:
    found = list(events(Span(session_of(recorded()))))
    assert not any(event.get("tid") == PHASE_LANE and event["pid"] == ENGINE for event in found)
    steps = [event for event in found if event["ph"] == "X" and event["tid"] == STEPS]
    assert len(steps) == 12
    assert set(steps[3]["args"]) == {"new", "recomputed", "rejected", "reused", "tokens"}
    positions = [event for event in found if event["name"] == "positions"]
    assert set(positions[0]["args"]) == {"new", "recomputed", "rejected"}
    assert any(event["name"] == "KV cache (bytes)" for event in found)


def test_a_trace_of_our_own_engine_has_them_all() -> None:
    found = list(events(Span(decode_run(4, "contiguous").session)))
    assert any(event.get("tid") == PHASE_LANE and event["pid"] == ENGINE for event in found)
    step = next(event for event in found if event["ph"] == "X" and event["tid"] == STEPS)
    assert {"padding", "attention kernel", "launch", "flops", "bytes moved"} <= set(step["args"])
    assert not any(str(event["name"]).startswith("server: ") for event in found)


def test_the_servers_own_counters_are_counters_of_the_trace(tmp_path: Path) -> None:
    session = session_of(recorded())
    running = [event for event in events(Span(session)) if event["name"] == "server: running"]
    assert [(event["ts"], event["args"]["running"]) for event in running] == [
        (10_000.0, 1.0), (50_000.0, 2.0), (90_000.0, 2.0),
    ]  # fmt: skip
    assert {event["pid"] for event in running} == {DEVICE}
    write_perfetto(session, tmp_path / "trace")
    assert (tmp_path / "trace").stat().st_size > 1000


def test_a_trace_of_streams_alone_has_no_step() -> None:
    found = list(events(Span(session_of(probed()))))
    assert not any(event["ph"] == "X" for event in found)
    assert [event["args"]["name"] for event in found if event["ph"] == "M" and event["name"] == "thread_name"] == [
        "steps: not told by this server"
    ]


def test_tables_have_no_time_of_phases_that_nobody_timed(tmp_path: Path) -> None:
    write_tables(session_of(recorded()), tmp_path / "tables", False)
    with (tmp_path / "tables" / "steps.csv").open(newline="") as file:
        row = next(csv.DictReader(file))
    assert {value for name, value in row.items() if name.endswith("_us")} == {""}
    assert row["tokens_out"] == "1"
