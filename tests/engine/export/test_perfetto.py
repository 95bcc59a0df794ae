"""The Perfetto trace, read back by Perfetto's own message types: tracks, slices, counters, flows, arguments."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from perfetto.protos.perfetto.trace import perfetto_trace_pb2 as pb

from engine.errors import SessionFileError
from engine.export.perfetto import write_perfetto
from engine.session import schema
from engine.session.schema import PHASES
from engine.session.store import Session
from tests.engine.session.synthetic import synthetic_session

BEGIN, END = pb.TrackEvent.TYPE_SLICE_BEGIN, pb.TrackEvent.TYPE_SLICE_END


class Trace:
    """A trace read back: tracks by uuid, events in order with their names resolved."""

    def __init__(self, path: Path) -> None:
        message = pb.Trace()
        message.ParseFromString(path.read_bytes())
        self.packets = list(message.packet)
        self.tracks = {
            p.track_descriptor.uuid: p.track_descriptor for p in self.packets if p.HasField("track_descriptor")
        }
        names: dict[int, str] = {}
        self.events: list[tuple[int, str, Any]] = []
        for packet in self.packets:
            names.update({one.iid: one.name for one in packet.interned_data.event_names})
            if packet.HasField("track_event"):
                event = packet.track_event
                self.events.append((packet.timestamp, event.name or names.get(event.name_iid, ""), event))

    def of(self, track: str) -> list[tuple[int, str, Any]]:
        """Events of the track with this name."""
        uuids = {uuid for uuid, one in self.tracks.items() if one.name == track}
        return [event for event in self.events if event[2].track_uuid in uuids]


@pytest.fixture(scope="module")
def session() -> Session:
    session = synthetic_session(60, requests=3)
    session.apply([schema.Mark(5_000_000, "switch", "kv: none → contiguous")])
    return session


@pytest.fixture(scope="module")
def trace(session: Session, tmp_path_factory: pytest.TempPathFactory) -> Trace:
    path = tmp_path_factory.mktemp("trace") / "run.pftrace"
    write_perfetto(session, path)
    return Trace(path)


def test_every_event_lies_on_a_described_track(trace: Trace) -> None:
    assert {event.track_uuid for _, _, event in trace.events} <= set(trace.tracks)
    for one in trace.tracks.values():
        assert one.HasField("process") or one.parent_uuid in trace.tracks
    assert {one.process.process_name for one in trace.tracks.values() if one.HasField("process")} == {
        "engine: synthetic", "requests", "a CPU",
    }  # fmt: skip


def test_slices_of_a_track_begin_and_end_in_order(trace: Trace) -> None:
    open_slices: dict[int, int] = defaultdict(int)
    last: dict[int, int] = defaultdict(int)
    for ts, _, event in trace.events:
        if event.type in (BEGIN, END):
            assert ts >= last[event.track_uuid]
            last[event.track_uuid] = ts
            open_slices[event.track_uuid] += 1 if event.type == BEGIN else -1
            assert open_slices[event.track_uuid] >= 0
    assert not any(open_slices.values())


def test_steps_and_phases_are_those_of_the_session(session: Session, trace: Trace) -> None:
    steps = trace.of("steps")
    assert len(steps) == 120
    ts, name, event = steps[14]
    assert (ts, name) == (int(session.steps["start_ns"][7]), "step 7")
    assert steps[15][0] == int(session.steps["end_ns"][7])
    arguments = {one.name: one.int_value for one in event.debug_annotations}
    assert arguments["new"] == session.steps["positions_new"][7]
    ns, begun = 0, 0
    for ts, name, event in trace.of("phases (shares, not order)"):
        if event.type == BEGIN:
            begun, ffn = ts, name == "ffn"
        elif ffn:
            ns += ts - begun
    assert ns / 1e3 == pytest.approx(float(session.phases["us"][:, PHASES.index("ffn")].sum()), rel=1e-4)


def test_flows_lead_from_a_step_to_its_tokens(trace: Trace) -> None:
    out = [list(event.flow_ids) for _, _, event in trace.of("steps") if event.type == BEGIN]
    to = [list(event.terminating_flow_ids) for _, _, event in trace.of("tokens") if event.type == BEGIN]
    assert out == to == [[i + 1] for i in range(60)]


def test_counters_have_units(trace: Trace, session: Session) -> None:
    counters = {one.name: one.counter for one in trace.tracks.values() if one.HasField("counter")}
    assert counters["KV cache (bytes): used"].unit == pb.CounterDescriptor.UNIT_SIZE_BYTES
    assert counters["tokens/s while busy"].unit_name == "tokens/s"
    assert counters["cpu: process_cpu_percent"].unit_name == "%"
    used = [event.counter_value for _, _, event in trace.of("KV cache (bytes): used")]
    assert used == session.steps["kv_used_bytes"].tolist()


def test_requests_and_marks(trace: Trace) -> None:
    assert [name for _, name, event in trace.of("request 1") if event.type == BEGIN] == ["request 1", "waiting"]
    assert [(ts, name) for ts, name, _ in trace.of("marks")] == [(5_000_000, "switch: kv: none → contiguous")]


def test_only_the_first_packet_clears_what_was_interned(trace: Trace) -> None:
    flags = [packet.sequence_flags for packet in trace.packets]
    assert flags[0] == 1
    assert set(flags[1:]) == {2}


def test_where_it_cannot_be_written_it_says_so(session: Session, tmp_path: Path) -> None:
    with pytest.raises(SessionFileError, match="cannot be written"):
        write_perfetto(session, tmp_path / "no" / "t.pftrace")


def test_the_first_packet_says_what_wall_time_zero_is(session: Session, trace: Trace) -> None:
    first, *others = trace.packets
    assert {clock.clock_id: clock.timestamp for clock in first.clock_snapshot.clocks} == {
        pb.BUILTIN_CLOCK_BOOTTIME: 0, pb.BUILTIN_CLOCK_REALTIME: int(session.meta["epoch_ns"]),
    }  # fmt: skip
    assert not any(packet.HasField("clock_snapshot") or packet.timestamp_clock_id for packet in others)


def test_without_a_known_wall_time_there_is_no_snapshot(tmp_path: Path) -> None:
    session = synthetic_session(3)
    session.meta = {name: value for name, value in session.meta.items() if name != "epoch_ns"}
    write_perfetto(session, tmp_path / "run.pftrace")
    packets = Trace(tmp_path / "run.pftrace").packets
    assert packets
    assert not any(packet.HasField("clock_snapshot") for packet in packets)
