"""The tables of a session as other programs read them, with the blobs as columns or rows: what CSV and Parquet hold.

`steps` has a column for each phase (µs, summing to the step's wall time). `step_layers` has a row for each step and
layer, `attention` one for each map and query position. A value that nobody told is None.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np

from engine.export.span import Span
from engine.figures.metrics import phase_table_s
from engine.figures.told import told
from engine.session.event_table import EventTable
from engine.session.schema import PHASES
from engine.session.store import RecordedRequest
from engine.session.tables import COLUMNS

Kind = Literal["whole", "number", "text", "json", "wholes", "texts", "numbers", "alternatives"]
"""What the values of a column are: an int, a float, a str, plain values that are written as JSON, lists of the first
three, or pairs of token id and logprob, best first."""
PHASE_COLUMNS: Final[dict[str, Kind]] = {f"{phase}_us": "number" for phase in PHASES}
STEPS_AT_ONCE: Final = 4096


@dataclass(frozen=True, slots=True)
class Content:
    """One table: its columns in order, and its rows."""

    name: str
    columns: Mapping[str, Kind]
    rows: Iterable[Sequence[Any]]


def contents(span: Span) -> Iterator[Content]:
    """Every table of a session, or of a range of its steps."""
    session = span.session
    yield Content("meta", {"key": "text", "value": "text"}, span.facts.items())
    configs = ((one.id, one.step_id, one.switches) for one in span.configs())
    yield Content("configs", {"id": "whole", "step_id": "whole", "switches": "json"}, configs)
    yield Content("requests", REQUEST_COLUMNS, map(_request, span.requests()))
    yield Content("steps", {**_columns(session.steps), **PHASE_COLUMNS}, _steps(span))
    yield Content("step_layers", STEP_LAYER_COLUMNS, _step_layers(span))
    yield Content("tokens", {**_columns(session.tokens), "alternatives": "alternatives"}, _tokens(span))
    yield Content("token_texts", {"token_id": "whole", "text": "text"}, sorted(session.token_texts.items()))
    for table in (session.work, session.speculation, session.kv_blocks):
        yield Content(table.table, _columns(table), plain_rows(span, table))
    yield Content("attention", ATTENTION_COLUMNS, _attention(span))
    for table in (session.device_samples, session.metric_samples):
        names = COLUMNS[table.table]
        yield Content(table.table, _columns(table, names), plain_rows(span, table, names))
    yield Content("trace_names", {"id": "whole", "text": "text"}, enumerate(session.trace_names))
    for table in (session.kernels, session.ranges):
        names = COLUMNS[table.table]
        yield Content(table.table, _columns(table, names), plain_rows(span, table, names))
    for table in session.precision:
        names = COLUMNS[table.table]
        yield Content(table.table, _columns(table, names), plain_rows(span, table, names))
    marks = ((mark.t_ns, mark.kind, mark.label) for mark in span.marks())
    yield Content("marks", {"t_ns": "whole", "kind": "text", "label": "text"}, marks)


REQUEST_COLUMNS: Final[dict[str, Kind]] = {
    "id": "whole", "prompt": "text", "prompt_tokens": "whole", "params": "json", "arrived_ns": "whole",
    "scheduled_ns": "whole", "first_token_ns": "whole", "finished_ns": "whole", "finish_reason": "text",
    "prompt_token_ids": "wholes", "prompt_token_texts": "texts", "told_by": "text", "before_ns": "whole",
    "begun_before": "whole",
}  # fmt: skip
STEP_LAYER_COLUMNS: Final[dict[str, Kind]] = {
    "step_id": "whole", "layer": "whole", "kv_used_bytes": "whole", "kv_reserved_bytes": "whole", **PHASE_COLUMNS,
}  # fmt: skip
ATTENTION_COLUMNS: Final[dict[str, Kind]] = {
    "request_id": "whole", "layer": "whole", "head": "whole", "step_id": "whole", "position": "whole",
    "probs": "numbers",
}  # fmt: skip


def _request(request: RecordedRequest) -> Sequence[Any]:
    return (
        request.id, request.prompt, request.prompt_tokens, request.params, request.arrived_ns, request.scheduled_ns,
        request.first_token_ns, request.finished_ns, request.finish_reason, request.prompt_token_ids,
        request.prompt_token_texts, request.told_by, request.before_ns, int(request.begun_before),
    )  # fmt: skip


def _columns(table: EventTable, names: Sequence[str] = ()) -> dict[str, Kind]:
    """The columns of a table in the order of `names` or their own; codes of words are written as the words."""
    kinds: dict[type, Kind] = {int: "whole", float: "number", str: "text"}
    by_name = {field.name: kinds[field.type] for field in table.fields}
    return {name: by_name[name] for name in names or table.names}


def plain_rows(span: Span, table: EventTable, names: Sequence[str] = ()) -> Iterator[Sequence[Any]]:
    """The rows of a table that lie in the span, in the order of `names` or its own columns; codes as their words."""
    rows = span.rows(table)
    columns = []
    for name in names or table.names:
        values, words = table[name][rows].tolist(), table.words.get(name)
        columns.append(values if words is None else [words[value] for value in values])
    return zip(*columns, strict=True)


def _steps(span: Span) -> Iterator[Sequence[Any]]:
    rows = plain_rows(span, span.session.steps)
    ids = span.step_ids
    if not told(span.session, "phases"):
        yield from ((*row, *(None for _ in PHASES)) for row in rows)
        return
    for first in range(ids.start, ids.stop, STEPS_AT_ONCE):
        table_s = phase_table_s(span.session, (first, min(first + STEPS_AT_ONCE, ids.stop) - 1))
        # The phases come first: zip then ends each piece without taking a row of the next.
        for phases, row in zip(np.round(table_s * 1e6, 3).tolist(), rows, strict=False):
            yield (*row, *phases)


def _tokens(span: Span) -> Iterator[Sequence[Any]]:
    table = span.session.tokens
    at = table.names.index("id")
    for row in plain_rows(span, table):
        ids, logprobs = span.session.details.alternatives(row[at])
        yield (*row, list(zip(ids.tolist(), logprobs.tolist(), strict=True)))


def _step_layers(span: Span) -> Iterator[Sequence[Any]]:
    for step in span.step_ids:
        detail = span.session.details.step(step)
        if detail is None:
            continue
        phases, kv = detail
        for layer, (used, reserved) in enumerate(kv.tolist()):
            times = np.round(phases[layer], 3).tolist() if layer < len(phases) else [None] * len(PHASES)
            yield (step, layer, used, reserved, *times)


def _attention(span: Span) -> Iterator[Sequence[Any]]:
    for request_id, layer, head in span.session.details.attention_maps():
        for step_id, position, probs in span.session.details.attention_map(request_id, layer, head):
            if span.holds_step(step_id):
                weights = np.frombuffer(probs, np.float16).tolist()
                yield request_id, layer, head, step_id, position, weights
