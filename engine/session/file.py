"""Opens session files: the columns into memory, the blobs on demand."""

from __future__ import annotations

import json
import os
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from engine.errors import SessionFileError
from engine.session.columns import Columns
from engine.session.store import (
    BLOCK_EVENTS,
    STEP_INTS,
    STEP_KINDS,
    TOKEN_SOURCES,
    Config,
    Mark,
    Request,
    Session,
    phase_totals,
)
from engine.session.tables import VERSION
from engine.session.writer import SessionWriter, is_session

__all__ = ["SessionFile", "SessionWriter", "open_session", "save_as"]

ROWS_AT_ONCE: Final = 50_000


class SessionFile:
    """A session file open for reading; any thread may ask, one at a time. Use as a DetailSource, and close it.

    Raises SessionFileError, whose sentence says what is wrong, where the file is not there, not SQLite, not a session,
    of a newer version, or damaged.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self._lock = threading.Lock()
        self._check_header()
        self._db = self._connect()

    def close(self) -> None:
        self._db.close()

    def query(self, sql: str, parameters: tuple[Any, ...] = ()) -> list[Any]:
        """All rows of a query."""
        with self._lock:
            try:
                return self._db.execute(sql, parameters).fetchall()
            except sqlite3.DatabaseError as error:
                raise self._damaged(error) from error

    def chunks(self, sql: str) -> Iterator[list[Any]]:
        """The rows of a query, some ten thousand at a time."""
        with self._lock:
            try:
                cursor = self._db.execute(sql)
                while rows := cursor.fetchmany(ROWS_AT_ONCE):
                    yield rows
            except sqlite3.DatabaseError as error:
                raise self._damaged(error) from error

    # --- DetailSource -----------------------------------------------------------------------------------------------

    def step_blobs(self, step_id: int) -> tuple[bytes, bytes] | None:
        rows = self.query("SELECT phases, kv_layers FROM steps WHERE id = ?", (step_id,))
        return (rows[0][0], rows[0][1]) if rows else None

    def attention_rows(self, request_id: int, layer: int, head: int) -> list[tuple[int, int, bytes]]:
        return self.query(
            "SELECT step_id, position, probs FROM attention "
            "WHERE request_id = ? AND layer = ? AND head = ? ORDER BY rowid",
            (request_id, layer, head),
        )

    def alternatives(self, token_id: int) -> bytes:
        rows = self.query("SELECT alternatives FROM tokens WHERE id = ?", (token_id,))
        return bytes(rows[0][0]) if rows else b""

    # ----------------------------------------------------------------------------------------------------------------

    def _check_header(self) -> None:
        path = self.path
        try:
            with path.open("rb") as file:
                head = file.read(72)
        except FileNotFoundError:
            raise SessionFileError(f"There is no file {path}.") from None
        except IsADirectoryError:
            raise SessionFileError(f"{path} is a folder, not a session file.") from None
        except OSError as error:
            raise SessionFileError(f"{path} cannot be read: {error.strerror}.") from error
        if not head.startswith(b"SQLite format 3\0"):
            raise SessionFileError(f"{path} is not a session file: it is not an SQLite database.")
        if not is_session(head):
            raise SessionFileError(f"{path} is an SQLite database, but not a session of DecodeScope.")
        version = int.from_bytes(head[60:64], "big")
        if version > VERSION:
            raise SessionFileError(
                f"{path} has format version {version}; this DecodeScope reads up to version {VERSION}. "
                "A newer DecodeScope opens it."
            )

    def _connect(self) -> sqlite3.Connection:
        uri = self.path.absolute().as_uri()
        for mode in ("mode=ro", "immutable=1"):  # a WAL file in a folder that cannot be written opens only as immutable
            try:
                db = sqlite3.connect(f"{uri}?{mode}", uri=True, check_same_thread=False)
                db.execute("SELECT count(*) FROM meta").fetchone()
                return db
            except sqlite3.OperationalError as error:
                db.close()
                failure: sqlite3.Error = error
            except sqlite3.DatabaseError as error:
                db.close()
                raise self._damaged(error) from error
        raise SessionFileError(f"{self.path} cannot be opened: {failure}.") from failure

    def _damaged(self, error: sqlite3.Error) -> SessionFileError:
        return SessionFileError(f"{self.path} is damaged or cut short and cannot be read to the end: {error}.")


def open_session(path: str | os.PathLike[str]) -> Session:
    """The Session that a file holds; its blobs are read from the file when they are asked for (`Session.source`)."""
    file = SessionFile(path)
    try:
        session = Session(file)
        session.meta.update(file.query("SELECT key, value FROM meta"))
        session.dropped.update(json.loads(session.meta.get("dropped", "{}")))
        session.configs += [Config(i, s, json.loads(j)) for i, s, j in file.query("SELECT * FROM configs ORDER BY id")]
        session.marks += [Mark(*row) for row in file.query("SELECT t_ns, kind, label FROM marks ORDER BY t_ns")]
        _read_requests(file, session)
        _read_steps(file, session)
        _read_tokens(file, session)
        _read_plain(file, session.work, "work")
        _read_plain(file, session.speculation, "speculation")
        _read_plain(file, session.kv_blocks, "kv_blocks", {"event": BLOCK_EVENTS})
        _read_plain(file, session.device_samples, "device_samples")
        session.know_attention(file.query("SELECT DISTINCT request_id, layer, head FROM attention"))
        session.revision += 1
    except BaseException:
        file.close()
        raise
    return session


def save_as(source: str | os.PathLike[str], destination: str | os.PathLike[str]) -> None:
    """Copy a session file, also while it is being written; the copy is whole and needs no companions.

    Raises SessionFileError where the source cannot be read or the destination cannot be written.
    """
    if Path(source).absolute() == Path(destination).absolute():
        return
    file = SessionFile(source)
    try:
        SessionWriter(destination).close()  # says in one sentence why not, where that cannot be written
        target = sqlite3.connect(destination)
        try:
            file._db.backup(target)
            target.execute("PRAGMA journal_mode = DELETE")
        finally:
            target.close()
    except sqlite3.Error as error:
        raise SessionFileError(f"The session could not be saved as {destination}: {error}.") from error
    finally:
        file.close()


def _read_requests(file: SessionFile, session: Session) -> None:
    for row in file.query(
        "SELECT id, prompt, prompt_token_ids, prompt_token_texts, params, arrived_ns, scheduled_ns, first_token_ns, "
        "finished_ns, finish_reason FROM requests ORDER BY id"
    ):
        ids = np.frombuffer(row[2], np.int32).tolist()
        session.requests[row[0]] = Request(row[0], row[1], ids, json.loads(row[3]), json.loads(row[4]), *row[5:])


def _read_steps(file: SessionFile, session: Session) -> None:
    names = (*STEP_INTS, "kind", "attention_kernel", "phases")
    for rows in file.chunks(f"SELECT {', '.join(names)} FROM steps ORDER BY id"):
        columns = dict(zip(names, zip(*rows, strict=True), strict=True))
        for kernel in dict.fromkeys(columns["attention_kernel"]):
            if kernel not in session.attention_kernels:
                session.attention_kernels.append(kernel)
        session.phases.extend_columns({"us": np.array([phase_totals(blob) for blob in columns["phases"]])})
        session.steps.extend_columns(
            {name: np.array(columns[name], np.int64) for name in STEP_INTS}
            | {
                "kind": _codes(columns["kind"], STEP_KINDS),
                "attention_kernel": _codes(columns["attention_kernel"], tuple(session.attention_kernels)),
            }
        )


def _read_tokens(file: SessionFile, session: Session) -> None:
    names = session.tokens.names
    for rows in file.chunks(f"SELECT {', '.join(names)} FROM tokens ORDER BY id"):
        first_row = len(session.tokens)
        columns = dict(zip(names, zip(*rows, strict=True), strict=True))
        session.tokens.extend_columns(
            {
                name: np.array(columns[name], session.tokens[name].dtype)
                for name in names
                if name not in ("source", "text")
            }
            | {"source": _codes(columns["source"], TOKEN_SOURCES), "text": _objects(columns["text"])}
        )
        for row, request_id in enumerate(columns["request_id"], first_row):
            session.requests[request_id].token_rows.append(row)


def _read_plain(file: SessionFile, table: Columns, name: str, codes: dict[str, tuple[str, ...]] | None = None) -> None:
    """Columns that stand in the file under the same names; `codes` says which hold words that are kept as numbers."""
    quoted = ", ".join(f'"{column}"' for column in table.names)
    for rows in file.chunks(f"SELECT {quoted} FROM {name} ORDER BY rowid"):
        arrays: dict[str, NDArray[Any]] = {}
        for column, values in zip(table.names, zip(*rows, strict=True), strict=True):
            if codes and column in codes:
                arrays[column] = _codes(values, codes[column])
            elif table[column].dtype == np.object_:
                arrays[column] = _objects(values)
            else:
                arrays[column] = np.array(values, table[column].dtype)
        table.extend_columns(arrays)


def _codes(values: tuple[str, ...], words: tuple[str, ...]) -> NDArray[np.int16]:
    index = {word: code for code, word in enumerate(words)}
    return np.fromiter((index[value] for value in values), np.int16, len(values))


def _objects(values: tuple[Any, ...]) -> NDArray[np.object_]:
    array = np.empty(len(values), np.object_)
    array[:] = values
    return array
