"""Opens the SQLite database of a session file: the file itself, or a copy where SQLite would have to write to it."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from pathlib import Path
from typing import Final

from engine import leftovers
from engine.errors import SessionFileError
from engine.session.connecting import check_tables, connect, honest_bytes
from engine.session.header import logs_beside, version_of
from engine.session.patience import EndlessError, GivenUpError, Watch
from engine.session.tables import MIGRATIONS, VERSION
from engine.session.unreadable import UNREADABLE, damaged, given_up

OWN_COPY: Final = "mode=rw"
"""The mode in which a copy is opened, which no other program knows."""
NO_SESSION: Final = (ValueError, EndlessError)
"""The errors of a database whose tables are not those of a session."""


class Database:
    """The open database of a session file. The file itself is never changed. Close it after use.

    A copy is opened instead in two cases: the file has an older version and must be migrated, or a crash left a
    write-ahead log in a folder that cannot be written. Raises SessionFileError, whose message says why the file cannot
    be opened.
    """

    def __init__(self, path: Path, watch: Watch) -> None:
        """`watch` watches every query, also those that open the file."""
        self.path = path
        self.opened = path
        """The file that SQLite has open: `path`, or the copy."""
        self._watch = watch
        self._copy: tempfile.TemporaryDirectory[str] | None = None
        version = version_of(path)
        if version < VERSION and version not in MIGRATIONS:
            raise SessionFileError(f"{path} has format version {version}, which never was one of DecodeScope's.")
        try:
            self.connection = self._connect() if version == VERSION else self._migrated(version)
        except BaseException:
            self._forget_copy()
            raise

    def close(self) -> None:
        """Close the connection and remove the copy; safe to call twice."""
        self.connection.close()
        self._forget_copy()

    def _connect(self) -> sqlite3.Connection:
        try:
            return self._open(self.path, "mode=ro")
        except sqlite3.OperationalError:  # SQLite cannot make its shared memory beside the file
            try:
                if not logs_beside(self.path):
                    return self._open(self.path, "immutable=1")
                return self._open(self._copied(), OWN_COPY)
            except sqlite3.OperationalError as error:
                raise SessionFileError(f"{self.path} cannot be opened: {error}.") from error

    def _open(self, path: Path, mode: str) -> sqlite3.Connection:
        db: sqlite3.Connection | None = None
        self.opened = path
        self._watch.begin(honest_bytes(path))
        try:
            with self._watch.asking():
                db = connect(path, mode, self._watch)
                if mode == OWN_COPY:
                    db.execute("PRAGMA locking_mode = EXCLUSIVE")  # with it, a log needs no shared memory
                check_tables(db)
                db.execute("SELECT 1 FROM meta LIMIT 1").fetchone()
        except BaseException as error:
            if db is not None:
                db.close()
            if isinstance(error, GivenUpError):
                raise given_up(self.path) from None
            if isinstance(error, sqlite3.OperationalError) or not isinstance(error, (*UNREADABLE, *NO_SESSION)):
                raise
            raise damaged(self.path, error) from error
        return db

    def _migrated(self, version: int) -> sqlite3.Connection:
        db = self._open(self._copied(), OWN_COPY)
        for before in range(version, VERSION):
            for statement in MIGRATIONS[before]:
                db.execute(statement)
        return db

    def _copied(self) -> Path:
        """The path of a copy of the file with its log or journal; the copy is removed on `close`."""
        self._copy = tempfile.TemporaryDirectory(prefix="decodescope-")
        leftovers.keep_track(Path(self._copy.name))
        target = Path(self._copy.name) / self.path.name
        try:
            shutil.copyfile(self.path, target)
            for log in logs_beside(self.path):
                shutil.copyfile(log, f"{target}{log.name.removeprefix(self.path.name)}")
        except OSError as error:
            raise SessionFileError(f"{self.path} could not be copied to be opened: {error.strerror}.") from error
        return target

    def _forget_copy(self) -> None:
        if self._copy is not None:
            self._copy.cleanup()
            leftovers.remove(Path(self._copy.name))
            self._copy = None
