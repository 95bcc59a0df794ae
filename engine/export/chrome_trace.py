"""The kernels and the host's ranges of an imported trace, as slices: of each stream and of each thread.

An arrow leads from the range that launched a kernel to the kernel. Slices of one lane nest, as viewers want it: what
overlaps another slice without lying in it gets a lane of its own beside.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Generator, Iterator
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from engine.export.chrome_lanes import process_lane, thread_lane
from engine.export.content import plain_rows
from engine.export.span import Span
from engine.session.event_table import EventTable
from engine.session.store import Session

KERNELS, HOST = 4, 5
"""Process ids: the device's streams, and the host's threads."""
CATEGORIES: Final = {
    "kernel": "kernel", "memcpy": "gpu_memcpy", "memset": "gpu_memset", "annotation": "user_annotation", "op": "cpu_op",
    "runtime": "cuda_runtime", "module": "python_function",
}  # fmt: skip
"""The profiler's own word for each kind, so that what reads its traces reads these."""
FIRST_FLOW: Final = 2**32
"""Ids of arrows from here on; those below belong to steps."""

Json = dict[str, Any]
Ints = NDArray[np.int64]


def trace_events(span: Span) -> Iterator[Json]:
    """Lanes and slices of an imported trace; nothing for another session."""
    session = span.session
    kernels, ranges = span.rows(session.kernels), span.rows(session.ranges)
    if len(kernels):
        yield from process_lane(KERNELS, "device: kernels by stream")
        yield from _kernels(span, kernels, set(ranges.tolist()))
    if len(ranges):
        yield from process_lane(HOST, "host: ranges by thread")
        yield from _ranges(span, ranges, kernels)


def _kernels(span: Span, rows: Ints, launching: set[int]) -> Iterator[Json]:
    session, lanes = span.session, _Lanes(KERNELS)
    for row, one in _told(span, session.kernels, rows):
        device, stream = one["device"], one["stream"]
        name = " ".join(
            ([f"device {device}"] if device >= 0 else []) + [f"stream {stream}" if stream >= 0 else "stream not told"]
        )
        tid = yield from lanes.of((device, stream), name, one["start_ns"], one["end_ns"])
        arguments = {
            "phase": one["phase"], "step": one["step_id"] if one["step_id"] >= 0 else "in none that is known",
            **({"correlation": one["correlation"]} if one["correlation"] >= 0 else {}),
            **({"bytes": one["moved_bytes"]} if one["moved_bytes"] >= 0 else {}),
            "grid": one["grid"], "block": one["block"],
        }  # fmt: skip
        yield _slice(session, one, KERNELS, tid, arguments)
        if one["range_id"] in launching:
            yield _arrow("f", row, KERNELS, tid, one["start_ns"])


def _ranges(span: Span, rows: Ints, kernels: Ints) -> Iterator[Json]:
    session, lanes = span.session, _Lanes(HOST)
    by_range = kernels[np.argsort(session.kernels["range_id"][kernels], kind="stable")]
    launched = session.kernels["range_id"][by_range]
    for row, one in _told(span, session.ranges, rows):
        tid = yield from lanes.of(one["thread_id"], _name(session, one["thread_id"]), one["start_ns"], one["end_ns"])
        yield _slice(session, one, HOST, tid, {"phase": one["phase"], "own time (ns)": one["self_ns"]})
        first, end = np.searchsorted(launched, (row, row + 1)).tolist()
        for kernel in by_range[first:end].tolist():
            yield _arrow("s", kernel, HOST, tid, one["start_ns"])


def _told(span: Span, table: EventTable, rows: Ints) -> Iterator[tuple[int, Json]]:
    """The number of each row of a table, and its values by column."""
    for row, values in zip(rows.tolist(), plain_rows(span, table), strict=True):
        yield row, dict(zip(table.names, values, strict=True))


def _slice(session: Session, one: Json, pid: int, tid: int, arguments: Json) -> Json:
    return {
        "ph": "X", "name": _name(session, one["name_id"]), "cat": CATEGORIES[one["kind"]], "pid": pid, "tid": tid,
        "ts": one["start_ns"] / 1e3, "dur": (one["end_ns"] - one["start_ns"]) / 1e3,
        "args": {**arguments, **({"end": "not told by the trace"} if one["ended"] == "missing" else {})},
    }  # fmt: skip


def _arrow(kind: str, kernel: int, pid: int, tid: int, at_ns: int) -> Json:
    """The begin (`s`) or the end (`f`) of the arrow to a kernel; each stands right after the slice that it is in."""
    end = {"bp": "e"} if kind == "f" else {}
    return {
        "ph": kind, **end, "id": FIRST_FLOW + kernel, "name": "launches", "cat": "launch", "pid": pid, "tid": tid,
        "ts": at_ns / 1e3,
    }  # fmt: skip


def _name(session: Session, name_id: int) -> str:
    names = session.trace_names
    return names[name_id] if 0 <= name_id < len(names) else "not told"


class _Lanes:
    """The thread ids of a process: one for each stream or thread, and more where its slices do not nest."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._count = 0
        self._lanes: defaultdict[object, list[tuple[int, list[int]]]] = defaultdict(list)
        """For each stream or thread: the id of each lane, and the ends of the slices that are open in it."""

    def of(self, key: object, name: str, start_ns: int, end_ns: int) -> Generator[Json, None, int]:
        """The thread id of a slice, which comes no earlier than those before; yields what describes a new lane."""
        lanes = self._lanes[key]
        for tid, ends in lanes:
            while ends and ends[-1] <= start_ns:
                ends.pop()
            if not ends or end_ns <= ends[-1]:
                ends.append(end_ns)
                return tid
        self._count += 1
        lanes.append((self._count, [end_ns]))
        more = f" (lane {len(lanes)})" if len(lanes) > 1 else ""
        yield from thread_lane(self._pid, self._count, name + more)
        return self._count
