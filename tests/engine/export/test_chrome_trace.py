"""An imported trace that is exported again has its kernels and ranges: each once, in lanes that nest, with arrows."""

from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import pytest

from engine.export.chrome import events
from engine.export.chrome_trace import FIRST_FLOW, HOST, KERNELS
from engine.export.perfetto import write_perfetto
from engine.export.span import Span
from engine.figures.kernels import kernel_sums, range_sums
from engine.session.store import Session
from tests.engine.export.test_chrome import trace_of
from tests.engine.export.test_perfetto import BEGIN, END, Trace
from tests.engine.importing.made import MadeTrace, serving_trace, session_of
from tests.engine.session.synthetic import synthetic_session


@pytest.fixture(scope="module")
def session() -> Session:
    return session_of(serving_trace(4, layers=2))


@pytest.fixture(scope="module")
def trace(session: Session, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    return trace_of(session, tmp_path_factory.mktemp("trace") / "again.json.gz")


def slices(trace: list[dict[str, Any]], pid: int) -> list[dict[str, Any]]:
    return [event for event in trace if event["ph"] == "X" and event["pid"] == pid]


def test_sums_by_name_are_those_of_the_session(session: Session, trace: list[dict[str, Any]]) -> None:
    kernels: Counter[str] = Counter()
    for event in slices(trace, KERNELS):
        kernels[event["name"]] += round(event["dur"] * 1e3)
    assert kernels == {one.name: round(one.total_s * 1e9) for one in kernel_sums(session)}
    ranges: Counter[str] = Counter(event["name"] for event in slices(trace, HOST))
    told: Counter[str] = Counter()
    for one in range_sums(session):
        told[one.name] += one.calls
    assert ranges == told


def test_each_stream_and_thread_has_a_lane_that_nests(trace: list[dict[str, Any]]) -> None:
    names = {
        (event["pid"], event["tid"]): event["args"]["name"] for event in trace
        if event["ph"] == "M" and event["name"] == "thread_name" and event["pid"] in (KERNELS, HOST)
    }  # fmt: skip
    assert {name for (pid, _), name in names.items() if pid == KERNELS} == {
        "device 0 stream 7", "device 0 stream 20", "device 0 stream 24",
    }  # fmt: skip
    assert "thread 41 (python)" in names.values()
    lanes = defaultdict(list)
    for event in slices(trace, KERNELS) + slices(trace, HOST):
        lanes[event["pid"], event["tid"]].append((round(event["ts"] * 1e3), round((event["ts"] + event["dur"]) * 1e3)))
    assert set(lanes) == set(names)
    for found in lanes.values():
        ends: list[int] = []
        for start, end in found:
            while ends and ends[-1] <= start:
                ends.pop()
            assert not ends or end <= ends[-1]
            ends.append(end)


def test_what_overlaps_in_one_stream_lies_in_lanes_beside_each_other() -> None:
    made = MadeTrace()
    for at in (0.0, 5.0, 9.0):
        made.kernel("gemm", at, 8.0, stream=7)
    found = list(events(Span(session_of(made))))
    assert len({event["tid"] for event in found if event["ph"] == "X" and event["pid"] == KERNELS}) == 2
    assert "stream 7 (lane 2)" in "".join(
        event["args"].get("name", "") for event in found if event["ph"] == "M" and event["name"] == "thread_name"
    )


def test_an_arrow_leads_from_each_launch_to_its_kernel(session: Session, trace: list[dict[str, Any]]) -> None:
    begun = {event["id"]: event for event in trace if event["ph"] == "s" and event["id"] >= FIRST_FLOW}
    ended = {event["id"]: event for event in trace if event["ph"] == "f" and event["id"] >= FIRST_FLOW}
    launched = {row for row, one in enumerate(session.kernels["range_id"].tolist()) if one >= 0}
    assert {one - FIRST_FLOW for one in begun} == {one - FIRST_FLOW for one in ended} == launched != set()
    for one, end in ended.items():
        row = one - FIRST_FLOW
        assert end["ts"] * 1e3 == pytest.approx(int(session.kernels["start_ns"][row]))
        launching = session.kernels["range_id"][row]
        assert begun[one]["ts"] * 1e3 == pytest.approx(int(session.ranges["start_ns"][launching]))


def test_a_range_of_steps_has_the_kernels_that_its_steps_launched(session: Session, tmp_path: Path) -> None:
    found = list(events(Span(session, (1, 2))))
    steps = {event["args"]["step"] for event in slices(found, KERNELS)}
    assert steps == {1, 2}
    assert all(event["id"] - FIRST_FLOW < len(session.kernels) for event in found if event["ph"] == "f")


def test_perfetto_has_them_too(session: Session, tmp_path: Path) -> None:
    write_perfetto(session, tmp_path / "again.pftrace")
    trace = Trace(tmp_path / "again.pftrace")
    kernels = trace.of("device 0 stream 7")
    begun = [event for _, _, event in kernels if event.type == BEGIN]
    assert len(begun) == int((session.kernels["stream"] == 7).sum())
    assert sum(len(event.terminating_flow_ids) for event in begun) > 0
    open_: dict[int, int] = defaultdict(int)
    for _, _, event in sorted(trace.events, key=lambda one: one[0]):  # as Perfetto reads them
        if event.type in (BEGIN, END):
            open_[event.track_uuid] += 1 if event.type == BEGIN else -1
            assert open_[event.track_uuid] >= 0
    assert not any(open_.values())


def test_another_session_has_none_of_it() -> None:
    found = list(events(Span(synthetic_session(5))))
    assert not [event for event in found if event["pid"] in (KERNELS, HOST)]
