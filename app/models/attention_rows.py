"""The decoded rows of attention maps. Rows in memory are there at once, rows in the file are read in the background."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from app.core.reading import Reading
from engine.errors import SessionFileError
from engine.session.patience import Patience
from engine.session.store import Session

Key = tuple[int, int, int]
"""(request, layer, head)."""
PIECE_ROWS: Final = 32
"""Rows of a map in one piece; a piece is dropped as a whole."""
KEPT_BYTES: Final = 64 * 2**20
"""Most bytes of decoded rows that are kept for later use."""
READ_BYTES: Final = 8 * 2**20
"""About how many bytes one reading takes from the file, so that maps grow on the screen while they are read."""
MOST_READ_ROWS: Final = 4096
"""Most rows of one map in one reading."""
REREAD_GROWTH: Final = 1.1
"""A map of a run that was read to its end is read again when the number of steps has grown by this factor; one of a
replay whenever there are more steps, as nothing else needs the file."""
NO_ROW: Final = np.empty(0, np.float32)


@dataclass(frozen=True, slots=True)
class Row:
    """One row: the step that computed it, its query's position, and float32 [position + 1] over the keys."""

    step: int
    position: int
    probs: NDArray[np.float32]


def decoded(row: tuple[int, int, bytes]) -> Row:
    """Decode a row as `Details` returns it: (step, position, float16 probabilities)."""
    return Row(row[0], row[1], np.frombuffer(row[2], np.float16).astype(np.float32))


@dataclass(frozen=True, slots=True)
class Rows:
    """The result of one reading."""

    rows: dict[Key, list[Row]]
    most: int
    """How many rows of each map were asked for."""
    steps: int
    """How many steps the session had when the reading began."""


class RowCache:
    """The decoded rows that were used last, by map and row number, in pieces of PIECE_ROWS; bounded in bytes."""

    def __init__(self, limit_bytes: int = KEPT_BYTES) -> None:
        self._limit = limit_bytes
        self._pieces: OrderedDict[tuple[Key, int], list[Row]] = OrderedDict()
        self.bytes = 0

    def after(self, key: Key, index: int) -> list[Row]:
        """The rows of a map from number `index` to the end of their piece; empty where they are not kept."""
        number, offset = divmod(index, PIECE_ROWS)
        piece = self._pieces.get((key, number))
        if piece is None:
            return []
        self._pieces.move_to_end((key, number))
        return piece[offset:]

    def kept(self, key: Key, number: int) -> int:
        """How many rows of a piece are kept; they are its first ones."""
        return len(self._pieces.get((key, number), ()))

    def add(self, key: Key, first: int, rows: list[Row]) -> None:
        """Keep rows of a map from number `first` on. A row that does not directly follow the kept rows is not kept."""
        for index, row in enumerate(rows, first):
            number, offset = divmod(index, PIECE_ROWS)
            if offset == self.kept(key, number):
                self._pieces.setdefault((key, number), []).append(row)
                self.bytes += row.probs.nbytes

    def drop_beyond_limit(self) -> None:
        """Drop the pieces used longest ago, until the rest is within the limit."""
        while self.bytes > self._limit and self._pieces:
            _, piece = self._pieces.popitem(last=False)
            self.bytes -= sum(row.probs.nbytes for row in piece)


class AttentionRows:
    """Returns the rows of a session's maps in the order recorded, a piece at a time.

    Rows in the session's memory are available at once. Rows in its file are missing until `fetch` has read them through
    `reading`, which emits `changed`.
    """

    def __init__(self, session: Session, reading: Reading | None = None, cache: RowCache | None = None) -> None:
        self.session = session
        self._reading = reading or Reading()
        self._cache = cache or RowCache()
        self._missing: dict[Key, int] = {}
        """By map, the first requested row that is not available."""
        self._ends: dict[Key, tuple[int, int]] = {}
        """By map that was read to its end from the file: its number of rows, and the session's number of steps then."""

    @property
    def is_reading(self) -> bool:
        """Whether requested rows are still missing."""
        return bool(self._missing)

    def heads(self, request: int, layer: int) -> list[int]:
        """The heads of a layer that were recorded, in order."""
        return [head for its, at, head in self.session.details.attention_maps() if (its, at) == (request, layer)]

    def after(self, key: Key, index: int) -> list[Row] | None:
        """Rows of a map from number `index` on, at most to the end of a piece; empty at the end of the map.

        None if the rows must be read from the file: call `fetch`, then this again.
        """
        self._missing.pop(key, None)
        if self.session.details.attention_in_memory(*key):
            self._take_from_memory(key, index)
            return self._cache.after(key, index)
        rows = self._cache.after(key, index)
        if rows:
            return rows
        end, steps = self._ends.get(key, (0, -1))
        growth = 1.0 if self.session.is_part else REREAD_GROWTH
        if index >= end and len(self.session.steps) <= steps * growth:
            return []
        self._missing[key] = index
        return None

    def fetch(self, most: int | None = None) -> bool:
        """Read the missing rows of at most `most` maps; returns whether they have arrived, so that `after` has them.

        Raises SessionFileError where the file could not be read.
        """
        if not self._missing:
            return False
        self._cache.drop_beyond_limit()
        wanted = {key: self._begin_of(key, index) for key, index in list(self._missing.items())[:most]}
        most_rows = self._rows_at_once(wanted)
        session, steps = self.session, len(self.session.steps)

        def read(patience: Patience) -> Rows:
            rows = {}
            for key, first in wanted.items():
                found = session.details.attention_rows(*key, first, most_rows, patience)
                rows[key] = [decoded(row) for row in found]
            return Rows(rows, most_rows, steps)

        try:
            found = self._reading.answer(session, tuple(wanted.items()), read)
        except SessionFileError:
            self._missing.clear()
            raise
        if found is None:
            return False
        self._reading.forget()
        for key, rows in found.value.rows.items():
            first = wanted[key]
            self._cache.add(key, first, rows)
            del self._missing[key]
            if len(rows) < found.value.most:
                self._ends[key] = (first + len(rows), found.value.steps)
        return True

    def _begin_of(self, key: Key, index: int) -> int:
        """The first row to read, so that the rows join the kept ones of their piece."""
        number = index // PIECE_ROWS
        return number * PIECE_ROWS + self._cache.kept(key, number)

    def _rows_at_once(self, wanted: dict[Key, int]) -> int:
        """How many rows of each map to read: whole pieces of about READ_BYTES in all."""
        longest = 1
        for (request, _, _), first in wanted.items():
            known = self.session.requests.get(request)
            longest = max(longest, first + (known.prompt_tokens if known is not None else 0))
        pieces = READ_BYTES // (2 * longest * len(wanted) * PIECE_ROWS)
        return min(max(1, pieces) * PIECE_ROWS, MOST_READ_ROWS)

    def _take_from_memory(self, key: Key, index: int) -> None:
        number = index // PIECE_ROWS
        first = number * PIECE_ROWS + self._cache.kept(key, number)
        rows = self.session.details.attention_rows(*key, first, (number + 1) * PIECE_ROWS - first)
        if rows:
            self._cache.drop_beyond_limit()
            self._cache.add(key, first, [decoded(row) for row in rows])


class ExactRow:
    """Reads one row of a map as it was recorded: the row of one head, or the mean over the recorded heads."""

    def __init__(self, session: Session, reading: Reading | None = None) -> None:
        self.session = session
        self._reading = reading or Reading()
        self._steps = 0
        """How many steps the session had when the file was last read again for a row that it did not hold."""

    def read(self, request: int, layer: int, head: int | None, position: int) -> NDArray[np.float32] | None:
        """The row, float32 [position + 1]; empty where none was recorded, None while it is read.

        The mean is over the heads whose row was computed in the newest step. Raises SessionFileError.
        """
        session = self.session
        of = [
            one
            for its, at, one in session.details.attention_maps()
            if (its, at) == (request, layer) and head in (None, one)
        ]
        if not of:
            self._reading.forget()
            return NO_ROW

        def read(patience: Patience | None) -> NDArray[np.float32]:
            rows = [session.details.attention_row(request, layer, one, position, patience) for one in of]
            return mean_of([decoded(row) for row in rows if row is not None])

        if all(session.details.attention_in_memory(request, layer, one) for one in of):
            self._reading.forget()
            return read(None)
        found = self._reading.answer(session, (request, layer, tuple(of), position), read)
        if found is not None and not len(found.value) and len(session.steps) > self._steps:
            self._steps = len(session.steps)
            self._reading.forget()  # the row may have been recorded since then
            found = self._reading.answer(session, (request, layer, tuple(of), position), read)
        return None if found is None else found.value


def mean_of(rows: list[Row]) -> NDArray[np.float32]:
    """The mean of the rows of one position that were computed in the newest step; empty where there are no rows."""
    newest = max((row.step for row in rows), default=0)
    probs = [row.probs for row in rows if row.step == newest]
    if len(probs) == 1:
        return probs[0]
    return np.mean(probs, axis=0, dtype=np.float32) if probs else NO_ROW
