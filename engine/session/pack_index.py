"""Finds the packs of a table that may be read instead of its rows: those that agree with the rows.

Where the two differ, the rows are right. A pack is stale if rows changed and the pack was not deleted. Triggers on
UPDATE and DELETE delete the packs; so does a trigger on INSERT, which exists once a recording was closed. The INSERT
trigger also covers REPLACE, whose own deletions fire triggers only where `recursive_triggers` is on.

For a table that is not large, sums over its rows are always compared with the sums over the packs. For a large table
they are compared only if the INSERT trigger is missing, because the file is older or its writer was killed; and then
only for a few columns, since summing all columns of a million rows takes seconds.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec
import numpy as np

from engine.session.fields import Field
from engine.session.packs import PACKED, Column, Words, unpack
from engine.session.tables import INSERT_TRIGGER

FIRST: Final = -(2**63)
"""Below every rowid."""
ALWAYS_SUMMED: Final = 65_536
"""The most rows of a table that is always summed; summing them takes some hundredths of a second."""
TELLING: Final = {
    "steps": ("end_ns", "tokens_out"),
    "tokens": ("token_id", "emitted_ns"),
    "work": ("request_id", "end"),
    "speculation": ("proposed", "accepted"),
    "kv_blocks": ("block", "request_id"),
    "device_samples": ("t_ns", "value"),
    "metric_samples": ("t_ns", "value"),
}
"""The columns of a large table that are summed. Almost any change of the rows changes these columns."""
MODULUS: Final = 1_000_003
"""Whole numbers are summed modulo this number, so that no sum overflows."""
UNEQUAL: Final = 1e-5
"""How far the sum of a float column in packs (float32) may differ from that in the rows (float64), as a share of the
sum of the absolute values. The same number is allowed as an absolute difference."""
BROKEN: Final = (ValueError, OverflowError, msgspec.MsgspecError)
"""The errors that unpacking a damaged pack raises."""

Query = Callable[..., list[Any]]


@dataclass(frozen=True, slots=True)
class PackAt:
    """The rowid of a pack's last row, and how many rows it has."""

    last: int
    count: int


def rows_of(packs: Sequence[PackAt]) -> int:
    """The number of rows in packs."""
    return sum(pack.count for pack in packs)


def agreeing_packs(
    query: Query, blobs: Callable[[str, Sequence[PackAt]], Iterator[bytes]], table: str, most_rows: int
) -> list[PackAt]:
    """The packs of a table that may be read instead of its rows, from the first row on without a gap.

    Empty where the packs do not agree with the rows. `query` runs SQL on the file, `blobs` yields the contents of packs
    in order, and `most_rows` is the number of rows that a file of this size can hold.
    """
    packs = _whole_packs(query, table, most_rows)
    if not packs:
        return []
    rows = rows_of(packs)
    kept = query("SELECT sql FROM sqlite_master WHERE type = 'trigger' AND name = ?", (f"{table}_INSERT",))
    if rows > ALWAYS_SUMMED and kept == [(INSERT_TRIGGER[table],)]:
        return packs
    return packs if _sums_agree(query, blobs, table, packs) else []


def _whole_packs(query: Query, table: str, most_rows: int) -> list[PackAt]:
    """The packs up to the first one that does not follow the pack before it, or claims more rows than there can be."""
    least, most = (query(f"SELECT {end}(rowid) FROM {table} NOT INDEXED")[0][0] for end in ("min", "max"))
    if least is None:
        return []
    found: list[PackAt] = []
    before, rows = least - 1, 0
    for last, count in query("SELECT last, count FROM packs WHERE of = ? ORDER BY last", (table,)):
        if type(last) is not int or type(count) is not int:
            break
        rows += count
        if not (0 < count <= last - before and last <= most and rows <= most_rows):
            break
        found.append(PackAt(last, count))
        before = last
    return found


def _sums_agree(
    query: Query, blobs: Callable[[str, Sequence[PackAt]], Iterator[bytes]], table: str, packs: Sequence[PackAt]
) -> bool:
    """Whether the rows up to the end of the last pack have the same count and sums as the packs."""
    there = {row[1] for row in query(f"PRAGMA table_info({table})")}
    wanted = PACKED[table] if rows_of(packs) <= ALWAYS_SUMMED else TELLING[table]
    fields = [PACKED[table][name] for name in wanted if name in there]
    fields = [field for field in fields if field.type is not bytes]
    names = [field.name for field in fields]
    listed = ", ".join(f"total({_summand(field)})" for field in fields)
    (counted, *of_rows), *_ = query(
        f"SELECT count(*), {listed} FROM {table} NOT INDEXED WHERE rowid <= ?", (packs[-1].last,)
    )
    if counted != rows_of(packs):
        return False
    sums, sizes = dict.fromkeys(names, 0.0), dict.fromkeys(names, 0.0)
    try:
        for pack, blob in zip(packs, blobs(table, packs), strict=True):
            columns = unpack(table, blob, pack.count, names)
            for field in fields:
                part, size = _sum_of(field, columns[field.name])
                sums[field.name] += part
                sizes[field.name] += size
    except (*BROKEN, KeyError):
        return False
    return all(
        _alike(field, one, sums[field.name], sizes[field.name]) for field, one in zip(fields, of_rows, strict=True)
    )


def _summand(field: Field) -> str:
    if field.type is str:
        return f'length(CAST("{field.name}" AS BLOB))'
    return f'"{field.name}"' if field.type is float else f'"{field.name}" % {MODULUS}'


def _sum_of(field: Field, column: Column) -> tuple[float, float]:
    """The sum of a column, computed as by `_summand`, and the sum of its absolute values (0 for other than floats)."""
    if isinstance(column, Words):
        lengths = np.array([len(word.encode("utf-8", "surrogatepass")) for word in column.words], np.int64)
        return float(lengths[column.codes].sum()), 0.0
    if field.type is float:
        known = column[~np.isnan(column)].astype(np.float64)
        return float(known.sum()), float(np.abs(known).sum())
    return float(np.fmod(column, MODULUS).sum()), 0.0


def _alike(field: Field, of_rows: float, of_packs: float, size: float) -> bool:
    if field.type is not float:
        return of_rows == of_packs
    if not (math.isfinite(of_rows) and math.isfinite(of_packs)):
        return str(of_rows) == str(of_packs)
    return abs(of_rows - of_packs) <= UNEQUAL * size + UNEQUAL
