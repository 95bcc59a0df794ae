"""Reads a session file: columns in bulk, blobs on demand. Its errors say in one sentence what is wrong."""

from __future__ import annotations

import os
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any

from engine.errors import SessionFileError
from engine.session import attention_table, blobs, packed_tables
from engine.session.database import Database
from engine.session.pack_index import PackAt
from engine.session.packs import Column
from engine.session.patience import Patience, Watch
from engine.session.queries import Queries
from engine.session.unreadable import damaged


class SessionFile:
    """A session file open for reading, also a DetailSource. Any thread may call; queries run one at a time. Close it.

    Raises SessionFileError, whose message says what is wrong, where the file does not exist, is not SQLite, not a
    session, of a newer version, or damaged. The file itself is never changed (`Database`). `patience.give_up()` ends
    the reading, with SessionFileError, too.
    """

    def __init__(self, path: str | os.PathLike[str], patience: Patience | None = None) -> None:
        self.path = Path(path)
        self.layers = 0
        """The number of layers of the model, with which blobs are checked; 0 while it is not known."""
        watch = Watch(patience or Patience())
        self._queries = Queries(Database(self.path, watch), watch)

    def close(self) -> None:
        """Close the file; a query that runs is given up first. Safe to call twice and from any thread."""
        self._queries.close()

    def damaged(self, error: Exception) -> SessionFileError:
        """The error for a file whose content makes no sense; `error` says why."""
        return damaged(self.path, error)

    def backup(self, destination: str | os.PathLike[str]) -> None:
        """Copy the committed content to a new file, also while the session is being written; raises sqlite3.Error."""
        self._queries.backup(destination)

    # --- in bulk ----------------------------------------------------------------------------------------------------

    def query(self, sql: str, parameters: tuple[Any, ...] = (), patience: Patience | None = None) -> list[Any]:
        """All rows of a query. `patience` ends this query alone; later queries of the file still run."""
        return self._queries.query(sql, parameters, patience)

    def columns_there(self, table: str) -> set[str]:
        """The names of the columns that a table has in this file; empty where an older file lacks the table."""
        return {row[1] for row in self.query(f"PRAGMA table_info({table})")}

    def packs(self, table: str) -> list[PackAt]:
        """The packs of a table that may be read instead of its rows; pass them to `columns`."""
        return packed_tables.packs_of(self._queries, table)

    def columns(self, table: str, packs: Sequence[PackAt]) -> Generator[dict[str, Column]]:
        """A table of `packs.PACKED` in order, some rows at a time: first from packs, then the rows that are in no pack.

        No other query can run before the generator ends.
        """
        return packed_tables.columns_from(self._queries, table, packs)

    def attention_maps(self) -> list[tuple[int, int, int]]:
        """(request, layer, head) of every map."""
        return attention_table.attention_maps(self._queries)

    # --- DetailSource -----------------------------------------------------------------------------------------------

    def step_blobs(self, step_id: int, patience: Patience | None = None) -> tuple[bytes, bytes] | None:
        return blobs.step_blobs(self._queries, step_id, self.layers, patience)

    def alternatives(self, token_id: int, patience: Patience | None = None) -> bytes:
        return blobs.alternatives(self._queries, token_id, patience)

    def attention_rows(
        self,
        request_id: int,
        layer: int,
        head: int,
        first: int = 0,
        most: int | None = None,
        patience: Patience | None = None,
    ) -> list[tuple[int, int, bytes]]:
        return attention_table.attention_rows(self._queries, (request_id, layer, head), first, most, patience)

    def attention_row(
        self, request_id: int, layer: int, head: int, position: int, patience: Patience | None = None
    ) -> tuple[int, int, bytes] | None:
        return attention_table.attention_row(self._queries, (request_id, layer, head), position, patience)
