"""Opens existing session files with SQLite; no other module does. A file may come from anybody: it is not trusted.

A database can hold views, virtual tables and triggers where tables are expected, expressions that call functions, and
a journal that names other files. None of them takes effect here: only ordinary tables are read.
"""

from __future__ import annotations

import os
import sqlite3
import stat
from pathlib import Path, PurePath, PureWindowsPath
from typing import Final
from urllib.parse import quote_from_bytes

from engine.session.patience import Watch

TABLES: Final = frozenset(
    {
        "meta", "configs", "requests", "steps", "tokens", "work", "speculation", "kv_blocks", "attention",
        "device_samples", "metric_samples", "marks", "token_texts", "trace_names", "kernels", "ranges",
        "precision_positions", "precision_layers", "precision_timings", "packs",
    }
)  # fmt: skip
"""The tables that this program reads."""
WHOLE: Final = 2**20
"""Bytes that a value may always have, however small the file is."""
COMPANIONS: Final = ("-wal", "-shm", "-journal")
"""The endings of the files that SQLite keeps beside a database while it is written."""
LIMITS: Final = {
    sqlite3.SQLITE_LIMIT_ATTACHED: 0,
    sqlite3.SQLITE_LIMIT_COMPOUND_SELECT: 20,
    sqlite3.SQLITE_LIMIT_EXPR_DEPTH: 100,
    sqlite3.SQLITE_LIMIT_FUNCTION_ARG: 50,
    sqlite3.SQLITE_LIMIT_LIKE_PATTERN_LENGTH: 100,
    sqlite3.SQLITE_LIMIT_SQL_LENGTH: 100_000,
    sqlite3.SQLITE_LIMIT_TRIGGER_DEPTH: 5,
    sqlite3.SQLITE_LIMIT_VDBE_OP: 25_000,
    sqlite3.SQLITE_LIMIT_WORKER_THREADS: 0,
}
"""SQLite's limits, far above what a session's own tables and this program's queries need. SQLite itself refuses a
longer statement in the file's schema."""
SUPER_JOURNAL_MARK: Final = bytes((0xD9, 0xD5, 0x05, 0xF9, 0x20, 0xA1, 0x63, 0xD7))
"""The last bytes of a rollback journal that names another file. SQLite deletes that file when it rolls back."""
ROWIDS: Final = frozenset({"rowid", "oid", "_rowid_"})


def sqlite_uri(path: PurePath, mode: str) -> str:
    """The URI by which SQLite opens an absolute path.

    SQLite accepts no authority in a URI, but `PurePath.as_uri` writes the server of a Windows share there
    (`file://server/share`). Here a share is a path that begins with two slashes, after an empty authority. The prefix
    `\\\\?\\` of long paths is left out.
    """
    text = path.as_posix()
    if isinstance(path, PureWindowsPath):
        text = text.replace("//?/UNC/", "//").removeprefix("//?/")
    quoted = quote_from_bytes(os.fsencode(text), safe=b"/:")
    return f"file://{'' if text.startswith('/') else '/'}{quoted}?{mode}"


def connect(path: Path, mode: str, watch: Watch, wait_s: float = 5.0) -> sqlite3.Connection:
    """A connection to an existing session file; `mode` is the query part of SQLite's URI: `mode=ro`, `mode=rw`, ...

    Views and triggers never run. Functions in the schema run only if SQLite marks them as harmless. Waits `wait_s`
    seconds at most for the lock of another connection. Raises sqlite3.Error, and ValueError where a file beside the
    session file is not one that SQLite makes there.
    """
    _check_companions(path)
    uri = sqlite_uri(path.absolute(), mode)
    db = sqlite3.connect(uri, wait_s, uri=True, check_same_thread=False, isolation_level=None)
    try:
        watch.over(db)
        for limit, most in LIMITS.items():
            db.setlimit(limit, most)
        db.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, min(10**9, max(WHOLE, honest_bytes(path))))
        _defend(db)
        db.set_authorizer(_allowed)
    except BaseException:
        db.close()
        raise
    return db


def honest_bytes(path: Path) -> int:
    """The bytes that a database really takes on the disk, its log and journal included; 0 where the files are gone."""
    found, name = 0, os.fspath(path)
    for one in (name, f"{name}-wal", f"{name}-journal"):  # as texts: every query asks, and a Path takes longer to make
        try:
            found += os.stat(one).st_size
        except OSError:
            continue
    return found


def check_tables(db: sqlite3.Connection) -> None:
    """Raise ValueError where the name of one of TABLES belongs to anything but an ordinary table.

    Raises sqlite3.Error where the schema itself cannot be read.
    """
    entries = db.execute("SELECT type, name, tbl_name, rootpage, sql FROM sqlite_master").fetchall()
    seen: set[str] = set()
    for kind, name, table, page, sql in entries:
        own = isinstance(name, str) and name.lower() in TABLES
        if not own:
            continue
        key = name.lower()
        # SQLite stores every CREATE TABLE statement with its first words in this form.
        stored = isinstance(sql, str) and sql.upper().startswith("CREATE TABLE ")
        ordinary = kind == "table" and name == table and isinstance(page, int) and page > 1 and stored
        if not ordinary or key in seen:
            raise ValueError(f"its {key} is no ordinary table")
        seen.add(key)
    for name in sorted(seen):
        columns = db.execute(f"PRAGMA table_xinfo({name})").fetchall()
        if any(column[6] for column in columns):
            raise ValueError(f"a column of its {name} is computed")
        if any(str(column[1]).lower() in ROWIDS for column in columns):
            raise ValueError(f"its {name} hides the numbers of its rows")
        try:
            db.execute(f"SELECT rowid FROM {name} LIMIT 0")
        except sqlite3.OperationalError as error:
            raise ValueError(f"its {name} has no numbers of rows") from error


def _defend(db: sqlite3.Connection) -> None:
    """Switch off what a schema could run. Not every version of Python and SQLite can switch off all of it."""
    for pragma in ("trusted_schema = OFF", "cell_size_check = ON", "mmap_size = 0", "recursive_triggers = OFF"):
        db.execute(f"PRAGMA {pragma}").fetchall()
    configure = getattr(db, "setconfig", None)
    if configure is not None:  # from Python 3.12 on
        configure(getattr(sqlite3, "SQLITE_DBCONFIG_DEFENSIVE"), True)  # noqa: B009
        configure(getattr(sqlite3, "SQLITE_DBCONFIG_ENABLE_VIEW"), False)  # noqa: B009
        configure(getattr(sqlite3, "SQLITE_DBCONFIG_ENABLE_TRIGGER"), False)  # noqa: B009


def _allowed(action: int, one: str | None, two: str | None, database: str | None, inside: str | None) -> int:
    """SQLite's authorizer: denies every action that comes from inside a view or a trigger, and allows all others."""
    return sqlite3.SQLITE_OK if inside is None else sqlite3.SQLITE_DENY


def _check_companions(path: Path) -> None:
    """Raise ValueError where a file beside the session would make SQLite wait, or write or delete another file."""
    for ending in COMPANIONS:
        companion = Path(f"{path}{ending}")
        try:
            ordinary = stat.S_ISREG(companion.lstat().st_mode)
        except OSError:
            continue
        if not ordinary:
            raise ValueError(f"the {ending} beside it is no ordinary file")
    try:
        with Path(f"{path}-journal").open("rb") as journal:
            journal.seek(0, os.SEEK_END)
            journal.seek(-min(journal.tell(), len(SUPER_JOURNAL_MARK)), os.SEEK_END)
            named = journal.read() == SUPER_JOURNAL_MARK
    except OSError:
        return
    if named:
        raise ValueError("the journal beside it names another file")
