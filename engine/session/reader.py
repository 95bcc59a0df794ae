"""Reads a session file: columns in bulk, blobs on demand; says in one sentence why a file cannot be opened."""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path, PurePath, PureWindowsPath
from typing import Any, Final
from urllib.parse import quote_from_bytes

from engine import leftovers
from engine.errors import SessionFileError
from engine.model.folder import is_pointer, pointer_sentence
from engine.session.packs import PACKED, Column, columns_of, unpack
from engine.session.schema import PHASES
from engine.session.tables import MIGRATIONS, VERSION
from engine.session.writer import HEADER_BYTES, is_session

OWN_COPY: Final = "mode=rw"
"""How a copy is opened that nobody else knows."""
ROWS_AT_ONCE: Final = 50_000
UNREADABLE: Final = (sqlite3.DatabaseError, UnicodeDecodeError)
"""What SQLite raises where a file is damaged; the second one where its own words about that are damaged too."""
PHASES_ROW_BYTES: Final = 4 * len(PHASES)
KV_ROW_BYTES: Final = 16
PROBABILITY_BYTES: Final = 2
ALTERNATIVE_BYTES: Final = 8


def sqlite_uri(path: PurePath, mode: str) -> str:
    """The URI by which SQLite opens an absolute path.

    SQLite takes no authority, where `PurePath.as_uri` puts the server of a Windows share (`file://server/share`): a
    share is a path that begins with two slashes, after an empty authority. The `\\\\?\\` of long paths is left out.
    """
    text = path.as_posix()
    if isinstance(path, PureWindowsPath):
        text = text.replace("//?/UNC/", "//").removeprefix("//?/")
    quoted = quote_from_bytes(os.fsencode(text), safe=b"/:")
    return f"file://{'' if text.startswith('/') else '/'}{quoted}?{mode}"


class SessionFile:
    """A session file open for reading; any thread may ask, one at a time. Use as a DetailSource, and close it.

    Raises SessionFileError, whose sentence says what is wrong, where the file is not there, not SQLite, not a session,
    of a newer version, or damaged. The file itself is never changed: an older version is migrated on a copy, and so is
    a write-ahead log replayed that a crash left in a folder that cannot be written.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self._lock = threading.Lock()
        self._copy: tempfile.TemporaryDirectory[str] | None = None
        version = self._check_header()
        if version < VERSION and version not in MIGRATIONS:
            raise SessionFileError(f"{path} has format version {version}, which never was one of DecodeScope's.")
        try:
            self._db = self._connect() if version == VERSION else self._migrated(version)
        except BaseException:
            self._forget_copy()
            raise

    def close(self) -> None:
        """Give the file back; safe to call twice."""
        self._db.close()
        self._forget_copy()

    def query(self, sql: str, parameters: tuple[Any, ...] = ()) -> list[Any]:
        """All rows of a query."""
        with self._lock:
            try:
                return self._db.execute(sql, parameters).fetchall()
            except UNREADABLE as error:
                raise self.damaged(error) from error

    def chunks(self, sql: str, parameters: tuple[Any, ...] = (), rows: int = ROWS_AT_ONCE) -> Iterator[list[Any]]:
        """The rows of a query, some at a time; nothing else can be asked before the last of them."""
        with self._lock:
            try:
                cursor = self._db.execute(sql, parameters)
                while found := cursor.fetchmany(rows):
                    yield found
            except UNREADABLE as error:
                raise self.damaged(error) from error

    def columns(self, table: str) -> Iterator[dict[str, Column]]:
        """A table of `packs.PACKED` in order, some rows at a time: what is in packs, then the rows that are not yet."""
        last = -1
        if self._has_packs():
            packs = "SELECT last, count, columns FROM packs WHERE of = ? ORDER BY last"
            for rows in self.chunks(packs, (table,), rows=16):
                for last_of_pack, count, blob in rows:
                    yield unpack(blob, count)
                    last = last_of_pack
        there = {row[1] for row in self.query(f"PRAGMA table_info({table})")}
        names = [name for name in PACKED[table] if name in there or not there]  # version 1 got columns since
        listed = ", ".join(f'"{name}"' for name in names)
        for rows in self.chunks(f"SELECT {listed} FROM {table} WHERE rowid > ? ORDER BY rowid", (last,)):
            yield columns_of(table, names, rows)

    def packed_rows(self, table: str) -> int:
        """How many rows of a table are in packs."""
        if not self._has_packs():
            return 0
        return int(self.query("SELECT coalesce(sum(count), 0) FROM packs WHERE of = ?", (table,))[0][0])

    def attention_maps(self) -> list[tuple[int, int, int]]:
        """(request, layer, head) of every map, by as many steps through the index as there are maps."""
        found: list[tuple[int, int, int]] = []
        after = (-(2**62), 0, 0)
        step = (
            "SELECT request_id, layer, head FROM attention WHERE (request_id, layer, head) > (?, ?, ?) "
            "ORDER BY request_id, layer, head LIMIT 1"
        )
        while rows := self.query(step, after):
            after = rows[0]
            found.append(after)
        return found

    def backup(self, destination: str | os.PathLike[str]) -> None:
        """Copy what is committed, also while it is being written; raises sqlite3.Error."""
        target = sqlite3.connect(destination)
        try:
            target.execute("PRAGMA locking_mode = EXCLUSIVE")
            with self._lock:
                self._db.backup(target)
            target.execute("PRAGMA journal_mode = DELETE")
        finally:
            target.close()

    def damaged(self, error: Exception) -> SessionFileError:
        """What to say where the file's content makes no sense."""
        return SessionFileError(f"{self.path} is damaged or cut short and cannot be read to the end: {error}.")

    # --- DetailSource -----------------------------------------------------------------------------------------------

    def step_blobs(self, step_id: int) -> tuple[bytes, bytes] | None:
        rows = self.query("SELECT phases, kv_layers FROM steps WHERE id = ?", (step_id,))
        return (self._blob(rows[0][0], PHASES_ROW_BYTES), self._blob(rows[0][1], KV_ROW_BYTES)) if rows else None

    def attention_rows(self, request_id: int, layer: int, head: int) -> list[tuple[int, int, bytes]]:
        rows = self.query(
            "SELECT step_id, position, probs FROM attention "
            "WHERE request_id = ? AND layer = ? AND head = ? ORDER BY rowid",
            (request_id, layer, head),
        )
        for step_id, position, probs in rows:
            if type(step_id) is not int or type(position) is not int:
                raise self.damaged(ValueError("an attention row names no step"))
            self._blob(probs, PROBABILITY_BYTES)
        return rows

    def alternatives(self, token_id: int) -> bytes:
        rows = self.query("SELECT alternatives FROM tokens WHERE id = ?", (token_id,))
        return self._blob(rows[0][0], ALTERNATIVE_BYTES) if rows else b""

    def _blob(self, value: Any, item_bytes: int) -> bytes:
        """A blob as it stands in the file, once it is one, of whole items."""
        if not isinstance(value, bytes) or len(value) % item_bytes:
            raise self.damaged(ValueError(f"a blob is not made of items of {item_bytes} bytes"))
        return value

    # ----------------------------------------------------------------------------------------------------------------

    def _check_header(self) -> int:
        """The format version, once the first bytes are those of a session that this program can read."""
        path = self.path
        try:
            with path.open("rb") as file:
                head = file.read(HEADER_BYTES)
                size = os.fstat(file.fileno()).st_size
        except FileNotFoundError:
            raise SessionFileError(f"There is no file {path}.") from None
        except IsADirectoryError:
            raise SessionFileError(f"{path} is a folder, not a session file.") from None
        except OSError as error:
            raise SessionFileError(f"{path} cannot be read: {error.strerror}.") from error
        if is_pointer(head):
            raise SessionFileError(pointer_sentence(path))
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
        page, pages = int.from_bytes(head[16:18], "big"), int.from_bytes(head[28:32], "big")
        page = 65536 if page == 1 else page
        if head[24:28] == head[92:96] and size < page * pages and not self._has_log():
            missing = page * pages - size
            raise SessionFileError(
                f"{path} is damaged or cut short: {missing} of its {page * pages} bytes are missing."
            )
        return version

    def _connect(self) -> sqlite3.Connection:
        try:
            return self._open(self.path, "mode=ro")
        except sqlite3.OperationalError:  # no room beside it for SQLite's shared memory
            try:
                if not self._has_log():
                    return self._open(self.path, "immutable=1")
                return self._open(self._copied(), OWN_COPY)
            except sqlite3.OperationalError as error:
                raise SessionFileError(f"{self.path} cannot be opened: {error}.") from error

    def _open(self, path: Path, mode: str) -> sqlite3.Connection:
        db = sqlite3.connect(sqlite_uri(path.absolute(), mode), uri=True, check_same_thread=False, isolation_level=None)
        try:
            if mode == OWN_COPY:
                db.execute("PRAGMA locking_mode = EXCLUSIVE")  # so that a log needs no memory shared with others
            db.execute("SELECT count(*) FROM meta").fetchone()
        except UNREADABLE as error:
            db.close()
            if isinstance(error, sqlite3.OperationalError):
                raise
            raise self.damaged(error) from error
        return db

    def _migrated(self, version: int) -> sqlite3.Connection:
        db = self._open(self._copied(), OWN_COPY)
        for before in range(version, VERSION):
            for statement in MIGRATIONS[before]:
                db.execute(statement)
        return db

    def _copied(self) -> Path:
        """A copy of the file and its write-ahead log, which lasts as long as this object."""
        self._copy = tempfile.TemporaryDirectory(prefix="decodescope-")
        leftovers.keep_track(Path(self._copy.name))
        target = Path(self._copy.name) / self.path.name
        try:
            shutil.copyfile(self.path, target)
            for log in self._logs():
                shutil.copyfile(log, f"{target}{log.name.removeprefix(self.path.name)}")
        except OSError as error:
            raise SessionFileError(f"{self.path} could not be copied to be opened: {error.strerror}.") from error
        return target

    def _forget_copy(self) -> None:
        if self._copy is not None:
            self._copy.cleanup()
            leftovers.remove(Path(self._copy.name))
            self._copy = None

    def _has_log(self) -> bool:
        return bool(self._logs())

    def _logs(self) -> list[Path]:
        """What lies beside the file and belongs to its content: a write-ahead log, or a journal to roll back."""
        logs = (Path(f"{self.path}{end}") for end in ("-wal", "-journal"))
        return [log for log in logs if log.exists() and log.stat().st_size > 0]

    def _has_packs(self) -> bool:
        return bool(self.query("SELECT 1 FROM sqlite_master WHERE name = 'packs'"))
