"""Reads a trace into its parts: kernels, ranges and steps, with their links and phases, on one clock from zero."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from engine.importing.collected import RANGE_COLUMNS, Collected
from engine.importing.json_events import JsonEvents
from engine.importing.links import launching_ranges, steps_at, steps_by_spans
from engine.importing.nesting import Column, Ranges, joined, nested
from engine.importing.phases import OTHER, names_to_phases, phases_of_kernels, phases_of_ranges
from engine.importing.steps import Steps, find_steps
from engine.importing.trace_text import Progress, TraceError, TraceText
from engine.plain_text import path_text
from engine.session.patience import Patience

OWN_FACT: Final = "model_config"
"""A fact of every session; our own exports write its facts as `otherData`."""
MOST_TOTAL_NS: Final = 2**61
ABSOLUTE_US: Final = 1e14
"""From here on a moment is counted from 1970: 1e14 µs are three years, longer than any machine runs."""


@dataclass(frozen=True, slots=True)
class Kernels:
    """The device's work, in order of its start; columns as `schema.Kernel` names them. `shape` numbers `shapes`."""

    start: Column
    end: Column
    name: Column
    kind: Column
    device: Column
    stream: Column
    correlation: Column
    moved: Column
    shape: Column
    ended: NDArray[np.bool_]
    launched_in: Column
    step: Column
    phase: Column

    def __len__(self) -> int:
        return len(self.start)


@dataclass(frozen=True, slots=True)
class Trace:
    """All that was read of a trace. Times are ns from the first kernel or range."""

    kernels: Kernels
    ranges: Ranges
    range_steps: Column
    range_phases: Column
    steps: Steps
    names: list[str]
    shapes: list[tuple[str, str]]
    facts: dict[str, Any]
    epoch_ns: int | None
    """The zero as UTC ns since 1970; None where the trace does not tell it."""
    left_out: dict[str, int]
    unreadable: int
    begins_missing: int
    cut_short: str

    @property
    def ends_missing(self) -> int:
        return int((~self.kernels.ended).sum()) + int((~self.ranges.ended).sum())


def read_trace(path: Path, patience: Patience, progress: Progress) -> Trace:
    """Read a trace of PyTorch's profiler. Raises TraceError, whose message says what is wrong with it."""
    text = TraceText(path, patience, progress)
    try:
        events, found = JsonEvents(text), Collected()
        for batch in events.batches():
            if _is_ours(events.facts):
                raise TraceError(
                    f"{path_text(path)} was exported by DecodeScope: open its session instead, which has all of it."
                )
            found.add(batch)
    finally:
        text.close()
    if not (found.kernels.count or found.ranges.count or found.edges.count):
        cut = f" It is cut short: {events.cut_short}." if events.cut_short else ""
        raise TraceError(f"{path_text(path)} is no profiler's trace: it has neither kernels nor ranges of a host.{cut}")
    return _arranged(path, events, found)


def _is_ours(facts: dict[str, Any]) -> bool:
    other = facts.get("otherData")
    return isinstance(other, dict) and OWN_FACT in other


def _arranged(path: Path, events: JsonEvents, found: Collected) -> Trace:
    kernels, ranges, edges, spans = (one.take() for one in (found.kernels, found.ranges, found.edges, found.spans))
    zero_us = min(float(one["start_us"].min(initial=np.inf)) for one in (kernels, ranges, edges))
    k, r, e, s = (_ns(one, zero_us) for one in (kernels, ranges, edges, spans))
    paired, begins_missing = joined(e)
    host = nested({name: np.concatenate((r[name], paired[name])) for name in _HOST_COLUMNS})
    threads = [found.number_of(found.name_of_thread(thread)) for thread in found.threads]
    names = list(found.names)
    order = np.argsort(k["start"], kind="stable")
    k = {name: column[order] for name, column in k.items()}
    total_ns = sum(float((end - start).sum(dtype=np.float64)) for start, end in _spans(k, host))
    if total_ns > MOST_TOTAL_NS:
        raise TraceError(f"{path_text(path)} makes no sense: its ranges last for centuries in all.")
    steps = find_steps(host, names)
    launched_in = launching_ranges(host, k["correlation"], k["external"])
    kernel_steps = _steps_of_kernels(k, launched_in, host, steps, s)
    range_steps = steps_at(host.start, steps.start, steps.end)
    phases = names_to_phases(names)
    by_range, by_person = phases_of_ranges(host, phases)
    own = phases(k["name"]) if len(order) else np.empty(0, np.int64)
    return Trace(
        Kernels(
            k["start"], k["end"], k["name"], k["kind"], k["device"], k["stream"], k["correlation"], k["bytes"],
            k["shape"], k["ended"] == 1, launched_in, kernel_steps,
            phases_of_kernels(own, launched_in, by_range, by_person),
        ),
        replace(host, thread=np.array(threads, np.int64)[host.thread]) if len(host) else host,
        range_steps,
        np.where(by_range >= 0, by_range, OTHER),
        steps,
        names,
        list(found.shapes),
        events.facts,
        _epoch_ns(events.facts.get("baseTimeNanoseconds"), zero_us),
        dict(found.left_out.most_common()),
        found.unreadable + events.unreadable,
        begins_missing,
        events.cut_short,
    )  # fmt: skip


_HOST_COLUMNS: Final = ("start", "end", "ended", *(name for name in RANGE_COLUMNS if not name.endswith("us")))


def _spans(k: dict[str, Column], host: Ranges) -> tuple[tuple[Column, Column], tuple[Column, Column]]:
    return (k["start"], k["end"]), (host.start, host.end)


def _ns(columns: dict[str, NDArray[np.float64]], zero_us: float) -> dict[str, Column]:
    """The columns as whole numbers; `start` in ns from the zero, and, where durations are told, `end` and `ended`."""
    found = {name: column.astype(np.int64) for name, column in columns.items() if not name.endswith("us")}
    start_us = columns["start_us"]
    # Whole µs first: a moment since 1970 in ns is beyond what a float64 holds exactly.
    whole, zero = np.floor(start_us), np.floor(zero_us) if np.isfinite(zero_us) else 0.0
    rest_ns = np.rint((start_us - whole) * 1000.0).astype(np.int64)
    zero_ns = int(np.rint((zero_us - zero) * 1000.0)) if np.isfinite(zero_us) else 0
    found["start"] = (whole - zero).astype(np.int64) * 1000 + rest_ns - zero_ns
    if "us" in columns:
        us = columns["us"]
        found["ended"] = (us >= 0).astype(np.int64)
        # A range without an end is given one by what is around it (`nesting.nested`), a kernel none.
        lasted = np.rint(np.maximum(us, 0.0) * 1000.0).astype(np.int64)
        unknown = found["start"] if "stream" in columns else np.int64(-1)
        found["end"] = np.where(us >= 0, found["start"] + lasted, unknown)
    return found


def _steps_of_kernels(
    k: dict[str, Column], launched_in: Column, host: Ranges, steps: Steps, spans: dict[str, Column]
) -> Column:
    """The step in whose time each kernel was launched; where its launch was not told, that of the step's span on its
    own stream.
    """
    found = np.full(len(k["start"]), -1, np.int64)
    if not len(steps):
        return found
    known = launched_in >= 0
    found[known] = steps_at(host.start[launched_in[known]], steps.start, steps.end)
    names = {number: step for step, number in enumerate(host.name[steps.rows].tolist())}
    if len(names) < len(steps) or not len(spans["start"]):  # the same name for several steps tells nothing
        return found
    spans = {**spans, "place": spans["device"] * 2**32 + spans["stream"]}
    of_step = np.array([names.get(number, -1) for number in spans["name"].tolist()], np.int64)
    by_span = steps_by_spans(k["start"], k["device"] * 2**32 + k["stream"], spans, of_step)
    return np.where(known, found, by_span)


def _epoch_ns(base: object, zero_us: float) -> int | None:
    if type(base) is int and 0 < base < 2**62:
        return max(0, base + int(zero_us * 1000))
    return int(zero_us) * 1000 if zero_us > ABSOLUTE_US else None
