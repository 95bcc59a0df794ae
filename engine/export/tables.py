"""CSV: a folder with one file for each table of the session; blobs are written as columns or rows."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from engine.errors import SessionFileError
from engine.export.readable import cells
from engine.export.whole import filling
from engine.figures.metrics import by_id, phase_table_s
from engine.figures.told import told
from engine.session.event_table import EventTable
from engine.session.json_text import json_text
from engine.session.schema import PHASES
from engine.session.store import RecordedRequest, Session
from engine.session.tables import COLUMNS


def write_tables(session: Session, folder: str | os.PathLike[str], utf8_mark: bool = False) -> None:
    """Write every table of a session into `folder`, all of them or none.

    Raises SessionFileError where it cannot be written.

    `utf8_mark` begins each file with the mark by which some spreadsheets recognise UTF-8. A text that a spreadsheet
    would run as a formula begins with an apostrophe (`readable.cells`).

    `steps.csv` has a column for each phase (µs, summing to the step's wall time). `step_layers.csv` has a row for each
    step and layer. `tokens.csv` has each token's alternatives as `token id:logprob`, best first;
    `token_texts.csv` has the text of each token id. `attention.csv` has a
    row for each map and query position, its probabilities in one cell, separated by spaces.
    """
    encoding = "utf-8-sig" if utf8_mark else "utf-8"
    try:
        with filling(folder) as target:
            for name, header, rows in _tables(session):
                with (target / f"{name}.csv").open("w", encoding=encoding, newline="") as file:
                    writer = csv.writer(file)
                    writer.writerow(cells(header))
                    writer.writerows(map(cells, rows))
    except OSError as error:
        raise SessionFileError(f"The tables cannot be written to {folder}: {error.strerror}.") from error


def _tables(session: Session) -> Iterator[tuple[str, Sequence[str], Iterable[Sequence[Any]]]]:
    yield "meta", ("key", "value"), session.meta.items()
    yield "configs", ("id", "step_id", "switches"), ((c.id, c.step_id, json_text(c.switches)) for c in session.configs)
    yield "requests", REQUEST_COLUMNS, map(_request, by_id(session))
    yield "steps", (*session.steps.names, *(f"{p}_us" for p in PHASES)), _steps(session)
    yield (
        "step_layers",
        ("step_id", "layer", "kv_used_bytes", "kv_reserved_bytes", *(f"{p}_us" for p in PHASES)),
        (_step_layers(session)),
    )
    yield "tokens", (*session.tokens.names, "alternatives"), _tokens(session)
    yield "token_texts", COLUMNS["token_texts"], sorted(session.token_texts.items())
    yield "work", session.work.names, _plain(session.work)
    yield "speculation", session.speculation.names, _plain(session.speculation)
    yield "kv_blocks", session.kv_blocks.names, _plain(session.kv_blocks)
    yield "attention", ("request_id", "layer", "head", "step_id", "position", "probs"), _attention(session)
    yield "device_samples", COLUMNS["device_samples"], _plain(session.device_samples, COLUMNS["device_samples"])
    yield "metric_samples", COLUMNS["metric_samples"], _plain(session.metric_samples, COLUMNS["metric_samples"])
    yield "marks", ("t_ns", "kind", "label"), ((m.t_ns, m.kind, m.label) for m in session.marks)


REQUEST_COLUMNS = (
    "id", "prompt", "prompt_tokens", "params", "arrived_ns", "scheduled_ns", "first_token_ns", "finished_ns",
    "finish_reason", "prompt_token_ids", "prompt_token_texts", "told_by",
)  # fmt: skip


def _request(request: RecordedRequest) -> Sequence[Any]:
    return (
        request.id, request.prompt, request.prompt_tokens, json_text(request.params), request.arrived_ns,
        request.scheduled_ns, request.first_token_ns, request.finished_ns, request.finish_reason,
        " ".join(map(str, request.prompt_token_ids)), json_text(request.prompt_token_texts), request.told_by,
    )  # fmt: skip


def _plain(table: EventTable, names: Sequence[str] = ()) -> Iterator[Sequence[Any]]:
    """The rows of a table, its columns in the order of `names` or their own, codes of words replaced by the words."""
    columns = []
    for name in names or table.names:
        values, words = table[name].tolist(), table.words.get(name)
        columns.append(values if words is None else [words[value] for value in values])
    return zip(*columns, strict=True)


def _steps(session: Session) -> Iterator[Sequence[Any]]:
    phases_us: list[list[Any]] = np.round(phase_table_s(session) * 1e6, 3).tolist()
    if not told(session, "phases"):
        phases_us = [[""] * len(PHASES) for _ in phases_us]
    for row, phases in zip(_plain(session.steps), phases_us, strict=True):
        yield (*row, *phases)


def _tokens(session: Session) -> Iterator[Sequence[Any]]:
    ids = session.tokens["id"].tolist()
    for token, row in zip(ids, _plain(session.tokens), strict=True):
        pairs = zip(*(column.tolist() for column in session.details.alternatives(token)), strict=True)
        yield (*row, " ".join(f"{other}:{logprob:.5g}" for other, logprob in pairs))


def _step_layers(session: Session) -> Iterator[Sequence[Any]]:
    for step in range(len(session.steps)):
        detail = session.details.step(step)
        if detail is None:
            continue
        phases, kv = detail
        for layer, (used, reserved) in enumerate(kv.tolist()):
            times = np.round(phases[layer], 3).tolist() if layer < len(phases) else [""] * len(PHASES)
            yield (step, layer, used, reserved, *times)


def _attention(session: Session) -> Iterator[Sequence[Any]]:
    for request_id, layer, head in session.details.attention_maps():
        for step_id, position, probs in session.details.attention_map(request_id, layer, head):
            words = " ".join(f"{p:.5g}" for p in np.frombuffer(probs, np.float16).tolist())
            yield request_id, layer, head, step_id, position, words
