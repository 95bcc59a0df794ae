"""The fields of a stored event, and so its columns: in the file, in packs and in memory.

The type hint of a field is the one place that defines it. A `Literal` lists its words. A whole number declares its
range: `Count`, `Bytes`, `Moment` and so on. The tables of the file (`tables.py`), packs (`packs.py`), the columns in
memory (`event_table.py`) and the checks of a file that is opened (`checking.py`) are derived from it.

A field with a default was added after format version 1. A file written before that lacks the column, and is read as if
every row held the default.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Annotated, Any, Final, Literal, get_args, get_origin

import msgspec

LARGEST: Final = 2**63 - 1
"""The largest whole number that a file and a column can hold."""
LARGE: Final = 2**50
"""Above any size in bytes."""
COUNT: Final = 2**31 - 1
"""Above any count of positions, tokens or requests; the square of such a count still fits into 64 bits."""


@dataclass(frozen=True, slots=True)
class Whole:
    """The range of a whole number in a file: `least` to `most`. If `summed`, the sum of all rows is below 2**63."""

    least: int = 0
    most: int = LARGEST
    summed: bool = True


class Held(Enum):
    """The kind of a field, where its type and a `Whole` do not tell it."""

    KEY = "an int: the row's own number, which the engine gives"
    REFERENCE = "an int: the number of another row, or a place among such; checking.py knows which there are"
    NAME = "a str: a name of which a run has a few; kept in memory as a number into the list of those seen so far"
    FLOAT32 = "a float: float32 in memory and packs, NaN where it is not known (in the file NULL)"
    LAYER_TIMES = "bytes: float32 [layers + 1, phases]; packs keep the sum over the layers"


Key = Annotated[int, Held.KEY]
Reference = Annotated[int, Held.REFERENCE]
Moment = Annotated[int, Whole(summed=False)]
"""Nanoseconds from the session's zero."""
DurationOrNone = Annotated[int, Whole(-1)]
"""Nanoseconds, -1 where they were not measured."""
Index = Annotated[int, Whole(0, COUNT, summed=False)]
"""The index of a position in a request, or a token id."""
MomentOrNone = Annotated[int, Whole(-1, summed=False)]
"""Nanoseconds from the session's zero, -1 where it was not told."""
IndexOrNone = Annotated[int, Whole(-1, COUNT, summed=False)]
"""The index of a position, or a token id; -1 where it was not told."""
Count = Annotated[int, Whole(0, COUNT)]
NumberOrNone = Annotated[int, Whole(-1, summed=False)]
"""A number that another program gave to something, -1 where it told none."""
CountOrNone = Annotated[int, Whole(-1, COUNT)]
"""A count, -1 where it was not recorded."""
Amount = Annotated[int, Whole()]
"""FLOPs or bytes moved, which may be more than any memory holds."""
Bytes = Annotated[int, Whole(0, LARGE)]
BytesOrNone = Annotated[int, Whole(-1, LARGE)]
"""Bytes, -1 where they were not recorded."""
Name = Annotated[str, Held.NAME]
Logarithm = Annotated[float, Held.FLOAT32]
"""Nats; NaN where it is not known. The logarithm of a probability, or an entropy."""
LayerTimes = Annotated[bytes, Held.LAYER_TIMES]


@dataclass(frozen=True, slots=True)
class Field:
    """One field of an event, as its type hint and its default define it."""

    name: str
    type: type
    """int, float, str or bytes."""
    held: Whole | Held | None = None
    words: tuple[str, ...] = ()
    """All values of a `Literal`; empty for other types."""
    before: Any = msgspec.NODEFAULT
    """The value in each row of a file that was written before this field existed; NODEFAULT where version 1 has it."""

    @property
    def dtype(self) -> str:
        """The dtype of the values in memory; for `LayerTimes` that of the sums over the layers."""
        if self.held in (Held.FLOAT32, Held.LAYER_TIMES):
            return "float32"
        if self.held is Held.NAME:
            return "int16"
        return "uint8" if self.words else {int: "int64", float: "float64"}.get(self.type, "object")

    @property
    def numbered(self) -> bool:
        """Whether the column in memory holds numbers that stand for words."""
        return bool(self.words) or self.held is Held.NAME

    @property
    def packed(self) -> bool:
        """Whether packs hold the field. Blobs other than `LayerTimes` are not in packs; they are read one at a time."""
        return self.type is not bytes or self.held is Held.LAYER_TIMES


def fields_of(event: type[msgspec.Struct]) -> tuple[Field, ...]:
    """The fields of an event that is one row of a table, in order; raises TypeError if a field cannot be a column."""
    return tuple(_field(info.name, info.type, info.default) for info in msgspec.structs.fields(event))


def _field(name: str, hint: Any, default: Any) -> Field:
    held = None
    if get_origin(hint) is Annotated:
        hint, held = get_args(hint)
    if get_origin(hint) is Literal:
        return Field(name, str, held, get_args(hint), default)
    if hint not in (int, float, str, bytes):
        raise TypeError(f"The field {name} is of {hint}, which is no column.")
    if hint is int and held is None:
        raise TypeError(f"The field {name} does not say what it may be: give it Count, Bytes or another of fields.py.")
    return Field(name, hint, held, (), default)
