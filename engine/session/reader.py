"""Reads a session file: columns in bulk, blobs on demand; says in one sentence why a file cannot be opened."""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
import threading
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np

from engine import leftovers
from engine.errors import SessionFileError
from engine.lfs_pointer import is_pointer, pointer_sentence
from engine.plain_text import one_line, path_text
from engine.regular_file import check_regular, open_regular
from engine.session.connecting import COMPANIONS, check_tables, connect, honest_bytes
from engine.session.pack_index import BROKEN, FIRST, PackAt, agreeing_packs
from engine.session.packs import PACKED, Column, columns_of, unpack
from engine.session.patience import EndlessError, GivenUpError, Patience, Watch
from engine.session.phases import MOST_US
from engine.session.schema import PHASES
from engine.session.tables import CREATE, MIGRATIONS, VERSION
from engine.session.writer import HEADER_BYTES, is_session

OWN_COPY: Final = "mode=rw"
"""How a copy is opened that nobody else knows."""
JOURNAL_MAGIC: Final = bytes.fromhex("d9d505f920a163d7")
JOURNAL_HEADER_BYTES: Final = 28
NOTHING_RECORDED: Final = "holds nothing: it was stopped before anything was recorded."
ROWS_AT_ONCE: Final = 50_000
LOOK_EVERY_S: Final = 0.05
"""How often a query that waits for another one looks whether it was given up."""
UNREADABLE: Final = (sqlite3.DatabaseError, UnicodeDecodeError)
"""What SQLite raises where a file is damaged; the second one where its own words about that are damaged too."""
NO_SESSION: Final = (ValueError, EndlessError)
"""What is raised of a database whose tables are none of a session."""
BYTES_AT_ONCE: Final = 256 * 2**20
"""What rows may take that are fetched together, if each were as large as the whole file."""
MAP_INDEX: Final = next(statement for statement in CREATE if "INDEX attention_map" in statement)
VALUE_BYTES: Final = 2**18
"""What a value of a table that is kept in packs has at most: times by phase of 4096 layers."""
MOST_LOGPROB: Final = 1.0
"""A probability is at most 1, and a little rounding."""
MOST_COLUMNS: Final = max(map(len, PACKED.values()))
LEAST_GIVEN: Final = 2**20
MOST_GIVEN: Final = 8
"""How many times its own bytes a file may give: a number that SQLite keeps in no byte is written out in up to nine."""
LEAST_ROW_BYTES: Final = 5
"""A row's length, number, head and place in its page."""
PHASES_ROW_BYTES: Final = 4 * len(PHASES)
KV_ROW_BYTES: Final = 16
PROBABILITY_BYTES: Final = 2
ALTERNATIVE_BYTES: Final = 8


_encoder = msgspec.msgpack.Encoder()


class SessionFile:
    """A session file open for reading; any thread may ask, one at a time. Use as a DetailSource, and close it.

    Raises SessionFileError, whose sentence says what is wrong, where the file is not there, not SQLite, not a session,
    of a newer version, or damaged. The file itself is never changed: an older version is migrated on a copy, and so is
    a write-ahead log replayed that a crash left in a folder that cannot be written. Whoever holds `patience` ends what
    is being read by giving up; that, too, is a SessionFileError.
    """

    def __init__(self, path: str | os.PathLike[str], patience: Patience | None = None) -> None:
        self.path = Path(path)
        self._lock = threading.Lock()
        self._watch = Watch(patience or Patience())
        self.layers = 0
        """Layers of the model, by which blobs are checked; 0 while that is not known."""
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

    def query(self, sql: str, parameters: tuple[Any, ...] = (), patience: Patience | None = None) -> list[Any]:
        """All rows of a query, which `patience` can give up without giving up the file."""
        return [row for rows in self.chunks(sql, parameters, patience=patience) for row in rows]

    def chunks(
        self,
        sql: str,
        parameters: tuple[Any, ...] = (),
        rows: int = ROWS_AT_ONCE,
        value_bytes: int | None = None,
        patience: Patience | None = None,
    ) -> Generator[list[Any]]:
        """The rows of a query, some at a time; nothing else can be asked before the last of them.

        A damaged file can hand out the same page again and again: it ends where it gives more than it has. Where no
        value has more than `value_bytes`, more rows are fetched together; a larger one is then an error.
        """
        with self._turn(patience):
            self._watch.begin(size := honest_bytes(self._opened))
            left = LEAST_GIVEN + MOST_GIVEN * size
            largest = size if value_bytes is None else min(size, MOST_COLUMNS * value_bytes)
            at_once = max(1, min(rows, BYTES_AT_ONCE // max(1, largest)))
            with self._reading(), self._values_of(value_bytes):
                cursor = self._db.execute(sql, parameters)
            found: list[Any] = []
            while True:
                with self._reading(), self._values_of(value_bytes):
                    few = cursor.fetchmany(at_once)
                if not few:
                    break
                left -= len(few) * LEAST_ROW_BYTES + len(_encoder.encode(few))
                if left < 0:
                    raise self.damaged(ValueError("it gives more rows than a file of its size can hold"))
                found += few
                if len(found) >= rows:
                    yield found
                    found = []
            if found:
                yield found

    @contextmanager
    def _turn(self, patience: Patience | None) -> Iterator[None]:
        """Around one query: waits until no other one runs, and no longer than `patience` lasts."""
        while not self._lock.acquire(timeout=LOOK_EVERY_S):
            if patience is not None and patience.over:
                raise self._given_up()
        self._watch.asker = patience
        try:
            yield
        finally:
            self._watch.asker = None
            self._lock.release()

    @contextmanager
    def _values_of(self, most_bytes: int | None) -> Iterator[None]:
        """Around what SQLite does: no value may have more bytes than this."""
        if most_bytes is None:
            yield
            return
        before = self._db.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, most_bytes)
        try:
            yield
        finally:
            self._db.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, before)

    def packs(self, table: str) -> list[PackAt]:
        """The packs of a table that stand for its rows; to be given to `columns`."""
        if not self.query("SELECT 1 FROM sqlite_master WHERE name = 'packs'"):
            return []
        return agreeing_packs(self.query, self._packed, table, honest_bytes(self._opened) // LEAST_ROW_BYTES)

    def columns(self, table: str, packs: Sequence[PackAt]) -> Iterator[dict[str, Column]]:
        """A table of `packs.PACKED` in order, some rows at a time: what is in packs, then the rows that are not.

        What a damaged pack stands for, and all after it, is read from the rows.
        """
        there = {row[1] for row in self.query(f"PRAGMA table_info({table})")}
        names = [name for name in PACKED[table] if name in there or not there]  # version 1 got columns since
        last = FIRST
        with closing(self._packed(table, packs)) as blobs:
            for pack, blob in zip(packs, blobs, strict=False):
                try:
                    columns = unpack(table, blob, pack.count)
                except BROKEN:
                    break
                if columns.keys() != set(names):
                    break
                yield columns
                last = pack.last
        listed = ", ".join(f'"{name}"' for name in names)
        sql = f"SELECT {listed} FROM {table} NOT INDEXED WHERE rowid > ? ORDER BY rowid"
        for rows in self.chunks(sql, (last,), value_bytes=VALUE_BYTES):
            yield columns_of(table, names, rows)

    def _packed(self, table: str, packs: Sequence[PackAt]) -> Generator[bytes]:
        """The contents of packs, in turn."""
        if not packs:
            return
        sql = "SELECT columns FROM packs WHERE of = ? AND last <= ? ORDER BY last"
        with closing(self.chunks(sql, (table, packs[-1].last), rows=16)) as chunks:
            for rows in chunks:
                for (blob,) in rows:
                    yield blob if isinstance(blob, bytes) else b""

    def attention_maps(self) -> list[tuple[int, int, int]]:
        """(request, layer, head) of every map, by as many steps through the index as there are maps."""
        found: list[tuple[int, int, int]] = []
        if self.query("SELECT sql FROM sqlite_master WHERE name = 'attention_map'") != [(MAP_INDEX,)]:
            for rows in self.chunks("SELECT request_id, layer, head FROM attention"):
                found += {self._map(*row) for row in rows}.difference(found)
            return found
        after = (-(2**62), 0, 0)
        step = (
            "SELECT request_id, layer, head FROM attention INDEXED BY attention_map "
            "WHERE (request_id, layer, head) > (?, ?, ?) ORDER BY request_id, layer, head LIMIT 1"
        )
        while rows := self.query(step, after):
            following = self._map(*rows[0])
            if following <= after:
                raise self.damaged(ValueError("the index of the attention maps is not in order"))
            after = following
            found.append(after)
        return found

    def _map(self, request: Any, layer: Any, head: Any) -> tuple[int, int, int]:
        if not (type(request) is int and type(layer) is int and type(head) is int):
            raise self.damaged(ValueError("an attention row names no request, layer or head"))
        return request, layer, head

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
        said = one_line(error) or type(error).__name__
        return SessionFileError(
            f"{path_text(self.path)} is damaged or cut short and cannot be read to the end: {said}."
        )

    # --- DetailSource -----------------------------------------------------------------------------------------------

    def step_blobs(self, step_id: int, patience: Patience | None = None) -> tuple[bytes, bytes] | None:
        rows = self.query("SELECT phases, kv_layers FROM steps WHERE id = ?", (step_id,), patience)
        if not rows:
            return None
        phases, kv = self._blob(rows[0][0], PHASES_ROW_BYTES), self._blob(rows[0][1], KV_ROW_BYTES)
        if not (np.abs(np.frombuffer(phases, np.float32)) <= MOST_US).all():
            raise self.damaged(ValueError(f"the phases of step {step_id} hold what is no time"))
        layers = (max(0, len(phases) // PHASES_ROW_BYTES - 1), len(kv) // KV_ROW_BYTES)
        if self.layers and any(one not in (0, self.layers) for one in layers):
            raise self.damaged(ValueError(f"step {step_id} has not the layers of the model"))
        return phases, kv

    def attention_rows(
        self,
        request_id: int,
        layer: int,
        head: int,
        first: int = 0,
        most: int | None = None,
        patience: Patience | None = None,
    ) -> list[tuple[int, int, bytes]]:
        rows = self.query(
            "SELECT step_id, position, probs FROM attention "
            "WHERE request_id = ? AND layer = ? AND head = ? ORDER BY rowid LIMIT ? OFFSET ?",
            (request_id, layer, head, -1 if most is None else most, first),
            patience,
        )
        return self._checked(rows)

    def attention_row(
        self, request_id: int, layer: int, head: int, position: int, patience: Patience | None = None
    ) -> tuple[int, int, bytes] | None:
        rows = self.query(
            "SELECT step_id, position, probs FROM attention "
            "WHERE request_id = ? AND layer = ? AND head = ? AND position = ? ORDER BY rowid DESC LIMIT 1",
            (request_id, layer, head, position),
            patience,
        )
        return self._checked(rows)[0] if rows else None

    def _checked(self, rows: list[tuple[int, int, bytes]]) -> list[tuple[int, int, bytes]]:
        """Attention rows, once each is one."""
        for step_id, position, probs in rows:
            if type(step_id) is not int or type(position) is not int:
                raise self.damaged(ValueError("an attention row names no step"))
            if len(self._blob(probs, PROBABILITY_BYTES)) != (position + 1) * PROBABILITY_BYTES or not probs:
                raise self.damaged(ValueError("a row of an attention map is not as long as its position says"))
        return rows

    def alternatives(self, token_id: int, patience: Patience | None = None) -> bytes:
        rows = self.query("SELECT alternatives FROM tokens WHERE id = ?", (token_id,), patience)
        blob = self._blob(rows[0][0], ALTERNATIVE_BYTES) if rows else b""
        if (np.frombuffer(blob[len(blob) // 2 :], np.float32) > MOST_LOGPROB).any():
            raise self.damaged(ValueError(f"the alternatives of token {token_id} are no logarithms of probabilities"))
        return blob

    def _blob(self, value: Any, item_bytes: int) -> bytes:
        """A blob as it stands in the file, once it is one, of whole items."""
        if not isinstance(value, bytes) or len(value) % item_bytes:
            raise self.damaged(ValueError(f"a blob is not made of items of {item_bytes} bytes"))
        return value

    # ----------------------------------------------------------------------------------------------------------------

    @contextmanager
    def _reading(self) -> Iterator[None]:
        """Around whatever asks SQLite: says in a sentence what it raises."""
        try:
            with self._watch.asking():
                yield
        except GivenUpError:
            raise self._given_up() from None
        except (*UNREADABLE, EndlessError) as error:
            raise self.damaged(error) from error

    def _given_up(self) -> SessionFileError:
        return SessionFileError(f"Reading {self.path} was given up.")

    def _check_header(self) -> int:
        """The format version, once the first bytes are those of a session that this program can read."""
        path = self.path
        try:
            with open_regular(path) as file:
                head = file.read(HEADER_BYTES)
                size = os.fstat(file.fileno()).st_size
            self._check_companions()
            nothing = self._was_being_made(size)
        except FileNotFoundError:
            if path.is_symlink():
                raise SessionFileError(f"{path} is a link to a file that is not there.") from None
            raise SessionFileError(f"There is no file {path}.") from None
        except IsADirectoryError:
            raise SessionFileError(f"{path} is a folder, not a session file.") from None
        except OSError as error:
            raise SessionFileError(f"{error.filename or path} cannot be read: {error.strerror}.") from error
        if nothing:
            raise SessionFileError(f"{path} {NOTHING_RECORDED}")
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

    def _check_companions(self) -> None:
        """SQLite opens these by itself, and would wait for ever for a pipe; raises OSError."""
        for end in COMPANIONS:
            with suppress(FileNotFoundError):
                check_regular(f"{self.path}{end}")

    def _was_being_made(self, size: int) -> bool:
        """Whether a journal beside the file takes back all that is in it; raises OSError."""
        try:
            with open_regular(f"{self.path}-journal") as journal:
                head = journal.read(JOURNAL_HEADER_BYTES)
        except FileNotFoundError:
            return False
        undone = head.startswith(JOURNAL_MAGIC) and head[16:20] == bytes(4)  # how many pages there were before
        return undone or size == 0

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
        db: sqlite3.Connection | None = None
        self._opened = path
        self._watch.begin(honest_bytes(path))
        try:
            with self._watch.asking():
                db = connect(path, mode, self._watch)
                if mode == OWN_COPY:
                    db.execute("PRAGMA locking_mode = EXCLUSIVE")  # so that a log needs no memory shared with others
                check_tables(db)
                db.execute("SELECT 1 FROM meta LIMIT 1").fetchone()
        except BaseException as error:
            if db is not None:
                db.close()
            if isinstance(error, GivenUpError):
                raise self._given_up() from None
            if isinstance(error, sqlite3.OperationalError) or not isinstance(error, (*UNREADABLE, *NO_SESSION)):
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
