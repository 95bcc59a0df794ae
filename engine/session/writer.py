"""Writes a session file while the run goes on. If the writer is killed, what was committed can still be opened."""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import msgspec
import numpy as np

from engine.errors import SessionFileError
from engine.session import schema
from engine.session.connecting import COMPANIONS
from engine.session.destination import claim_destination
from engine.session.edits import write_edit
from engine.session.pack_writer import PackWriter
from engine.session.tables import (
    APPLICATION_ID,
    CREATE,
    EVENT_OF,
    INSERT,
    VERSION,
)

COMMIT_EVERY_S: Final = 0.08
"""Less than the 100 ms that the format promises, so that a call that is a little late still keeps the promise."""

LOCKED_WITHIN_S: Final = 30.0
"""How long a commit waits for a reader where there is no write-ahead log: enough for a copy of a large file."""
READERS_WITHIN_S: Final = 2.0
"""How long the end of a recording waits for its readers."""

TABLE_OF: Final = {event: table for table, event in EVENT_OF.items()}
"""The table of each event that is stored as one row."""


class SessionWriter:
    """Takes batches of events and writes them; commits at least every 100 ms as long as `append` or `tick` is called.

    An existing session at `path` is replaced; any other existing file is refused. Only one thread may use it. Raises
    SessionFileError where the file cannot be made, and from `append`, `tick`, `commit` and `close` where the disk is
    full or the file became unwritable; what was committed before stays.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self._begin = "BEGIN"
        self._claim = claim_destination(self.path)
        try:
            self._db = self._made()
            self._db.execute(self._begin)
        except BaseException as error:
            if self._claim.made:
                self._claim.path.unlink(missing_ok=True)
            self._claim.close()
            if isinstance(error, sqlite3.Error):
                raise SessionFileError(f"The session file {self.path} cannot be written: {error}.") from error
            raise
        self._committed_at = time.monotonic()
        self._changed = False
        self._with_first_token: set[int] = set()
        self._packs = PackWriter(self._db)
        self._failed: SessionFileError | None = None

    def _made(self) -> sqlite3.Connection:
        """A new file with its tables. Raises sqlite3.Error, SessionFileError.

        The write-ahead log needs memory that processes share. Some file systems do not offer it (network and overlay
        file systems, some containers). There a rollback journal keeps the same promises, and readers wait for commits.
        """
        try:
            return self._make("WAL")
        except sqlite3.OperationalError as error:
            if "locked" in str(error):  # no other program has the file: the lock is this claim's
                self._claim.unlock()
            self._begin = "BEGIN IMMEDIATE"  # so that other programs always see that it is written
            return self._make("TRUNCATE")

    def _make(self, journal: str) -> sqlite3.Connection:
        self._make_room()
        db = sqlite3.connect(self._claim.path, LOCKED_WITHIN_S, isolation_level=None)
        try:
            db.execute("BEGIN")  # one commit for all tables: a commit waits for the disk, and the run for it
            db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            db.execute(f"PRAGMA user_version = {VERSION}")
            for statement in CREATE:
                db.execute(statement)
            db.execute("COMMIT")
            db.execute(f"PRAGMA journal_mode = {journal}")
            db.execute("PRAGMA synchronous = FULL")  # a commit survives a power failure
            db.execute("SELECT count(*) FROM meta").fetchall()  # the first query makes the log, or fails here
        except BaseException:
            db.close()
            raise
        return db

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def append(self, events: Iterable[schema.AnyEvent]) -> None:
        """Write a batch of events; events of state are not stored and are ignored."""
        if self._failed is not None:
            raise self._failed
        rows: dict[str, list[Any]] = defaultdict(list)
        rare: list[schema.AnyEvent] = []
        for event in events:
            table = TABLE_OF.get(type(event))
            if table is None:
                rare.append(event)
            else:
                rows[table].append(msgspec.structs.astuple(event))
                if type(event) is schema.Token and event.request_id not in self._with_first_token:
                    self._with_first_token.add(event.request_id)
                    rare.append(event)
        try:
            for event in rare:
                self._write_rare(event)
            for table, values in rows.items():
                self._db.executemany(INSERT[table], values)
            self._packs.add(rows)
        except sqlite3.Error as error:
            raise self._failure(error) from error
        self._changed = self._changed or bool(rows or rare)
        self.tick()

    def tick(self) -> None:
        """Commit if COMMIT_EVERY_S has passed since the last commit and there is anything to commit."""
        if self._changed and time.monotonic() - self._committed_at >= COMMIT_EVERY_S:
            self.commit()

    def commit(self) -> None:
        """Commit now."""
        try:
            self._db.execute("COMMIT")
            self._db.execute(self._begin)
        except sqlite3.Error as error:
            raise self._failure(error) from error
        self._changed = False
        self._committed_at = time.monotonic()

    def close(self) -> None:
        """Commit, write the last packs, and leave one file that needs no files beside it; safe to call twice."""
        try:
            if self._db.in_transaction:
                self._db.execute("COMMIT")
            if self._failed is None:
                self._db.execute("BEGIN")
                self._packs.finish()
                self._db.execute("COMMIT")
            self._leave_one_file()
        except sqlite3.ProgrammingError:
            return  # already closed
        except sqlite3.OperationalError as error:
            raise self._failure(error) from error
        finally:
            self._db.close()
            self._claim.close()

    def _leave_one_file(self) -> None:
        """Move everything from the log into the file, and remove the log unless a reader keeps the file open.

        SQLite does not wait for readers here, so this method waits READERS_WITHIN_S: enough for a query or a copy.
        """
        deadline = time.monotonic() + READERS_WITHIN_S
        while True:
            try:
                self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
                self._db.execute("PRAGMA journal_mode = DELETE")
                return
            except sqlite3.OperationalError as error:
                if "locked" not in str(error):
                    raise
                if time.monotonic() > deadline:
                    return  # the file is complete; an empty log stays until the readers close
            time.sleep(0.01)

    def _write_rare(self, event: schema.AnyEvent) -> None:
        match event:
            case schema.SessionStarted():
                self._write_meta(event.meta)
            case schema.Dropped():
                self._write_meta({"dropped": json.dumps(msgspec.structs.asdict(event))})
            case schema.FactsSet() | schema.MarkChanged():
                write_edit(self._db, event)
            case schema.RequestArrived():
                self._db.execute(
                    INSERT["requests"],
                    (event.id, event.prompt, len(event.prompt_token_ids), event.params, event.arrived_ns,
                     np.array(event.prompt_token_ids, np.int32).tobytes(), json.dumps(event.prompt_token_texts),
                     event.told_by, event.before_ns, event.begun_before),
                )  # fmt: skip
            case schema.PromptTold():
                self._update_request(
                    event.id, prompt_tokens=len(event.prompt_token_ids),
                    prompt_token_ids=np.array(event.prompt_token_ids, np.int32).tobytes(),
                    prompt_token_texts=json.dumps(event.prompt_token_texts),
                )  # fmt: skip
            case schema.RequestScheduled():
                self._update_request(event.id, scheduled_ns=event.scheduled_ns)
            case schema.RequestFinished():
                self._update_request(event.id, finished_ns=event.finished_ns, finish_reason=event.finish_reason)
            case schema.Token():
                self._update_request(event.request_id, first_token_ns=event.emitted_ns)

    def _write_meta(self, facts: dict[str, str]) -> None:
        self._db.executemany("INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)", facts.items())

    def _update_request(self, request_id: int, **values: object) -> None:
        assignments = ", ".join(f"{name} = ?" for name in values)
        self._db.execute(f"UPDATE requests SET {assignments} WHERE id = ?", (*values.values(), request_id))

    def _make_room(self) -> None:
        """Put an empty file in the place of an older session at this path, and remove the files beside it."""
        path = self._claim.path
        try:
            for companion in COMPANIONS:
                Path(f"{path}{companion}").unlink(missing_ok=True)
            if path.stat().st_size:
                self._claim.start_anew()
        except OSError as error:
            raise SessionFileError(f"The session file {self.path} cannot be written: {error.strerror}.") from error

    def _failure(self, error: sqlite3.Error) -> SessionFileError:
        self._failed = SessionFileError(
            f"Recording to {self.path} stopped: {error}. What was written until then is kept."
        )
        return self._failed
