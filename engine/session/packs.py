"""Packs: a second, compressed copy of the rows of a table, column by column, so that a long session opens fast.

SQLite takes some hundred nanoseconds for each value of a row, which is many seconds for a session of a million tokens.
Whole columns are read at the speed of memory. A pack holds some thousand rows of one table. Whole numbers are stored as
their difference from the smallest one, in as few bytes as possible; words as indices into a list of the different
words. If the two differ, the rows are right: a pack is written after the last of its rows, and any UPDATE or DELETE
deletes the packs of the table.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import msgspec
import numpy as np
from numpy.typing import NDArray

from engine.session.fields import Field
from engine.session.phases import phase_totals
from engine.session.schema import PHASES
from engine.session.tables import FIELDS, PACKED_TABLES

PACK_ROWS: Final = 4096
"""Rows of a full pack. After a crash, up to so many rows of a table are in no pack and are read one by one."""

WHOLE_NUMBERS: Final = frozenset(np.dtype(kind).str for kind in (np.uint8, np.uint16, np.uint32, np.int64))
"""The dtypes in which `pack` writes whole numbers."""
TOTALS: Final = "phases"
"""The column of blobs in the file, and in memory of their sums over the layers: float32 [rows, len(PHASES)], µs."""

PACKED: Final = {table: {field.name: field for field in FIELDS[table] if field.packed} for table in PACKED_TABLES}
"""For each table that has packs: the fields that are columns there, by name."""


@dataclass(frozen=True, slots=True)
class Words:
    """A column of words: `words` lists the different ones, `codes` [rows] has the index of each row's word."""

    words: list[str]
    codes: NDArray[np.unsignedinteger[Any]]

    def __len__(self) -> int:
        return len(self.codes)

    def as_objects(self, known: dict[str, str]) -> NDArray[np.object_]:
        """The words themselves, [rows]. Equal words are one object, shared by all calls with the same `known`."""
        objects: NDArray[np.object_] = np.array([known.setdefault(word, word) for word in self.words], np.object_)
        return objects.take(self.codes)

    def as_codes(self, words: Sequence[str]) -> NDArray[np.int16]:
        """The words as indices into `words`, [rows]; raises ValueError for a word that is not in it."""
        for word in self.words:
            if word not in words:
                raise ValueError(f"{word!r} is none of {', '.join(words)}")
        indices: NDArray[np.int16] = np.array([words.index(word) for word in self.words], np.int16)
        return indices.take(self.codes)


Column: TypeAlias = NDArray[Any] | Words


class _Part(msgspec.Struct, frozen=True, array_like=True):
    """One column: `data` holds numbers of `dtype`, to which `base` is added; it is empty if every row equals `base`."""

    name: str
    dtype: str
    base: int
    data: memoryview
    words: list[str]


_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[list[_Part]] = msgspec.msgpack.Decoder(list[_Part])


def columns_of(table: str, names: Sequence[str], rows: Iterable[Sequence[Any]]) -> dict[str, Column]:
    """Rows of the file (values in the order of `names`) as columns. Columns that packs do not have are left out.

    Raises ValueError where a value has the wrong type.
    """
    wanted = PACKED[table]
    return {
        name: _column(wanted[name], values)
        for name, values in zip(names, zip(*rows, strict=True), strict=True)
        if name in wanted
    }


def _column(field: Field, values: tuple[Any, ...]) -> Column:
    name = field.name
    if field.type is bytes:
        _require(all(type(value) is bytes for value in values), f"the column {name} holds what is no blob")
        return phase_totals(values)
    if field.type is str:
        _require(all(type(value) is str for value in values), f"the column {name} holds what is no text")
        index: dict[str, int] = {}
        codes = [index.setdefault(value, len(index)) for value in values]
        return Words(list(index), np.array(codes, np.uint32))
    if field.type is float:  # SQLite stores NaN as NULL
        known = all(value is None or type(value) in (float, int) for value in values)
        _require(known, f"the column {name} holds what is no number")
        with np.errstate(over="ignore"):
            return np.array(values, np.float64).astype(field.dtype)
    _require(all(type(value) is int for value in values), f"the column {name} holds what is no whole number")
    return np.array(values, np.int64)


def pack(columns: Mapping[str, Column]) -> bytes:
    """The bytes of a pack of these columns, all of the same length."""
    return _encoder.encode([_part(name, column) for name, column in columns.items()])


def _part(name: str, column: Column) -> _Part:
    values, words = (column.codes, column.words) if isinstance(column, Words) else (column, [])
    base = 0
    if values.dtype.kind in "iu":
        base, most = int(values.min()), int(values.max())
        values = _narrow(values, base, most)
        if most - base >= 2**32:
            base = 0
    return _Part(name, values.dtype.str, base, memoryview(values.tobytes()), words)


def _narrow(values: NDArray[Any], base: int, most: int) -> NDArray[Any]:
    """The values less `base`, in the fewest bytes; no values where all equal `base`.

    Values whose range needs more than 32 bits are returned as int64, without subtracting `base`.
    """
    if most == base:
        return np.empty(0, np.uint8)
    for dtype in (np.uint8, np.uint16, np.uint32):
        if most - base <= np.iinfo(dtype).max:
            return (values.astype(np.int64) - base).astype(dtype)
    return values.astype(np.int64)


def unpack(table: str, blob: bytes, count: int, wanted: Container[str] | None = None) -> dict[str, Column]:
    """The columns of a pack of `count` rows, or only the `wanted` ones.

    Raises ValueError or msgspec.MsgspecError where the pack is damaged. All that is taken from the pack is checked: the
    names of its columns, and the dtype, count and range of their numbers.
    """
    parts = _decoder.decode(blob)
    names, fields = [part.name for part in parts], PACKED[table]
    _require(len(set(names)) == len(names) and set(names) <= set(fields), "a pack names its columns wrongly")
    asked = [part for part in parts if wanted is None or part.name in wanted]
    return {part.name: _unpack(fields[part.name], part, count) for part in asked}


def _unpack(field: Field, part: _Part, count: int) -> Column:
    if field.type in (float, bytes):
        width = len(PHASES) if field.type is bytes else 1
        _require(part.dtype == np.dtype(field.dtype).str and not part.words, "a pack holds numbers of another kind")
        values = _numbers(part, count * width)
        return values.reshape(count, width) if field.type is bytes else values
    _require(part.dtype in WHOLE_NUMBERS, "a pack holds numbers of another kind")
    values = _numbers(part, count) if len(part.data) else np.zeros(1, np.uint8)
    least, most = int(values.min()) + part.base, int(values.max()) + part.base
    if field.type is str:
        _require(least >= 0 and most < len(part.words), "a pack names a word that it does not have")
        codes = values.astype(np.uint32) + np.uint32(part.base)
        return Words(part.words, codes if len(part.data) else np.full(count, codes[0]))
    _require(least >= -(2**63) and most < 2**63, "a pack holds numbers that are too large")
    whole = values.astype(np.int64) + np.int64(part.base)
    return whole if len(part.data) else np.full(count, whole[0])


def _numbers(part: _Part, count: int) -> NDArray[Any]:
    """The numbers of a column as they are written; raises ValueError where there are not `count` of them."""
    dtype = np.dtype(part.dtype)
    _require(count > 0 and len(part.data) == count * dtype.itemsize, "a pack has not the length that it should have")
    return np.frombuffer(part.data, dtype)


def _require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise ValueError(otherwise)
