"""Perfetto's own format (protobuf TrackEvent): the Chrome trace's tracks with counters, units, flows and arguments.

Times are ns from the session's zero. The first packet says what wall time that zero is (a snapshot of clocks), so that
Perfetto can show the time of day. Names and categories are interned; slices of one track are written in order, begin
then end. Reference: Perfetto's documentation of synthetic track events. `engine/export/chrome.py` decides what the
tracks hold; this module only writes it in another form.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import IO, Any, Final

from perfetto.protos.perfetto.trace import perfetto_trace_pb2 as pb

from engine.errors import SessionFileError
from engine.export.chrome import BUSY_RATE, ENGINE, Json, events
from engine.export.span import Span
from engine.export.whole import replacing
from engine.figures.step_range import StepRange
from engine.plain_text import utf8
from engine.session.store import Session

SEQUENCE: Final = 1
CLEARED, NEEDED = 1, 2
"""Sequence flags: interning starts again; the packet needs names that were interned before."""
MARKS: Final = "marks"
UNITS: Final = {"percent": "%", "watts": "W", "celsius": "°C", "mhz": "MHz", "joules": "J", BUSY_RATE: "tokens/s"}
"""The unit that Perfetto shows, by the last word of a counter's name; bytes have a unit type of their own."""


def write_perfetto(session: Session, path: str | os.PathLike[str], steps: StepRange = None) -> None:
    """Write a session, or a range of its steps, as a Perfetto trace, packet by packet.

    Raises SessionFileError where `path` cannot be written.
    """
    try:
        with replacing(path) as file:
            span = Span(session, steps)
            writer = _Writer(file)
            writer.tell_zero(span.zero_ns)
            writer.write(events(span))
    except OSError as error:
        raise SessionFileError(f"The trace {path} cannot be written: {error.strerror}.") from error


class _Writer:
    """Turns trace events into packets; tracks are described when they are first used."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._tracks: dict[tuple[object, ...], int] = {}
        self._names: dict[str, int] = {}
        self._categories: dict[str, int] = {}
        self._processes: dict[int, str] = {}
        self._started = False

    def tell_zero(self, zero_ns: int | None) -> None:
        """Write that time 0 of the trace is this wall time, in UTC ns since 1970; nothing where it is not known.

        BOOTTIME is the clock of every packet that names none.
        """
        if zero_ns is None:
            return
        packet = self._packet(0.0)
        for clock, at_ns in ((pb.BUILTIN_CLOCK_BOOTTIME, 0), (pb.BUILTIN_CLOCK_REALTIME, zero_ns)):
            packet.clock_snapshot.clocks.add(clock_id=clock, timestamp=at_ns)
        self._put(packet)

    def write(self, source: Iterator[Json]) -> None:
        """Write every event. A slice waits for the next event, because flows that start or end in it come after it."""
        waiting: Json | None = None
        flows: list[Json] = []
        for event in source:
            if event["ph"] in "sf" and waiting is not None:
                flows.append(event)
                continue
            if waiting is not None:
                self._slice(waiting, flows)
            waiting, flows = (event, []) if event["ph"] == "X" else (None, [])
            if waiting is None:
                self._other(event)
        if waiting is not None:
            self._slice(waiting, flows)

    # --- events -----------------------------------------------------------------------------------------------------

    def _other(self, event: Json) -> None:
        match event["ph"]:
            case "M" if event["name"] == "process_name":
                self._processes[event["pid"]] = event["args"]["name"]
                self._process(event["pid"])
            case "M" if event["name"] == "thread_name":
                self._thread(event["pid"], event["tid"], event["args"]["name"])
            case "C":
                for key, value in event["args"].items():
                    self._counter(event, key, value)
            case "b" | "e":
                track = self._named(event["pid"], f"request {event['id']}")
                begin = event["ph"] == "b"
                packet = self._event(event["ts"], track, "BEGIN" if begin else "END", event if begin else None)
                self._put(packet)
            case "n":
                track = self._named(event["pid"], f"request {event['id']}")
                self._put(self._event(event["ts"], track, "INSTANT", event))
            case "i":
                self._put(self._event(event["ts"], self._named(event["pid"], MARKS), "INSTANT", event))

    def _slice(self, event: Json, flows: list[Json]) -> None:
        track = self._tracks[("thread", event["pid"], event["tid"])]
        packet = self._event(event["ts"], track, "BEGIN", event)
        for flow in flows:
            ids = packet.track_event.flow_ids if flow["ph"] == "s" else packet.track_event.terminating_flow_ids
            ids.append(flow["id"] + 1)  # 0 is no flow
        self._put(packet)
        self._put(self._event(event["ts"] + event["dur"], track, "END", None))

    def _counter(self, event: Json, key: str, value: float) -> None:
        name = event["name"] if len(event["args"]) == 1 else f"{event['name']}: {key}"
        packet = self._packet(event["ts"])
        packet.track_event.track_uuid = self._counter_track(event["pid"], name)
        packet.track_event.type = pb.TrackEvent.TYPE_COUNTER
        if isinstance(value, int):
            packet.track_event.counter_value = value
        else:
            packet.track_event.double_counter_value = value
        self._put(packet)

    def _event(self, ts_us: float, track: int, kind: str, event: Json | None) -> Any:
        packet = self._packet(ts_us)
        packet.track_event.track_uuid = track
        packet.track_event.type = getattr(pb.TrackEvent, "TYPE_INSTANT" if kind == "INSTANT" else f"TYPE_SLICE_{kind}")
        if event is not None:
            self._intern(packet, event["name"], event.get("cat", ""))
            for name, value in event.get("args", {}).items():
                _annotate(packet.track_event.debug_annotations.add(), value, name)
        return packet

    # --- tracks -----------------------------------------------------------------------------------------------------

    def _process(self, pid: int) -> int:
        key = ("process", pid)
        if key not in self._tracks:
            descriptor = self._describe(key)
            descriptor.process.pid = pid
            descriptor.process.process_name = utf8(self._processes.get(pid, str(pid)))
            descriptor.sibling_order_rank = pid
            self._put(self._described)
        return self._tracks[key]

    def _thread(self, pid: int, tid: int, name: str) -> None:
        parent = self._process(pid)
        descriptor = self._describe(("thread", pid, tid))
        descriptor.parent_uuid = parent
        descriptor.name = utf8(name)
        descriptor.sibling_order_rank = tid
        self._put(self._described)

    def _named(self, pid: int, name: str) -> int:
        key = ("named", pid, name)
        if key not in self._tracks:
            parent = self._process(pid)
            descriptor = self._describe(key)
            descriptor.parent_uuid = parent
            descriptor.name = utf8(name)
            self._put(self._described)
        return self._tracks[key]

    def _counter_track(self, pid: int, name: str) -> int:
        key = ("counter", pid, name)
        if key not in self._tracks:
            parent = self._process(pid)
            descriptor = self._describe(key)
            descriptor.parent_uuid = parent
            descriptor.name = utf8(name)
            if "bytes" in name:
                descriptor.counter.unit = pb.CounterDescriptor.UNIT_SIZE_BYTES
            else:
                word = name.rsplit("_", 1)[-1]
                descriptor.counter.unit_name = UNITS.get(word, "" if pid != ENGINE else "count")
            self._put(self._described)
        return self._tracks[key]

    def _describe(self, key: tuple[object, ...]) -> Any:
        """A new track's descriptor, in a packet that waits in `_described`."""
        self._tracks[key] = len(self._tracks) + 1
        self._described = self._packet(0.0)
        descriptor = self._described.track_descriptor
        descriptor.uuid = self._tracks[key]
        return descriptor

    # --- packets ----------------------------------------------------------------------------------------------------

    def _packet(self, ts_us: float) -> Any:
        packet = pb.TracePacket()
        packet.timestamp = round(ts_us * 1000)
        packet.trusted_packet_sequence_id = SEQUENCE
        return packet

    def _intern(self, packet: Any, name: str, category: str) -> None:
        if name.startswith("step "):
            packet.track_event.name = name  # not interned: each occurs once
        else:
            packet.track_event.name_iid = self._iid(packet.interned_data.event_names, self._names, name)
        if category:
            iid = self._iid(packet.interned_data.event_categories, self._categories, category)
            packet.track_event.category_iids.append(iid)

    @staticmethod
    def _iid(table: Any, known: dict[str, int], text: str) -> int:
        if text not in known:
            known[text] = len(known) + 1
            entry = table.add()
            entry.iid = known[text]
            entry.name = utf8(text)
        return known[text]

    def _put(self, packet: Any) -> None:
        packet.sequence_flags = NEEDED if self._started else CLEARED
        self._started = True
        trace = pb.Trace()
        trace.packet.append(packet)  # traces can be concatenated: one trace with the packets of all
        self._file.write(trace.SerializeToString())


def _annotate(annotation: Any, value: object, name: str = "") -> None:
    """An argument of an event: a number, a text, or a list or table of them."""
    if name:
        annotation.name = utf8(name)
    match value:
        case bool():
            annotation.bool_value = value
        case int():
            annotation.int_value = value
        case float():
            annotation.double_value = value
        case dict():
            for key, one in value.items():
                _annotate(annotation.dict_entries.add(), one, str(key))
        case list():
            for one in value:
                _annotate(annotation.array_values.add(), one)
        case None:
            annotation.string_value = ""
        case _:
            annotation.string_value = utf8(str(value))
