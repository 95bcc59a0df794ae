"""Fills a Session from a session file: the columns in bulk, and the file itself as the source of the blobs."""

from __future__ import annotations

from typing import Any, Final, cast

import numpy as np
from numpy.typing import NDArray

from engine.session.json_texts import json_of
from engine.session.pack_index import rows_of
from engine.session.packs import TOTALS, Column, Words
from engine.session.reader import SessionFile
from engine.session.store import (
    BLOCK_EVENTS,
    LAUNCHES,
    STEP_INTS,
    STEP_KINDS,
    TOKEN_SOURCES,
    Config,
    Mark,
    Request,
    Session,
)

CODES = {"source": TOKEN_SOURCES, "event": BLOCK_EVENTS}
"""Columns of words that a Session keeps as numbers, and what the numbers stand for."""
MOST_KERNELS: Final = 256
"""Different names of attention kernels."""
SINCE: Final = {"draft_kv_used_bytes": 0, "draft_kv_reserved_bytes": 0, "kv_held_bytes": -1, "kv_kept_bytes": -1}
"""Columns of steps that files written before there were these do not have, and what they say then at every step."""


def load(file: SessionFile) -> Session:
    """The Session of a file, as it was committed at one moment.

    Raises SessionFileError, and KeyError, ValueError or TypeError where the content makes no sense.
    """
    session = Session(file)
    file.query("BEGIN")  # one moment for all tables, also while the file is being written
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
        for name in ("work", "speculation", "kv_blocks", "device_samples"):
            _load_plain(file, session, name)
        session.know_attention(file.attention_maps())
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
    for row in file.query(
        "SELECT id, prompt, prompt_token_ids, prompt_token_texts, params, arrived_ns, scheduled_ns, first_token_ns, "
        "finished_ns, finish_reason FROM requests ORDER BY rowid"
    ):
        ids = np.frombuffer(row[2], np.int32).tolist()
        texts = json_of(row[3], f"the tokens of request {row[0]}")
        request = Request(row[0], row[1], ids, texts, json_of(row[4], f"the parameters of request {row[0]}"), *row[5:])
        session.requests.add(request.id, request)


def _load_steps(file: SessionFile, session: Session) -> None:
    packs = file.packs("steps")
    session.steps.reserve(rows_of(packs))
    session.phases.reserve(rows_of(packs))
    for columns in file.columns("steps", packs):
        kind, kernel = cast(Words, columns["kind"]), cast(Words, columns["attention_kernel"])
        session.attention_kernels += [word for word in kernel.words if word not in session.attention_kernels]
        if len(session.attention_kernels) > MOST_KERNELS:
            raise ValueError("steps.attention_kernel has too many different names")
        session.phases.extend_columns({"us": cast("NDArray[Any]", columns[TOTALS])})
        launch = cast(Words | None, columns.get("launch"))  # files from before there were graphs have no such column
        session.steps.extend_columns(
            {name: cast("NDArray[Any]", columns[name]) for name in STEP_INTS if name in columns or name not in SINCE}
            | {name: np.full(len(kind), SINCE[name], np.int64) for name in SINCE.keys() - columns.keys()}
            | {"kind": kind.as_codes(STEP_KINDS), "attention_kernel": kernel.as_codes(session.attention_kernels)}
            | {"launch": np.zeros(len(kind), np.uint8) if launch is None else launch.as_codes(LAUNCHES)}
        )


def _load_tokens(file: SessionFile, session: Session) -> None:
    packs = file.packs("tokens")
    session.tokens.reserve(rows_of(packs))
    texts: dict[str, str] = {}
    for columns in file.columns("tokens", packs):
        first_row = len(session.tokens)
        session.tokens.extend_columns({name: _array(name, column, texts) for name, column in columns.items()})
        requests = cast("NDArray[Any]", columns["request_id"])
        rows = np.argsort(requests, kind="stable")  # rows of one request stay in the order they were emitted in
        ids, starts = np.unique(requests[rows], return_index=True)
        for request_id, part in zip(ids.tolist(), np.split(rows + first_row, starts[1:]), strict=True):
            if request_id not in session.requests:
                raise ValueError(f"its tokens belong to request {request_id}, which is not there")
            session.requests[request_id].token_rows += part.tolist()


def _load_plain(file: SessionFile, session: Session, name: str) -> None:
    table = getattr(session, name)
    packs = file.packs(name)
    table.reserve(rows_of(packs))
    known: dict[str, str] = {}
    for columns in file.columns(name, packs):
        table.extend_columns({column: _array(column, values, known) for column, values in columns.items()})


def _array(name: str, column: Column, known: dict[str, str]) -> NDArray[Any]:
    """A column as a Session keeps it."""
    if not isinstance(column, Words):
        return column
    return column.as_codes(CODES[name]) if name in CODES else column.as_objects(known)
