"""Runs queries on an open session file, one at a time. Their work and their result are limited by the file's size."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Any, Final

import msgspec

from engine.errors import SessionFileError
from engine.session.connecting import honest_bytes
from engine.session.database import Database
from engine.session.packs import PACKED
from engine.session.patience import EndlessError, GivenUpError, Patience, Watch
from engine.session.unreadable import UNREADABLE, damaged, given_up

ROWS_AT_ONCE: Final = 50_000
LOOK_EVERY_S: Final = 0.05
"""How often a query that waits for another one checks whether it was given up."""
BYTES_AT_ONCE: Final = 256 * 2**20
"""The most bytes of rows that are fetched together, if every row had the largest size possible."""
MOST_COLUMNS: Final = max(map(len, PACKED.values()))
LEAST_GIVEN: Final = 2**20
"""Bytes of rows that every file may give, however small it is; MOST_GIVEN comes on top."""
MOST_GIVEN: Final = 8
"""How many times its own size the rows of a query may have, counted as MessagePack. The factor is needed because SQLite
stores some numbers in no byte, and MessagePack writes a number in up to nine."""
LEAST_ROW_BYTES: Final = 5
"""The least bytes of a row in a file: its length, rowid, header and pointer in its page."""

_encoder = msgspec.msgpack.Encoder()


class Queries:
    """The queries of a session file. Any thread may call; queries run one at a time.

    Every method that queries raises SessionFileError where the file is damaged, or where the query was given up.
    """

    def __init__(self, database: Database, watch: Watch) -> None:
        """`watch` is the Watch of the database's connection."""
        self._database = database
        self._watch = watch
        self._lock = threading.Lock()
        self._calling = threading.Lock()
        """Held while SQLite runs: a connection that another thread closes meanwhile crashes the process."""

    def close(self) -> None:
        """End the running query, which gives up, and close the database; safe to call twice and from any thread."""
        self._watch.end()
        with self._calling:
            self._database.close()

    @property
    def most_rows(self) -> int:
        """The most rows that a file of this size can hold."""
        return honest_bytes(self._database.opened) // LEAST_ROW_BYTES

    def query(self, sql: str, parameters: tuple[Any, ...] = (), patience: Patience | None = None) -> list[Any]:
        """All rows of a query. `patience` ends this query alone; later queries of the file still run."""
        return [row for rows in self.chunks(sql, parameters, patience=patience) for row in rows]

    def chunks(
        self,
        sql: str,
        parameters: tuple[Any, ...] = (),
        rows: int = ROWS_AT_ONCE,
        value_bytes: int | None = None,
        patience: Patience | None = None,
    ) -> Generator[list[Any]]:
        """The rows of a query, some at a time. No other query can run before the generator ends.

        A damaged file can give the same page again and again, so a query whose rows are larger than the file allows
        ends with SessionFileError. `value_bytes` says that no value is larger: then more rows are fetched together,
        and a larger value is an error.
        """
        with self._turn(patience):
            self._watch.begin(size := honest_bytes(self._database.opened))
            left = LEAST_GIVEN + MOST_GIVEN * size
            largest = size if value_bytes is None else min(size, MOST_COLUMNS * value_bytes)
            at_once = max(1, min(rows, BYTES_AT_ONCE // max(1, largest)))
            with self._reading(), self._values_of(value_bytes):
                cursor = self._database.connection.execute(sql, parameters)
            found: list[Any] = []
            while True:
                with self._reading(), self._values_of(value_bytes):
                    few = cursor.fetchmany(at_once)
                if not few:
                    break
                left -= len(few) * LEAST_ROW_BYTES + len(_encoder.encode(few))
                if left < 0:
                    raise self.damaged("it gives more rows than a file of its size can hold")
                found += few
                if len(found) >= rows:
                    yield found
                    found = []
            if found:
                yield found

    def backup(self, destination: str | os.PathLike[str]) -> None:
        """Copy the committed content to a new file, also while the session is being written; raises sqlite3.Error."""
        target = sqlite3.connect(destination)
        try:
            target.execute("PRAGMA locking_mode = EXCLUSIVE")
            with self._lock, self._calling:
                self._database.connection.backup(target)
            target.execute("PRAGMA journal_mode = DELETE")
        finally:
            target.close()

    def damaged(self, what: str) -> SessionFileError:
        """The error for a file whose content makes no sense; `what` says what is wrong."""
        return damaged(self._database.path, ValueError(what))

    @contextmanager
    def _turn(self, patience: Patience | None) -> Iterator[None]:
        """The context of one query: waits until no other one runs. Raises SessionFileError if `patience` ends first."""
        while not self._lock.acquire(timeout=LOOK_EVERY_S):
            if patience is not None and patience.over:
                raise given_up(self._database.path)
        self._watch.asker = patience
        try:
            yield
        finally:
            self._watch.asker = None
            self._lock.release()

    @contextmanager
    def _values_of(self, most_bytes: int | None) -> Iterator[None]:
        """The context of calls of SQLite in which no value may have more than `most_bytes`; None: no further limit."""
        if most_bytes is None:
            yield
            return
        db = self._database.connection
        before = db.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, most_bytes)
        try:
            yield
        finally:
            db.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, before)

    @contextmanager
    def _reading(self) -> Iterator[None]:
        """The context of each call of SQLite: turns its errors into SessionFileError."""
        try:
            with self._calling, self._watch.asking():
                yield
        except GivenUpError:
            raise given_up(self._database.path) from None
        except (*UNREADABLE, EndlessError) as error:
            raise damaged(self._database.path, error) from error
