"""Collects the events of a trace as columns: the device's work, the host's ranges, and how many of others there are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from math import isfinite
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from engine.importing.categories import DEVICE_ANNOTATION, KERNELS, PYTHON, RANGES, kernel_kind, range_kind
from engine.importing.trace_event import Arguments, BareEvent, TraceEvent
from engine.importing.trace_text import TraceError

MOST_KEPT: Final = 6_000_000
"""Kernels and ranges together; each takes some hundred bytes of memory while it is imported."""
MOST_NAME: Final = 2**14
"""Characters of a name. Names of kernels with all their template arguments are shorter."""
MOST_NAME_BYTES: Final = 2**28
"""Characters of all different names together."""
MOST_US: Final = 4e15
"""Above any moment, µs since 1970; so far on both sides of zero that nanoseconds fit into 64 bits."""
MOST_DURATION_US: Final = 1e12
WHOLE: Final = 2**50
"""Above every number of a stream, a launch or a count of bytes."""
NOTHING: Final = Arguments()
KERNEL_COLUMNS: Final = (
    "start_us", "us", "name", "kind", "device", "stream", "correlation", "external", "bytes", "shape",
)  # fmt: skip
RANGE_COLUMNS: Final = ("start_us", "us", "name", "kind", "thread", "correlation", "external")
EDGE_COLUMNS: Final = ("start_us", "name", "kind", "thread", "begins", "correlation", "external")
SPAN_COLUMNS: Final = ("start_us", "us", "name", "device", "stream")
KERNEL_KINDS: Final = ("kernel", "memcpy", "memset")
RANGE_KINDS: Final = ("annotation", "op", "runtime", "module")


class Rows:
    """Rows of numbers, a batch after the other: float64, which holds whole numbers up to 2**53."""

    def __init__(self, columns: Sequence[str]) -> None:
        self.columns = columns
        self._new: list[tuple[float, ...]] = []
        self._parts: list[NDArray[np.float64]] = []
        self.add = self._new.append
        self.count = 0

    def settle(self) -> None:
        """Turn what was added since the last call into numbers; called after each batch."""
        if self._new:
            self._parts.append(np.array(self._new, np.float64))
            self.count += len(self._new)
            self._new.clear()

    def take(self) -> dict[str, NDArray[np.float64]]:
        """The columns by name; the rows are given away."""
        self.settle()
        whole = np.concatenate(self._parts) if self._parts else np.empty((0, len(self.columns)))
        self._parts.clear()
        return {name: np.ascontiguousarray(whole[:, at]) for at, name in enumerate(self.columns)}


class Collected:
    """What was read of a trace. Call `add` with each batch, then take the columns."""

    def __init__(self) -> None:
        self.kernels = Rows(KERNEL_COLUMNS)
        self.ranges = Rows(RANGE_COLUMNS)
        self.edges = Rows(EDGE_COLUMNS)
        """The begins and ends of ranges that are told apart."""
        self.spans = Rows(SPAN_COLUMNS)
        """Ranges as they lie on the device (`categories.DEVICE_ANNOTATION`)."""
        self.names: dict[str, int] = {}
        self.shapes: dict[tuple[str, str], int] = {("", ""): 0}
        """(grid, block) of kernels."""
        self.threads: dict[tuple[str, str], int] = {}
        """(process, thread) of ranges."""
        self.thread_names: dict[tuple[str, str], str] = {}
        self.left_out: Counter[str] = Counter()
        self.unreadable = 0
        self._name_bytes = 0

    def add(self, batch: Sequence[TraceEvent | BareEvent]) -> None:
        """Take a batch of events. Raises TraceError where they are more than can be kept."""
        for event in batch:
            self._add(event)
        rows = (self.kernels, self.ranges, self.edges, self.spans)
        for one in rows:
            one.settle()
        if sum(one.count for one in rows) > MOST_KEPT:
            raise TraceError(
                f"The trace is too large: it holds more than {MOST_KEPT} kernels and ranges. Record fewer steps."
            )

    def _add(self, event: TraceEvent | BareEvent) -> None:
        ph, name = event.ph, event.name
        args = event.args if isinstance(event, TraceEvent) and event.args is not None else NOTHING
        category = event.cat.lower() if isinstance(event.cat, str) else ""
        if ph == "M":
            if name == "thread_name" and isinstance(args.name, str):
                self.thread_names[_thread(event)] = args.name[:MOST_NAME]
            return
        if ph not in ("X", "B", "E"):
            if isinstance(ph, str) and ph not in ("s", "f", "t"):  # arrows between events tell nothing new
                self.left_out[_category(category, ph)] += 1
            return
        start_us = _moment(event.ts)
        if start_us is None or (not isinstance(name, str) and ph != "E"):
            self.unreadable += 1
            return
        text = name if isinstance(name, str) else ""
        if ph == "E":
            self._add_edge(event, start_us, text, category, args)
            return
        us = _duration(event.dur)
        if (kind := kernel_kind(category)) is not None and ph == "X":
            self._add_kernel(event, args, (start_us, us, self._name(text), KERNEL_KINDS.index(kind)))
        elif category == DEVICE_ANNOTATION:
            device, stream = _place(event, args)
            self.spans.add((start_us, max(us, 0.0), self._name(text), device, stream))
        elif ph == "B":
            self._add_edge(event, start_us, text, category, args)
        elif (of_host := range_kind(category, text)) is not None:
            at = (self._name(text), RANGE_KINDS.index(of_host), self._thread(event))
            self.ranges.add((start_us, us, *at, _whole(args.correlation), _external(args)))
        else:
            self.left_out[_category(category, ph)] += 1

    def _add_edge(
        self, event: TraceEvent | BareEvent, start_us: float, name: str, category: str, args: Arguments
    ) -> None:
        kind = range_kind(category, name) if event.ph == "B" else "annotation"
        if kind is None:
            self.left_out[_category(category, "B")] += 1
        named = self._name(name) if name else -1
        self.edges.add((
            start_us, named, -1 if kind is None else RANGE_KINDS.index(kind), self._thread(event), event.ph == "B",
            _whole(args.correlation), _external(args),
        ))  # fmt: skip

    def _add_kernel(self, event: TraceEvent | BareEvent, args: Arguments, begin: tuple[float, float, int, int]) -> None:
        moved = _whole(args.bytes if args.bytes is not None else args.bytes_older)
        shape = (_shape(args.grid), _shape(args.block))
        number = self.shapes.setdefault(shape, len(self.shapes))
        place = _place(event, args)
        self.kernels.add((*begin, *place, _whole(args.correlation), _external(args), moved, number))

    def name_of_thread(self, thread: tuple[str, str]) -> str:
        """What a thread is called: as the trace names it, else its numbers."""
        return self.thread_names.get(thread) or "/".join(thread)

    def number_of(self, name: str) -> int:
        """The number of a name, which is added where it is new. Raises TraceError where they are too long in all."""
        return self._name(name)

    def _name(self, text: str) -> int:
        text = text[:MOST_NAME]
        number = self.names.setdefault(text, len(self.names))
        if number == len(self.names) - 1:
            self._name_bytes += len(text)
            if self._name_bytes > MOST_NAME_BYTES:
                raise TraceError("The trace is too large: its names take more than 256 MiB.")
        return number

    def _thread(self, event: BareEvent) -> int:
        return self.threads.setdefault(_thread(event), len(self.threads))


def _thread(event: BareEvent) -> tuple[str, str]:
    return str(event.pid)[:64], str(event.tid)[:64]


def _category(category: str, ph: str) -> str:
    """Under what name an event is counted that is not kept."""
    known = category in KERNELS or category in RANGES or category == PYTHON
    return category[:64] if category.isascii() and (known or category.isidentifier()) else f"ph {ph[:8]}"


def _moment(value: Any) -> float | None:
    """A moment in µs; None where it is none."""
    if type(value) is str and len(value) <= 32:
        try:
            value = float(value)
        except ValueError:
            return None
    if type(value) is int:
        return float(value) if abs(value) < MOST_US else None
    return value if type(value) is float and isfinite(value) and abs(value) < MOST_US else None


def _duration(value: Any) -> float:
    """A duration in µs, -1 where it is not told."""
    us = _moment(value)
    return us if us is not None and 0 <= us < MOST_DURATION_US else -1.0


def _whole(value: Any) -> int:
    """A number that is not negative; -1 where there is none."""
    if type(value) is str and len(value) < 20 and value.isascii() and value.isdigit():
        value = int(value)
    return value if type(value) is int and 0 <= value < WHOLE else -1


def _external(args: Arguments) -> int:
    return _whole(args.external if args.external is not None else args.external_older)


def _place(event: BareEvent, args: Arguments) -> tuple[int, int]:
    """(device, stream): its arguments, else process and thread, by which Kineto gives each stream a lane."""
    device = _whole(args.device if args.device is not None else event.pid)
    return device, _whole(args.stream if args.stream is not None else event.tid)


def _shape(value: Any) -> str:
    """`[8, 1, 1]` as `8,1,1`; "" where it is no such list."""
    if isinstance(value, list) and 0 < len(value) <= 3 and all(_whole(one) >= 0 for one in value):
        return ",".join(map(str, value))
    return ""
