"""The rows of attention maps, decoded once: from memory in place, from the session's file beside the window."""

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
"""Rows of a map that are kept and dropped together."""
KEPT_BYTES: Final = 64 * 2**20
"""Most bytes of decoded rows that are kept for later use."""
READ_BYTES: Final = 8 * 2**20
"""About how much of the file one reading takes, so that maps grow on the screen while they are read."""
MOST_READ_ROWS: Final = 4096
"""Most rows of one map in one reading."""
REREAD_GROWTH: Final = 1.1
"""A map that was read to its end is looked at again when the session has grown by this factor."""
NO_ROW: Final = np.empty(0, np.float32)


@dataclass(frozen=True, slots=True)
class Row:
    """One row: the step that computed it, its query's position, and float32 [position + 1] over the keys."""

    step: int
    position: int
    probs: NDArray[np.float32]


def decoded(row: tuple[int, int, bytes]) -> Row:
    """Decode a row of the session."""
    return Row(row[0], row[1], np.frombuffer(row[2], np.float16).astype(np.float32))


@dataclass(frozen=True, slots=True)
class Rows:
    """The result of one reading."""

    rows: dict[Key, list[Row]]
    most: int
    """How many rows of each map were asked for."""
    steps: int
    """How many steps the session had at that time."""


class RowCache:
    """Decoded rows by map and place, PIECE_ROWS together, those used last; in a bounded number of bytes."""

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
        """How many rows of a piece are kept, from its first on."""
        return len(self._pieces.get((key, number), ()))

    def add(self, key: Key, first: int, rows: list[Row]) -> None:
        """Keep rows of a map from number `first` on; rows that leave a gap to the kept ones are not kept."""
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
    """Gives the rows of a session's maps in the order recorded, a piece at a time.

    Rows in the session's memory are available at once. Rows in its file are `missing` until `fetch` has read them
    through `reading`, which emits `changed`.
    """

    def __init__(self, session: Session, reading: Reading | None = None, cache: RowCache | None = None) -> None:
        self.session = session
        self._reading = reading or Reading()
        self._cache = cache or RowCache()
        self._missing: dict[Key, int] = {}
        """By map, the first requested row that is not available."""
        self._ends: dict[Key, tuple[int, int]] = {}
        """How many rows a map in the file had, and how many steps the session had then."""

    @property
    def is_reading(self) -> bool:
        """Whether rows that were asked for are still to come."""
        return bool(self._missing)

    def heads(self, request: int, layer: int) -> list[int]:
        """The heads of a layer that were recorded, in order."""
        return [head for its, at, head in self.session.details.attention_maps() if (its, at) == (request, layer)]

    def after(self, key: Key, index: int) -> list[Row] | None:
        """Rows of a map from number `index` on, at most to the end of a piece; empty at the end of the map.

        None if they must be read from the file: call `fetch`, and ask again.
        """
        self._missing.pop(key, None)
        if self.session.details.attention_in_memory(*key):
            self._take_from_memory(key, index)
            return self._cache.after(key, index)
        rows = self._cache.after(key, index)
        if rows:
            return rows
        end, steps = self._ends.get(key, (0, -1))
        if index >= end and len(self.session.steps) <= steps * REREAD_GROWTH:
            return []
        self._missing[key] = index
        return None

    def fetch(self, most: int | None = None) -> bool:
        """Read what is missing, of `most` maps at once; whether it was read already and can be asked for now.

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
    """Reads one row of a map as it was recorded: that of one head, or the mean of those that were recorded."""

    def __init__(self, session: Session, reading: Reading | None = None) -> None:
        self.session = session
        self._reading = reading or Reading()
        self._steps = 0
        """How many steps the session had when the row was asked for that is not in the file."""

    def read(self, request: int, layer: int, head: int | None, position: int) -> NDArray[np.float32] | None:
        """Float32 [position + 1], empty where none was recorded; None while it is read.

        The mean is that of the heads in the newest step that computed the row. Raises SessionFileError.
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
            self._reading.forget()  # it may have been recorded since
            found = self._reading.answer(session, (request, layer, tuple(of), position), read)
        return None if found is None else found.value


def mean_of(rows: list[Row]) -> NDArray[np.float32]:
    """The mean of those rows of one position that its newest step computed; empty where there is none."""
    newest = max((row.step for row in rows), default=0)
    probs = [row.probs for row in rows if row.step == newest]
    if len(probs) == 1:
        return probs[0]
    return np.mean(probs, axis=0, dtype=np.float32) if probs else NO_ROW
