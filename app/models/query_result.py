"""The answer of a query as the Query panel shows it: texts of values, their order, what a row is about."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from app.look.units import THIN_SPACE, count, cut, name_of, visible_token
from engine.session.asking import Answered, Cut, Value
from engine.session.store import Session

MOST_IN_CELL: Final = 200
"""Characters of a text in a cell; the tool tip has more of it."""
HEAD_BYTES: Final = 8
"""Bytes of a blob that a cell shows."""
NULL: Final = "NULL"
NONE, NUMBER, TEXT, BLOB = range(4)
"""The kinds of values in the order in which SQLite sorts them."""
STEP_NAMES: Final = frozenset({"step", "step_id"})
REQUEST_NAMES: Final = frozenset({"request", "request_id"})
ID: Final = "id"


def value_text(value: Value | Cut) -> str:
    """A value in a cell: numbers as SQLite gave them, texts in one line, of a blob its size and its first bytes."""
    match value:
        case None:
            return NULL
        case Cut(size, bytes(head)):
            more = "…" if size > HEAD_BYTES else ""
            size_text = f"{count(size)}{THIN_SPACE}B"
            return f"x'{head[:HEAD_BYTES].hex()}{more}' · {size_text}" if size else f"x'' · {size_text}"
        case Cut(_, str(head)) | str(head):
            line = head if "\n" not in head else visible_token(head[:MOST_IN_CELL])
            return cut(line, MOST_IN_CELL)
        case float():
            return repr(value)
        case _:
            return str(value)


def value_tip(value: Value | Cut) -> str:
    """More of a value, for a tool tip."""
    match value:
        case Cut(size, bytes(head)):
            return f"{count(size)}{THIN_SPACE}B: {head.hex(' ')}{'…' if size > len(head) else ''}"
        case Cut(_, str(head)) | str(head):
            return cut(head)
    return value_text(value)


def column_name(answered: Answered, column: int) -> str:
    """The name of a column in one line: a query without AS gives its own text as the name."""
    return name_of(" ".join(answered.columns[column].split()))


def csv_value(value: Value | Cut) -> object:
    """A value as it is copied: NULL as nothing, a blob as SQL writes it, as far as it was handed on."""
    match value:
        case None:
            return ""
        case Cut(size, bytes(head)):
            return f"x'{head.hex()}'" + (f"… ({size} bytes)" if size > len(head) else "")
        case Cut(_, str(head)):
            return f"{head}…"
    return value


def sort_key(value: Value | Cut) -> tuple[int, object]:
    """The place of a value as SQLite sorts: NULL, numbers, texts, blobs."""
    match value:
        case None:
            return NONE, 0
        case int() | float():
            return NUMBER, value
        case Cut(_, bytes(head)):
            return BLOB, head
        case Cut(_, head) | head:
            return TEXT, head


def numbers(answered: Answered, column: int) -> NDArray[np.float64]:
    """A column as numbers, NaN where it has none."""
    return np.array(
        [float(row[column]) if isinstance(row[column], int | float) else np.nan for row in answered.rows],  # type: ignore[arg-type]
        np.float64,
    )


def is_numeric(answered: Answered, column: int) -> bool:
    """Whether a column has a number, and no text and no blob."""
    kinds = {type(row[column]) for row in answered.rows}
    return bool(kinds & {int, float}) and kinds <= {int, float, type(None)}


def target(answered: Answered, row: int, session: Session) -> dict[str, object]:
    """What a row selects in the window, as fields of the selection: a token, or a step and a request; empty if nothing.

    A column says so by its name: `step_id` or `step`, `request_id` or `request`, also as the last part of a name with
    dots; and `id` where the query reads that of one table only, of steps, requests or tokens.
    """
    found: dict[str, object] = {}
    for name, value in zip(answered.columns, answered.rows[row], strict=True):
        what = name.rpartition(".")[2].lower()
        if not isinstance(value, int):
            continue
        table = answered.id_of if what == ID else ""
        if table == "tokens" and (place := _token_row(session, value)) is not None:
            return {"token": place}
        if (what in STEP_NAMES or table == "steps") and 0 <= value < len(session.steps):
            found.setdefault("step", value)
        elif (what in REQUEST_NAMES or table == "requests") and value in session.requests:
            found.setdefault("request", value)
    return found


def _token_row(session: Session, token: int) -> int | None:
    ids = session.tokens["id"]
    place = int(np.searchsorted(ids, token))
    return place if place < len(ids) and int(ids[place]) == token else None
