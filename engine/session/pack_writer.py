"""Writes the packs of a session file while its rows are written."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any, Final

from engine.session.fields import Held
from engine.session.packs import PACK_ROWS, PACKED, columns_of, pack
from engine.session.tables import COLUMNS, FIELDS, INSERT, INSERT_TRIGGER

NUMBERED: Final = frozenset(
    table for table, fields in FIELDS.items() if any(field.held is Held.KEY for field in fields)
)
"""The tables whose rowid is the id that the engine gave. In the other tables SQLite numbers the rows from 1."""


class PackWriter:
    """Keeps the rows that are in no pack yet, and writes a pack when there are PACK_ROWS of them.

    Writes within the open transaction of the connection. Raises sqlite3.Error.
    """

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._unpacked: dict[str, list[Sequence[Any]]] = {table: [] for table in PACKED}
        self._packed = dict.fromkeys(PACKED, 0)

    def add(self, rows: Mapping[str, Sequence[Sequence[Any]]]) -> None:
        """Take rows that were just written, by table, in the order in which they were written."""
        for table in PACKED:
            self._unpacked[table] += rows.get(table, ())
            while len(self._unpacked[table]) >= PACK_ROWS:
                self._write(table)

    def finish(self) -> None:
        """Write the remaining rows as packs, and make the triggers by which later INSERTs delete packs."""
        for table in PACKED:
            if self._unpacked[table]:
                self._write(table)
            self._db.execute(INSERT_TRIGGER[table].replace("TRIGGER", "TRIGGER IF NOT EXISTS", 1))

    def _write(self, table: str) -> None:
        """Write the oldest PACK_ROWS rows at most that are in no pack as one; `last` is the rowid of its last row."""
        rows = self._unpacked[table][:PACK_ROWS]
        del self._unpacked[table][:PACK_ROWS]
        self._packed[table] += len(rows)
        last = rows[-1][0] if table in NUMBERED else self._packed[table]
        packed = pack(columns_of(table, COLUMNS[table], rows))
        self._db.execute(INSERT["packs"], (table, last, len(rows), packed))
