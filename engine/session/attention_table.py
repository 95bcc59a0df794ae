"""Reads the table `attention`: the list of its maps and the rows of a map. Each row is checked when it is read."""

from __future__ import annotations

from typing import Any, Final

from engine.session.blobs import whole_items
from engine.session.patience import Patience
from engine.session.queries import Queries
from engine.session.tables import CREATE

MAP_INDEX: Final = next(statement for statement in CREATE if "INDEX attention_map" in statement)
PROBABILITY_BYTES: Final = 2

Map = tuple[int, int, int]
"""(request, layer, head)."""
Row = tuple[int, int, bytes]
"""(step_id, position, probs as float16 bytes)."""


def attention_maps(file: Queries) -> list[Map]:
    """Every map, found with one index lookup for each map. Where the file lacks the expected index, all rows are read.

    Raises SessionFileError where a row names no map, or where the index is not in order.
    """
    found: list[Map] = []
    if file.query("SELECT sql FROM sqlite_master WHERE name = 'attention_map'") != [(MAP_INDEX,)]:
        for rows in file.chunks("SELECT request_id, layer, head FROM attention"):
            found += {_map(file, *row) for row in rows}.difference(found)
        return found
    after = (-(2**62), 0, 0)
    step = (
        "SELECT request_id, layer, head FROM attention INDEXED BY attention_map "
        "WHERE (request_id, layer, head) > (?, ?, ?) ORDER BY request_id, layer, head LIMIT 1"
    )
    while rows := file.query(step, after):
        following = _map(file, *rows[0])
        if following <= after:
            raise file.damaged("the index of the attention maps is not in order")
        after = following
        found.append(after)
    return found


def attention_rows(
    file: Queries, of: Map, first: int = 0, most: int | None = None, patience: Patience | None = None
) -> list[Row]:
    """The rows of a map in the order they were recorded: at most `most` rows, from row number `first` on."""
    rows = file.query(
        "SELECT step_id, position, probs FROM attention "
        "WHERE request_id = ? AND layer = ? AND head = ? ORDER BY rowid LIMIT ? OFFSET ?",
        (*of, -1 if most is None else most, first),
        patience,
    )
    return _checked(file, rows)


def attention_row(file: Queries, of: Map, position: int, patience: Patience | None = None) -> Row | None:
    """The row that was recorded last for a position; None where that position has none."""
    rows = file.query(
        "SELECT step_id, position, probs FROM attention "
        "WHERE request_id = ? AND layer = ? AND head = ? AND position = ? ORDER BY rowid DESC LIMIT 1",
        (*of, position),
        patience,
    )
    return _checked(file, rows)[0] if rows else None


def _map(file: Queries, request: Any, layer: Any, head: Any) -> Map:
    if not (type(request) is int and type(layer) is int and type(head) is int):
        raise file.damaged("an attention row names no request, layer or head")
    return request, layer, head


def _checked(file: Queries, rows: list[Row]) -> list[Row]:
    """The same rows. Raises SessionFileError where one is no attention row or is not as long as its position says."""
    for step_id, position, probs in rows:
        if type(step_id) is not int or type(position) is not int:
            raise file.damaged("an attention row names no step")
        if len(whole_items(file, probs, PROBABILITY_BYTES)) != (position + 1) * PROBABILITY_BYTES or not probs:
            raise file.damaged("a row of an attention map is not as long as its position says")
    return rows
