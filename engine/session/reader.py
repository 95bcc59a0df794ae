"""Reads a session file: columns in bulk, blobs on demand; says in one sentence why a file cannot be opened."""

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
    """A session file open for reading; any thread may ask, one at a time. Use as a DetailSource, and close it.

    Raises SessionFileError, whose sentence says what is wrong, where the file is not there, not SQLite, not a session,
    of a newer version, or damaged. The file itself is never changed (`Database`). Whoever holds `patience` ends what
    is being read by giving up; that, too, is a SessionFileError.
    """

    def __init__(self, path: str | os.PathLike[str], patience: Patience | None = None) -> None:
        self.path = Path(path)
        self.layers = 0
        """Layers of the model, by which blobs are checked; 0 while that is not known."""
        watch = Watch(patience or Patience())
        self._database = Database(self.path, watch)
        self._queries = Queries(self._database, watch)

    def close(self) -> None:
        """Give the file back; safe to call twice."""
        self._database.close()

    def damaged(self, error: Exception) -> SessionFileError:
        """What to say where the file's content makes no sense."""
        return damaged(self.path, error)

    def backup(self, destination: str | os.PathLike[str]) -> None:
        """Copy what is committed, also while it is being written; raises sqlite3.Error."""
        self._queries.backup(destination)

    # --- in bulk ----------------------------------------------------------------------------------------------------

    def query(self, sql: str, parameters: tuple[Any, ...] = (), patience: Patience | None = None) -> list[Any]:
        """All rows of a query, which `patience` can give up without giving up the file."""
        return self._queries.query(sql, parameters, patience)

    def packs(self, table: str) -> list[PackAt]:
        """The packs of a table that stand for its rows; to be given to `columns`."""
        return packed_tables.packs_of(self._queries, table)

    def columns(self, table: str, packs: Sequence[PackAt]) -> Generator[dict[str, Column]]:
        """A table of `packs.PACKED` in order, some rows at a time: what is in packs, then the rows that are not.

        Nothing else can be asked before the last of them.
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
