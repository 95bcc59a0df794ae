"""Checks the content of a session file before anything is computed from it.

SQLite stores any value in any column, and a file may be damaged, edited or from somebody else. The readers of a Session
rely on these checks: facts are JSON objects (`checking_facts.py`); rows name steps, requests and settings that exist;
sizes are in their range; and no count or index is larger than the file allows, because arrays are made of that size.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from engine.plain_text import quoted
from engine.session.blobs import MOST_LOGPROB
from engine.session.checking_facts import MOST_HEADS, MOST_LAYERS, check_facts, check_params
from engine.session.checking_precision import check_precision
from engine.session.checking_trace import check_trace
from engine.session.columns import Columns
from engine.session.event_table import EventTable
from engine.session.fields import COUNT, LARGEST, Whole
from engine.session.kv_shape import kv_shape_of
from engine.session.phases import MOST_US
from engine.session.store import RecordedRequest, Session

MOST_REQUESTS: Final = 2**22
"""Above every request id. The figures keep a request id and a step id together in one integer of 64 bits."""
MOST_SLOTS: Final = 2**16
"""Above every batch slot; the switch `max_batch` goes up to 4096."""
MOST_BLOCKS: Final = 2**22
"""The most blocks of a paged cache: 64 million positions in blocks of 16."""
MOST_NATS: Final = 1e6
"""Above every entropy: the entropy of a token is at most the logarithm of the vocabulary's size."""


def check_content(session: Session) -> None:
    """Raise ValueError, which says what is wrong, where the content of a loaded session makes no sense."""
    check_facts(session)
    for request in session.requests.values():
        _check_request(request)
    for mark in session.marks:
        _require(_is_time(mark.t_ns), "the time of a mark is none")
        _require(isinstance(mark.kind, str) and isinstance(mark.label, str), "a mark is no text")
    for token_id, text in session.token_texts.items():
        _require(0 <= token_id <= COUNT and isinstance(text, str), f"the text of token {quoted(token_id)} is none")
    _check_steps(session)
    _check_tokens(session)
    _check_work(session)
    _check_blocks(session)
    _check_rest(session)
    for table in (session.kernels, session.ranges, *session.precision):
        _check_numbers(table)
    check_trace(session)
    check_precision(session)


def _check_request(request: RecordedRequest) -> None:
    name = f"request {request.id}"
    _require(0 <= request.id < MOST_REQUESTS, f"the number of {name} should be from 0 to {MOST_REQUESTS - 1}")
    _require(isinstance(request.prompt, str), f"the prompt of {name} is no text")
    check_params(request.params, name)
    texts: Any = request.prompt_token_texts
    _require(
        isinstance(texts, list) and all(isinstance(text, str) for text in texts), f"the tokens of {name} are no texts"
    )
    _require(_is_time(request.arrived_ns), f"the arrival of {name} is no time")
    for time_ns in (request.scheduled_ns, request.first_token_ns, request.finished_ns):
        _require(time_ns is None or _is_time(time_ns), f"a time of {name} is none")
    _require(_is_time(request.before_ns), f"the time before the recording of {name} is none")
    _require(request.finish_reason is None or isinstance(request.finish_reason, str), f"why {name} ended is no text")


def _check_steps(session: Session) -> None:
    steps = session.steps
    count = len(steps)
    _require(bool((steps["id"] == np.arange(count)).all()), "steps are missing")
    _within("steps.config_id", steps["config_id"], 0, max(0, len(session.configs) - 1))
    _check_numbers(steps)
    _require(bool((steps["end_ns"] >= steps["start_ns"]).all()), "a step ends before it starts")
    for name in ("start_ns", "end_ns"):
        _require(_ascending(steps[name]), "steps are not in the order of their times")
    _summable("the time of all steps", steps["end_ns"] - steps["start_ns"])
    us = session.phases["us"]  # NaN fails both comparisons
    known = float(us.min(initial=0)) >= -MOST_US and float(us.max(initial=0)) <= MOST_US
    _require(known, "steps.phases holds what is no time")


def _check_tokens(session: Session) -> None:
    tokens = session.tokens
    if len(session.steps):
        _of_steps("tokens", tokens, len(session.steps) - 1)
    else:  # a server that tells no steps
        _within("tokens.step_id", tokens["step_id"], -1, -1)
    _within("tokens.id", tokens["id"], 0, LARGEST)
    _check_numbers(tokens)
    # NaN is allowed: it means "not known", or the model itself computed it.
    _require(not (tokens["logprob"] > MOST_LOGPROB).any(), "tokens.logprob holds what is no logarithm of a probability")
    _require(not (np.abs(tokens["entropy"]) > MOST_NATS).any(), "tokens.entropy holds what is no entropy")


def _check_work(session: Session) -> None:
    work = session.work
    # The last work of a run that was stopped belongs to a step that was never recorded: its id is one past the last.
    _of_steps("work", work, len(session.steps))
    _of_requests("work", work, session)
    # A slot is used only when the slots before it are taken, so slot n needs at least n other rows.
    _within("work.slot", work["slot"], 0, min(MOST_SLOTS, max(0, len(work) - 1)))
    _check_numbers(work)
    _require(bool((work["first"] <= work["end"]).all()), "work.end should not be before work.first")
    inside = work["rejected"] <= work["end"] - work["first"]
    _require(bool(inside.all()), "work.rejected should not be more than was computed")
    squares = work["end"].astype(np.float64) ** 2
    _require(float(squares.sum()) < LARGEST, "work.end is too large in all")


def _check_blocks(session: Session) -> None:
    blocks = session.kv_blocks
    _within("kv_blocks.step_id", blocks["step_id"], 0, len(session.steps))
    _check_numbers(blocks)
    # Blocks are numbered in the order of their first allocation, and each allocation is a row.
    _within("kv_blocks.block", blocks["block"], 0, len(blocks))
    _of_requests("kv_blocks", blocks, session)
    shape = kv_shape_of(session.model_config)
    position = shape.total_bytes(1) if shape is not None else 0
    sizes = [int(config.switches.get("block_size", 1)) for config in session.configs]
    if len(blocks) and position:
        reserved = int(session.steps["kv_reserved_bytes"].max(initial=0))
        most = reserved // (position * min(sizes, default=1))
        _require(most <= MOST_BLOCKS, f"steps.kv_reserved_bytes would be {most} blocks")


def _check_rest(session: Session) -> None:
    drafts = session.speculation
    _within("speculation.step_id", drafts["step_id"], 0, len(session.steps) - 1)
    _of_requests("speculation", drafts, session)
    _check_numbers(drafts)
    _require(bool((drafts["accepted"] <= drafts["proposed"]).all()), "more drafts were accepted than proposed")
    samples = session.device_samples
    _check_numbers(samples)
    sizes = np.abs(samples["value"])
    _require(bool((sizes <= float(LARGEST)).all()), "a reading of a device is no number")
    readings = session.metric_samples
    _check_numbers(readings)
    finite = np.isfinite(readings["value"])
    _require(bool(finite.all()), "a reading of a server's counter is no number")
    layers = int(session.model_config.get("layers", 0)) or MOST_LAYERS
    heads = int(session.model_config.get("heads", 0)) or MOST_HEADS
    for request, layer, head in session.details.attention_maps():
        _require(request in session.requests, f"an attention map is of request {quoted(request)}, which is not there")
        _require(0 <= layer < layers, f"attention.layer should be from 0 to {layers - 1}")
        _require(0 <= head < heads, f"attention.head should be from 0 to {heads - 1}")


def _of_steps(table: str, rows: Columns, last: int) -> None:
    """Raise ValueError unless rows name steps up to `last` and are in step order, by which readers search them."""
    _within(f"{table}.step_id", rows["step_id"], 0, last)
    _require(_ascending(rows["step_id"]), f"{table} do not stand in the order of their steps")


def _of_requests(table: str, rows: Columns, session: Session) -> None:
    """Raise ValueError unless rows name requests that exist, or -1 (no request)."""
    for request in np.unique(rows["request_id"]).tolist():
        if request != -1 and request not in session.requests:
            raise ValueError(f"{table}.request_id names request {request}, which is not there")


def _check_numbers(rows: EventTable) -> None:
    """Raise ValueError where a whole number is outside the range that its field declares (`fields.Whole`)."""
    for field in rows.fields:
        if isinstance(field.held, Whole):
            name, values = f"{rows.table}.{field.name}", rows[field.name]
            _within(name, values, field.held.least, field.held.most)
            if field.held.summed:
                _summable(name, values)


def _summable(name: str, values: NDArray[np.int64]) -> None:
    """Raise ValueError where the sum does not fit into a signed integer of 64 bits."""
    if int(values.max(initial=0)) * len(values) >= LARGEST:
        _require(float(values.sum(dtype=np.float64)) < float(LARGEST), f"{name} is too large in all")


def _ascending(values: NDArray[np.int64]) -> bool:
    return bool((values[1:] >= values[:-1]).all())


def _is_time(value: Any) -> bool:
    return type(value) is int and 0 <= value <= LARGEST


def _within(name: str, values: NDArray[Any], least: int, most: int) -> None:
    """Raise ValueError unless least <= values <= most."""
    if len(values) and not (least <= int(values.min()) and int(values.max()) <= most):
        raise ValueError(f"{name} should be from {least} to {most}")


def _require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise ValueError(otherwise)
