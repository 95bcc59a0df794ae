"""Chrome trace events (JSON, gzipped where the name ends in .gz): for chrome://tracing, Perfetto's UI, Speedscope.

Times are µs from the session's zero, also where only a range of steps is written; requests and pauses are then cut to
the range's time. `baseTimeNanoseconds` is that zero in UTC nanoseconds since 1970, as in the traces of PyTorch's
profiler, for tools that put several traces beside each other at their wall time (Perfetto does not read it; its own
format has the snapshot of `perfetto.py`). Rules kept (tested by a parser): slices of one thread nest; overlapping
requests are async pairs; counters are numeric; flows start and end inside slices. Reference: the "Trace Event Format"
document.
"""

from __future__ import annotations

import gzip
import io
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import groupby
from typing import IO, Any, Final

import numpy as np

from engine.errors import SessionFileError
from engine.export.chrome_lanes import process_lane, thread_lane
from engine.export.chrome_layers import LAYER_PHASES, LAYERS, layer_slices, layered_steps
from engine.export.chrome_trace import trace_events
from engine.export.readable import slice_name
from engine.export.span import Span
from engine.export.whole import replacing
from engine.figures.metrics import OTHER, phase_table_s
from engine.figures.pauses import pauses_of
from engine.figures.server_series import SERVER_FIGURES, ServerSeries
from engine.figures.step_range import StepRange
from engine.figures.told import column_told, told
from engine.session.json_text import json_text
from engine.session.schema import GROUP_OF, PHASES
from engine.session.store import LAUNCHES, STEP_KINDS, TOKEN_SOURCES, RecordedRequest, Session

ENGINE, REQUESTS, DEVICE = 1, 2, 3
"""Process ids: the engine's lanes, the requests, the devices."""
STEPS, PHASE_LANE, TOKENS, DEVICE_LANE, PAUSE_LANE, LAYER_LANE, LAYER_PHASE_LANE = 1, 2, 3, 4, 5, 6, 7
"""Thread ids inside the engine's process."""
PHASES_NAME: Final = "phases (shares, not order)"
CLASSES: Final = ("new", "recomputed", "padding", "rejected")
LAYER_LANES: Final = ({"pid": ENGINE, "tid": LAYER_LANE}, {"pid": ENGINE, "tid": LAYER_PHASE_LANE})
STEPS_AT_ONCE: Final = 4096
BUSY_RATE: Final = "tokens/s while busy"
"""The counter of tokens over the time of each step alone; the rate of the run also counts the time between steps."""

Json = dict[str, Any]


def write_chrome(session: Session, path: str | os.PathLike[str], steps: StepRange = None) -> None:
    """Write a session, or a range of its steps, as a Chrome trace, event by event.

    Raises SessionFileError where `path` cannot be written.
    """
    span = Span(session, steps)
    try:
        with _open(path) as file:
            zero_ns = span.zero_ns
            base = "" if zero_ns is None else f'"baseTimeNanoseconds":{zero_ns},'
            file.write(f'{{"displayTimeUnit":"ms",{base}"otherData":')
            file.write(json_text(span.facts, ascii_only=True))
            file.write(',"traceEvents":[\n')
            separator = ""
            for event in events(span):
                file.write(separator + json_text(event, ascii_only=True, compact=True))
                separator = ",\n"
            file.write("\n]}\n")
    except OSError as error:
        raise SessionFileError(f"The trace {path} cannot be written: {error.strerror}.") from error


def events(span: Span) -> Iterator[Json]:
    """Every trace event of a session, or of a range of its steps; metadata first."""
    session, ids = span.session, span.step_ids
    yield from _metadata(span)
    for start in range(ids.start, ids.stop, STEPS_AT_ONCE):
        yield from _steps(session, start, min(start + STEPS_AT_ONCE, ids.stop) - 1)
    yield from _tokens(span) if told(session, "steps") else ()
    yield from _requests(span)
    yield from _samples(span)
    yield from _server(span)
    yield from _pauses(span)
    yield from trace_events(span)
    for mark in span.marks():
        name = f"{mark.kind}: {mark.label}" if mark.label else mark.kind
        yield {"ph": "i", "s": "g", "name": name, "cat": "mark", "pid": ENGINE, "tid": STEPS, "ts": mark.t_ns / 1e3}


def _metadata(span: Span) -> Iterator[Json]:
    session = span.session
    device = session.meta.get("device_name") or session.meta.get("device") or "device"
    device = device if session.serving is None else "server"
    for pid, name in ((ENGINE, f"engine: {session.meta.get('model', '')}"), (REQUESTS, "requests"), (DEVICE, device)):
        yield from process_lane(pid, name)
    lanes = {STEPS: "steps", PHASE_LANE: PHASES_NAME, TOKENS: "tokens"}
    if not told(session, "phases"):
        del lanes[PHASE_LANE]
    if not told(session, "steps"):
        lanes = {STEPS: "steps: not told by this server"}
    if (session.steps["device_ns"] >= 0).any():
        lanes[DEVICE_LANE] = "device"
    if any(True for _ in _pauses(span)):
        lanes[PAUSE_LANE] = "pauses"
    if layered := layered_steps(session):
        more = f", first {layered} steps" if layered < len(span.step_ids) else ""
        lanes |= {LAYER_LANE: LAYERS + more, LAYER_PHASE_LANE: LAYER_PHASES + more}
    for tid, name in lanes.items():
        yield from thread_lane(ENGINE, tid, name)


def _steps(session: Session, first: int, last: int) -> Iterator[Json]:
    """Slices and counters of steps first..last, both included; what a server did not tell is left out."""
    table = session.steps
    named = {
        "attention kernel": ("attention_kernel", session.attention_kernels), "launch": ("launch", LAUNCHES),
    }  # fmt: skip
    words = {name: of for name, of in named.items() if column_told(session, of[0])}
    counted = {"flops": "flops", "bytes moved": "bytes_moved"}
    counts = {name: column for name, column in counted.items() if column_told(session, column)}
    classes = [name for name in CLASSES if column_told(session, f"positions_{name}")]
    phases_told, kv_told = told(session, "phases"), told(session, "kv")
    phases_us = phase_table_s(session, (first, last)) * 1e6
    layered = layered_steps(session)
    of_tokens = session.tokens["step_id"]  # in order
    emitting = set(of_tokens[slice(*np.searchsorted(of_tokens, (first, last + 1)).tolist())].tolist())
    for row, step in enumerate(range(first, last + 1)):
        start_us, end_us = float(table["start_ns"][step]) / 1e3, float(table["end_ns"][step]) / 1e3
        positions = {name: int(table[f"positions_{name}"][step]) for name in classes}
        yield {
            "ph": "X", "name": f"step {step}", "cat": STEP_KINDS[table["kind"][step]], "pid": ENGINE, "tid": STEPS,
            "ts": start_us, "dur": end_us - start_us,
            "args": {
                **positions, "reused": int(table["positions_reused"][step]), "tokens": int(table["tokens_out"][step]),
                **{name: of_code[table[column][step]] for name, (column, of_code) in words.items()},
                **{name: int(table[column][step]) for name, column in counts.items()},
            },
        }  # fmt: skip
        if step in emitting:
            yield {"ph": "s", "id": step, "name": "emits", "cat": "token", "pid": ENGINE, "tid": STEPS, "ts": start_us}
        if phases_told:
            yield from _phases(phases_us[row], start_us, end_us)
        if row < layered:
            yield from layer_slices(session, step, LAYER_LANES)
        device_us = float(table["device_ns"][step]) / 1e3
        if device_us >= 0:
            yield {
                "ph": "X", "name": "busy", "cat": "device", "pid": ENGINE, "tid": DEVICE_LANE, "ts": start_us,
                "dur": min(device_us, end_us - start_us),
                "args": {"place": "schematic: the device's whole time in this step, from the step's start"},
            }  # fmt: skip
        yield _counter("positions", ENGINE, start_us, positions)
        kv = {"used": int(table["kv_used_bytes"][step]), "reserved": int(table["kv_reserved_bytes"][step])}
        if kv_told:
            yield _counter("KV cache (bytes)", ENGINE, end_us, kv)
        load = {"running": int(table["running"][step]), "waiting": int(table["waiting"][step])}
        yield _counter("requests", ENGINE, start_us, load)
        wall_us = end_us - start_us
        speed = float(table["tokens_out"][step]) / wall_us * 1e6 if wall_us > 0 else 0.0
        yield _counter(BUSY_RATE, ENGINE, start_us, {BUSY_RATE: speed})


def _phases(phases_us: np.ndarray, start_us: float, end_us: float) -> Iterator[Json]:
    """A step's phases end to end in the order of PHASES: their durations are measured, their order is schematic."""
    at = start_us
    for index, phase_us in enumerate(phases_us.tolist()):
        duration = min(phase_us, end_us - at)
        if not duration > 0 or index == OTHER:  # also leaves out NaN
            continue
        phase = PHASES[index]
        yield {
            "ph": "X", "name": phase, "cat": GROUP_OF[phase], "pid": ENGINE, "tid": PHASE_LANE, "ts": at,
            "dur": duration, "args": {"order": "schematic: the phase's whole time in this step, all layers"},
        }  # fmt: skip
        at += duration


def _tokens(span: Span) -> Iterator[Json]:
    """For each step that emitted tokens: a slice as long as the step, and the end of the flow from the step's slice."""
    session, ids = span.session, span.step_ids
    table = session.tokens
    count = min(len(table), len(table["step_id"]))
    step_of = table["step_id"][:count]
    for step in np.unique(step_of[(step_of >= ids.start) & (step_of < ids.stop)]).tolist():
        rows = range(*np.searchsorted(step_of, (step, step + 1)).tolist())  # tokens stand in the order of their steps
        start_us, end_us = (float(session.steps[name][step]) / 1e3 for name in ("start_ns", "end_ns"))
        yield {
            "ph": "X", "name": slice_name(session, rows), "cat": "token",
            "pid": ENGINE, "tid": TOKENS,
            "ts": start_us, "dur": end_us - start_us,
            "args": {"tokens": [_token(session, row) for row in rows]},
        }  # fmt: skip
        yield {
            "ph": "f", "bp": "e", "id": step, "name": "emits", "cat": "token", "pid": ENGINE, "tid": TOKENS,
            "ts": start_us,
        }  # fmt: skip


def _token(session: Session, row: int) -> Json:
    """What is known of a token; an id that a server did not tell is left out."""
    table = session.tokens
    token_id = int(table["token_id"][row])
    return {
        "request": int(table["request_id"][row]), **({"id": token_id} if token_id >= 0 else {}),
        "text": table["text"][row], "position": int(table["position"][row]),
        "logprob": _finite(table["logprob"][row]), "entropy": _finite(table["entropy"][row]),
        "source": TOKEN_SOURCES[table["source"][row]],
    }  # fmt: skip


def _chunks(session: Session, request: RecordedRequest) -> Iterator[Json]:
    """The tokens of a request without steps: a moment for each chunk, inside the request's async pair."""
    times = session.tokens["emitted_ns"]
    for t_ns, group in groupby(list(request.token_rows), lambda row: int(times[row])):
        rows = list(group)
        yield {
            "ph": "n", "name": slice_name(session, rows), "ts": t_ns / 1e3,
            "args": {"tokens in one chunk": len(rows), "tokens": [_token(session, row) for row in rows]},
        }  # fmt: skip


def _requests(span: Span) -> Iterator[Json]:
    """Each request as an async pair from arrival to its end, with its wait for the scheduler nested inside; in a range
    of steps only as long as the range lasts.

    Where no steps are told, its chunks of tokens are inside too.
    """
    session, (since_ns, until_ns) = span.session, span.times_ns
    last_ns = int(session.steps["end_ns"].max()) if len(session.steps) else 0
    last_ns = max(last_ns, int(session.tokens["emitted_ns"].max(initial=0)))
    for request in span.requests():
        arrived_ns = max(request.arrived_ns, since_ns)
        end_ns = request.finished_ns if request.finished_ns is not None else max(last_ns, request.arrived_ns)
        end_ns = min(end_ns, until_ns)
        common = {"cat": "request", "id": request.id, "pid": REQUESTS, "tid": 0}
        name = f"request {request.id}"
        arguments = {
            "prompt": request.prompt, "prompt tokens": request.prompt_tokens,
            "tokens": len(span.tokens_of(request)), "finish reason": request.finish_reason or "unfinished",
        }  # fmt: skip
        yield {"ph": "b", "name": name, "ts": arrived_ns / 1e3, "args": arguments, **common}
        if request.scheduled_ns is not None and request.scheduled_ns >= since_ns:
            yield {"ph": "b", "name": "waiting", "ts": arrived_ns / 1e3, **common}
            yield {"ph": "e", "name": "waiting", "ts": min(request.scheduled_ns, until_ns) / 1e3, **common}
        if not told(session, "steps"):
            yield from ({**one, **common} for one in _chunks(session, request))
        yield {"ph": "e", "name": name, "ts": end_ns / 1e3, **common}


def _samples(span: Span) -> Iterator[Json]:
    table = span.session.device_samples
    rows = span.rows(table)
    for t_ns, device, name, value in zip(
        *(table[c][rows].tolist() for c in ("t_ns", "device", "name", "value")), strict=True
    ):
        if np.isfinite(value):  # JSON has no NaN and no infinity
            yield _counter(f"{device}: {name}", DEVICE, t_ns / 1e3, {name: value})


def _server(span: Span) -> Iterator[Json]:
    """What the server's own counters say, as counters beside those of the steps."""
    since_ns, until_ns = span.times_ns
    series = ServerSeries(span.session)
    series.update()
    for figure in SERVER_FIGURES:
        readings = series.reading(figure)
        for t_ns, value in zip(readings.t_ns.tolist(), readings.values.tolist(), strict=True):
            if since_ns <= t_ns <= until_ns:
                yield _counter(f"server: {figure}", DEVICE, t_ns / 1e3, {figure: value})


def _pauses(span: Span) -> Iterator[Json]:
    """A slice for each pause; a pause without an end lasts until the last step or mark."""
    session, (first_ns, end_ns) = span.session, span.times_ns
    pauses = pauses_of(session)
    last_ns = max([*session.steps["end_ns"][-1:].tolist(), *(mark.t_ns for mark in list(session.marks))], default=0)
    for since, until, label in zip(pauses.since_ns.tolist(), pauses.until_ns.tolist(), pauses.labels, strict=True):
        if until < first_ns or since > end_ns:
            continue
        begin, end = max(since, first_ns), min(until, max(last_ns, since), end_ns)
        yield {
            "ph": "X", "name": label or "paused", "cat": "pause", "pid": ENGINE, "tid": PAUSE_LANE, "ts": begin / 1e3,
            "dur": max(0, end - begin) / 1e3,
        }  # fmt: skip


def _counter(name: str, pid: int, ts: float, values: Mapping[str, float]) -> Json:
    return {"ph": "C", "name": name, "pid": pid, "tid": 0, "ts": ts, "args": values}


def _finite(value: float) -> float | None:
    return round(float(value), 6) if np.isfinite(value) else None


@contextmanager
def _open(path: str | os.PathLike[str]) -> Iterator[IO[str]]:
    with replacing(path) as file:
        if str(path).endswith(".gz"):
            with gzip.open(file, "wt", encoding="utf-8", compresslevel=5) as text:
                yield text
        else:
            text = io.TextIOWrapper(file, encoding="utf-8")
            yield text
            text.detach()  # writes the rest and does not close the file: `replacing` still needs it
