"""Fills a Session from a session file: loads the columns in bulk, and makes the file the source of the blobs."""

from __future__ import annotations

from typing import Any, Final, cast

import numpy as np
from numpy.typing import NDArray

from engine.session.event_table import EventTable
from engine.session.json_texts import json_of
from engine.session.pack_index import rows_of
from engine.session.packs import TOTALS
from engine.session.reader import SessionFile
from engine.session.schema import Mark
from engine.session.store import Config, RecordedRequest, Session

ADDED_TO_REQUESTS: Final = {"told_by": "''", "before_ns": "0", "begun_before": "0"}
"""The columns of requests that files of earlier versions lack, and what such a file means."""


def load(file: SessionFile) -> Session:
    """The Session of a file, as it was committed at one moment.

    Raises SessionFileError, and KeyError, ValueError or TypeError where the content makes no sense.
    """
    session = Session(file)
    file.query("BEGIN")  # one transaction: all tables of the same moment
    try:
        session.meta.update(file.query("SELECT key, value FROM meta"))
        session.dropped.update(_object(session.meta.pop("dropped", "{}"), "what was dropped"))
        configs = file.query("SELECT id, step_id, json FROM configs ORDER BY id")
        what = "a setting of the switches"
        session.configs += [Config(id, step_id, json_of(switches, what)) for id, step_id, switches in configs]
        session.marks += [Mark(*row) for row in file.query("SELECT t_ns, kind, label FROM marks ORDER BY rowid")]
        _load_requests(file, session)
        _load_steps(file, session)
        _load_tokens(file, session)
        for table in (session.work, session.speculation, session.kv_blocks, session.device_samples):
            _load_table(file, table)
        if file.columns_there("metric_samples"):  # older files lack the table
            _load_table(file, session.metric_samples)
        if file.columns_there("trace_names"):
            _load_trace_names(file, session)
            _load_table(file, session.kernels)
            _load_table(file, session.ranges)
        if file.columns_there("precision_positions"):
            for table in session.precision:
                _load_table(file, table)
        if file.columns_there("token_texts"):
            session.token_texts.update(file.query("SELECT token_id, text FROM token_texts"))
        session.details.know_attention(file.attention_maps())
    finally:
        file.query("COMMIT")
    session.revision += 1
    return session


def _object(text: object, what: str) -> dict[str, Any]:
    found = json_of(text, what)
    if not isinstance(found, dict):
        raise ValueError(f"{what} is no JSON object")
    return found


def _load_requests(file: SessionFile, session: Session) -> None:
    there = file.columns_there("requests")  # older files lack some columns
    added = ", ".join(name if name in there else before for name, before in ADDED_TO_REQUESTS.items())
    for row in file.query(
        "SELECT id, prompt, prompt_token_ids, prompt_token_texts, params, arrived_ns, scheduled_ns, first_token_ns, "
        f"finished_ns, finish_reason, {added} FROM requests ORDER BY rowid"
    ):
        ids = np.frombuffer(row[2], np.int32).tolist()
        texts = json_of(row[3], f"the tokens of request {row[0]}")
        params = json_of(row[4], f"the parameters of request {row[0]}")
        request = RecordedRequest(row[0], row[1], ids, texts, params, *row[5:])
        request.begun_before = bool(request.begun_before)
        session.requests.add(request.id, request)


def _load_steps(file: SessionFile, session: Session) -> None:
    packs = file.packs("steps")
    session.steps.reserve(rows_of(packs))
    session.phases.reserve(rows_of(packs))
    for columns in file.columns("steps", packs):
        session.phases.extend_columns({"us": cast("NDArray[Any]", columns[TOTALS])})
        session.steps.add_columns(columns)


def _load_tokens(file: SessionFile, session: Session) -> None:
    packs = file.packs("tokens")
    session.tokens.reserve(rows_of(packs))
    for columns in file.columns("tokens", packs):
        first_row = len(session.tokens)
        session.tokens.add_columns(columns)
        requests = cast("NDArray[Any]", columns["request_id"])
        rows = np.argsort(requests, kind="stable")  # stable: rows of one request stay in order
        ids, starts = np.unique(requests[rows], return_index=True)
        for request_id, part in zip(ids.tolist(), np.split(rows + first_row, starts[1:]), strict=True):
            if request_id not in session.requests:
                raise ValueError(f"its tokens belong to request {request_id}, which is not there")
            session.requests[request_id].token_rows += part.tolist()


def _load_trace_names(file: SessionFile, session: Session) -> None:
    for id, text in file.query("SELECT id, text FROM trace_names ORDER BY id"):
        if id != len(session.trace_names) or not isinstance(text, str):
            raise ValueError("names of the trace are missing, or are no texts")
        session.trace_names.append(text)


def _load_table(file: SessionFile, table: EventTable) -> None:
    packs = file.packs(table.table)
    table.reserve(rows_of(packs))
    for columns in file.columns(table.table, packs):
        table.add_columns(columns)
