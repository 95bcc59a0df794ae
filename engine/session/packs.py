"""Packs: rows of a table once more, column by column and small, so that a session of a million tokens opens at once.

SQLite hands out rows at some hundred nanoseconds a value, which is many seconds for a long session; whole columns come
at the speed of memory. A pack holds some thousand rows of one table: whole numbers as what they have above their least
one, in as few bytes as that takes; words as numbers into a list of the different ones. The rows stay the truth: a pack
is written after the last of its rows, and any UPDATE or DELETE throws the packs of the table away.
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
"""Rows of a pack; as many may have to be read one by one after a crash."""

WHOLE_NUMBERS: Final = frozenset(np.dtype(kind).str for kind in (np.uint8, np.uint16, np.uint32, np.int64))
"""What `pack` writes whole numbers as."""
TOTALS: Final = "phases"
"""A column of blobs in the file, of totals over the layers in memory: float32 [rows, len(PHASES)], µs."""

PACKED: Final = {table: {field.name: field for field in FIELDS[table] if field.packed} for table in PACKED_TABLES}
"""The tables that are kept in packs, and the fields that are their columns there, by name."""


@dataclass(frozen=True, slots=True)
class Words:
    """A column of words: `words` are the different ones, `codes` [rows] says which stands where."""

    words: list[str]
    codes: NDArray[np.unsignedinteger[Any]]

    def __len__(self) -> int:
        return len(self.codes)

    def as_objects(self, known: dict[str, str]) -> NDArray[np.object_]:
        """The words themselves, one object for each different one of all that share `known`."""
        objects: NDArray[np.object_] = np.array([known.setdefault(word, word) for word in self.words], np.object_)
        return objects.take(self.codes)

    def as_codes(self, words: Sequence[str]) -> NDArray[np.int16]:
        """Indices into another list of words; raises ValueError for a word that is not in it."""
        for word in self.words:
            if word not in words:
                raise ValueError(f"{word!r} is none of {', '.join(words)}")
        indices: NDArray[np.int16] = np.array([words.index(word) for word in self.words], np.int16)
        return indices.take(self.codes)


Column: TypeAlias = NDArray[Any] | Words


class _Part(msgspec.Struct, frozen=True, array_like=True):
    """One column: `dtype` of the bytes in `data`, to which `base` is added; no data where every row equals `base`."""

    name: str
    dtype: str
    base: int
    data: memoryview
    words: list[str]


_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[list[_Part]] = msgspec.msgpack.Decoder(list[_Part])


def columns_of(table: str, names: Sequence[str], rows: Iterable[Sequence[Any]]) -> dict[str, Column]:
    """Rows as they stand in the file (values in the order of `names`) as columns; columns not in packs are left out."""
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
    if field.type is float:  # NULL is what SQLite makes of NaN
        known = all(value is None or type(value) in (float, int) for value in values)
        _require(known, f"the column {name} holds what is no number")
        with np.errstate(over="ignore"):
            return np.array(values, np.float64).astype(field.dtype)
    _require(all(type(value) is int for value in values), f"the column {name} holds what is no whole number")
    return np.array(values, np.int64)


def pack(columns: Mapping[str, Column]) -> bytes:
    """Columns of one length as the bytes of a pack."""
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
    """The values above `base` in the fewest bytes: none where all are `base`; as they are where it would take eight."""
    if most == base:
        return np.empty(0, np.uint8)
    for dtype in (np.uint8, np.uint16, np.uint32):
        if most - base <= np.iinfo(dtype).max:
            return (values.astype(np.int64) - base).astype(dtype)
    return values.astype(np.int64)


def unpack(table: str, blob: bytes, count: int, wanted: Container[str] | None = None) -> dict[str, Column]:
    """The columns of a pack of `count` rows, or some of them.

    Raises ValueError or msgspec.MsgspecError where it is damaged.

    Nothing is taken from the pack unseen: which columns, of which numbers, how many of them, how large they are.
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
    """The numbers of a column as they are written, once there are as many as there should be."""
    dtype = np.dtype(part.dtype)
    _require(count > 0 and len(part.data) == count * dtype.itemsize, "a pack has not the length that it should have")
    return np.frombuffer(part.data, dtype)


def _require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise ValueError(otherwise)
