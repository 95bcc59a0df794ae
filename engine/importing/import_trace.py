"""Imports a trace of PyTorch's profiler: makes a session file of it, which opens like any other."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from itertools import islice
from pathlib import Path
from typing import Any, Final

import numpy as np
from msgspec.structs import replace

from engine import leftovers
from engine.errors import SessionFileError
from engine.importing.collected import KERNEL_KINDS, RANGE_KINDS
from engine.importing.read_trace import Trace, read_trace
from engine.importing.step_times import device_times, host_times
from engine.importing.trace_text import Progress, TraceError
from engine.plain_text import one_line, path_text, utf8
from engine.session.patience import Patience
from engine.session.schema import PHASES, AnyEvent, Kernel, Range, SessionStarted, Step, TraceName
from engine.session.serving import NO_STEPS_TRACED, NOT_TRACED, TOPICS, Serving, Topic
from engine.session.serving import as_fact as serving_fact
from engine.session.trace_fact import MOST_KINDS, TraceFact
from engine.session.trace_fact import as_fact as trace_fact
from engine.session.writer import SessionWriter

KIND: Final = "PyTorch profiler"
CLOCK: Final = "the profiler's clock"
AT_ONCE: Final = 4096
READ_SHARE: Final = 0.6
"""Share of the work that is reading; the rest is writing the file."""
NO_PROGRESS: Final[Progress] = lambda _share: None  # noqa: E731


def import_trace(
    path: str | os.PathLike[str], target: Path, patience: Patience | None = None, progress: Progress = NO_PROGRESS
) -> None:
    """Make a session file at `target` of the trace at `path`. It is there completely or not at all.

    Raises TraceError, whose message says what is wrong with the trace, or that `patience` was given up, and
    SessionFileError where the file cannot be written.
    """
    patience = patience or Patience()
    trace = read_trace(Path(path), patience, lambda share: progress(share * READ_SHARE))
    own = os.stat(path)
    fact = TraceFact(one_line(Path(path).name), own.st_size, own.st_mtime_ns)
    events = events_of(trace, fact)
    total = len(trace.kernels) + len(trace.ranges) + len(trace.steps) + len(trace.names) + 1
    try:
        with leftovers.folder(beside=target.parent) as folder:
            unfinished = folder / target.name
            with SessionWriter(unfinished) as writer:
                written = 0
                while batch := list(islice(events, AT_ONCE)):
                    if patience.over:
                        raise TraceError(f"Reading {path_text(path)} was given up.")
                    writer.append(batch)
                    written += len(batch)
                    progress(READ_SHARE + (1 - READ_SHARE) * written / total)
            unfinished.replace(target)
    except OSError as error:
        raise SessionFileError(f"The session file {target} cannot be written: {error.strerror}.") from error


def events_of(trace: Trace, fact: TraceFact) -> Iterator[AnyEvent]:
    """A trace as the events of a session; `fact` says which file it is."""
    yield SessionStarted(_facts(trace, fact))
    for id, name in enumerate(trace.names):
        yield TraceName(id, utf8(name))
    yield from _steps(trace)
    yield from _ranges(trace)
    yield from _kernels(trace)


def _facts(trace: Trace, fact: TraceFact) -> dict[str, str]:
    """The rows of `meta`."""
    told: set[Topic] = set()
    if len(trace.steps):
        told |= {"steps", "phases"}
        if trace.steps.kinds_told:
            told.add("step_kinds")
        if len(trace.kernels):
            told.add("device_time")
    not_told: dict[Topic, str] = {}
    topic: Any
    for topic in TOPICS:
        if topic not in told:
            of_steps = topic in ("steps", "phases") and not len(trace.steps)
            not_told[topic] = NO_STEPS_TRACED if of_steps else NOT_TRACED
    serving = Serving(KIND, "", fact.file, ("trace",), not_told, {"trace": CLOCK})
    kinds = dict(list(trace.left_out.items())[:MOST_KINDS])
    whole = replace(
        fact, steps_by=trace.steps.made_of, phases_by="device" if len(trace.kernels) else "host",
        kinds_told=trace.steps.kinds_told, left_out=kinds, unreadable=trace.unreadable,
        ends_missing=trace.ends_missing, begins_missing=trace.begins_missing, cut_short=trace.cut_short,
    )  # fmt: skip
    facts = {"serving": serving_fact(serving), "trace": trace_fact(whole), "model": "", "model_config": "{}"}
    facts |= {"detail": "phase" if len(trace.steps) else "off", "versions": json.dumps(_versions(trace.facts))}
    facts |= _device(trace.facts) if len(trace.kernels) else {}
    return facts if trace.epoch_ns is None else {**facts, "epoch_ns": str(trace.epoch_ns)}


def _versions(facts: dict[str, Any]) -> dict[str, str]:
    try:
        own = version("decodescope")
    except PackageNotFoundError:
        own = "unknown"
    names = ("schemaVersion", "cuda_runtime_version", "cuda_driver_version", "hip_runtime_version")
    return {"decodescope": own, **{name: str(facts[name]) for name in names if type(facts.get(name)) is int}}


def _device(facts: dict[str, Any]) -> dict[str, str]:
    """What the trace tells of the first device, if anything."""
    listed = facts.get("deviceProperties")
    found = listed[0] if isinstance(listed, list) and listed and isinstance(listed[0], dict) else {}
    name, memory = found.get("name"), found.get("totalGlobalMem")
    told = {"device": "cuda"}
    if isinstance(name, str) and name:
        told["device_name"] = one_line(name)
    if type(memory) is int and 0 < memory < 2**50:
        told["device_memory_bytes"] = str(memory)
    return told


def _steps(trace: Trace) -> Iterator[Step]:
    steps, kernels = trace.steps, trace.kernels
    if len(kernels):
        busy, by_phase = device_times(steps, kernels.start, kernels.end, kernels.phase)
        device_ns = busy.tolist()
    else:
        by_phase = host_times(steps, trace.ranges, trace.range_steps, trace.range_phases)
        device_ns = [-1] * len(steps)
    by_phase[:, PHASES.index("other")] = 0.0  # what is left of a step is `other`, whatever it was
    us = (by_phase / 1000.0).astype(np.float32)
    spans = zip(steps.start.tolist(), steps.end.tolist(), steps.kinds, device_ns, strict=True)
    for id, (start, end, kind, device) in enumerate(spans):
        yield Step(
            id, 0, kind, start, end, device, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, "", us[id].tobytes(), b"",
            told_by="trace",
        )  # fmt: skip


def _ranges(trace: Trace) -> Iterator[Range]:
    ranges = trace.ranges
    columns = (
        trace.range_steps, ranges.parent, ranges.name, ranges.thread, ranges.kind, trace.range_phases, ranges.depth,
        ranges.start, ranges.end, ranges.own, ranges.ended,
    )  # fmt: skip
    rows = zip(*map(_in_parts, columns), strict=True)
    for id, (step, parent, name, thread, kind, phase, depth, start, end, own, ended) in enumerate(rows):
        told = "told" if ended else "missing"
        yield Range(id, step, parent, name, thread, RANGE_KINDS[kind], PHASES[phase], depth, start, end, own, told)  # type: ignore[arg-type]


def _kernels(trace: Trace) -> Iterator[Kernel]:
    k, shapes = trace.kernels, trace.shapes
    columns = (
        k.step, k.launched_in, k.name, k.kind, k.phase, k.device, k.stream, k.start, k.end, k.correlation, k.moved,
        k.shape, k.ended,
    )  # fmt: skip
    rows = zip(*map(_in_parts, columns), strict=True)
    for id, (step, within, name, kind, phase, device, stream, start, end, launch, moved, shape, ended) in enumerate(
        rows
    ):
        grid, block = shapes[shape]
        yield Kernel(
            id, step, within, name, KERNEL_KINDS[kind], PHASES[phase], device, stream, start, end, launch, moved, grid,
            block, "told" if ended else "missing",
        )  # fmt: skip


def _in_parts(column: Any) -> Iterator[Any]:
    """The values as plain numbers, some thousand at a time: a list of all would take several times the memory."""
    for first in range(0, len(column), AT_ONCE):
        yield from column[first : first + AT_ONCE].tolist()
