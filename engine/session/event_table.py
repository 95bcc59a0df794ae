"""The events of one kind in memory: one column for each field that is not a blob."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import attrgetter
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from engine.session.columns import Columns
from engine.session.fields import Field
from engine.session.packs import Column, Words
from engine.session.tables import FIELDS

MOST_NAMES: Final = 256
"""The most different names that a file may have in one column of names (`fields.Name`)."""


class EventTable(Columns):
    """The rows of one table of the session file, filled from new events or from the columns of a file.

    Order of the columns: whole numbers, other numbers, words that are kept as numbers, texts. Within each group the
    columns have the order of the event's fields.
    """

    def __init__(self, table: str, capacity: int = 1024) -> None:
        self.table = table
        self.fields = sorted((field for field in FIELDS[table] if field.type is not bytes), key=_rank)
        super().__init__({field.name: field.dtype for field in self.fields}, capacity)
        self.words: dict[str, list[str]] = {field.name: list(field.words) for field in self.fields if field.numbered}
        """For each column of words that are kept as numbers: the words. A number is an index into this list."""
        self._values = attrgetter(*(field.name for field in self.fields))
        self._texts: dict[str, str] = {}
        """Each different text once: a million tokens have only a few thousand different texts."""

    def add(self, events: Sequence[msgspec.Struct]) -> None:
        """Add one row for each event; raises ValueError for a word that its field does not have."""
        if events:
            values = zip(*map(self._values, events), strict=True)
            self.extend_columns(
                {field.name: self._of_events(field, column) for field, column in zip(self.fields, values, strict=True)}
            )

    def add_columns(self, columns: Mapping[str, Column]) -> None:
        """Add rows from a file. A column that the file is too old to have is filled with its field's default.

        Raises KeyError where another column is missing, and ValueError for a word that its field does not have.
        """
        count = len(next(iter(columns.values())))
        self.extend_columns({field.name: self._of_file(field, columns, count) for field in self.fields})

    def borrow(self, whole: Columns, length: int) -> None:
        """Become the first rows of another table; it knows the names that these rows have, and no later ones."""
        assert isinstance(whole, EventTable)
        before = min(len(self), length)
        for name, words in self.words.items():
            known = whole.words[name]
            if len(words) < len(known):
                codes = whole[name][before:length]
                words.extend(known[len(words) : int(codes.max(initial=-1)) + 1])
        super().borrow(whole, length)

    def _of_events(self, field: Field, values: tuple[Any, ...]) -> Sequence[Any]:
        if field.numbered:
            words = self._words(field, values)
            return [words.index(word) for word in values]
        if field.type is str:
            return [self._texts.setdefault(text, text) for text in values]
        return values

    def _of_file(self, field: Field, columns: Mapping[str, Column], count: int) -> NDArray[Any]:
        if field.name not in columns and field.before is not msgspec.NODEFAULT:
            return np.full(count, self._of_events(field, (field.before,))[0], field.dtype)
        column = columns[field.name]
        if not isinstance(column, Words):
            return column
        if not field.numbered:
            return column.as_objects(self._texts)
        words = self._words(field, column.words)
        if len(words) > MOST_NAMES:
            raise ValueError(f"{self.table}.{field.name} has too many different names")
        return column.as_codes(words)

    def _words(self, field: Field, seen: Sequence[str]) -> list[str]:
        """The words of a column. Where they are not known beforehand (`fields.Name`), new words of `seen` are added."""
        words = self.words[field.name]
        if not field.words:
            words += [word for word in dict.fromkeys(seen) if word not in words]
        return words


def _rank(field: Field) -> int:
    return (int, float, str).index(field.type) + (field.type is str and not field.numbered)
