"""The process in which a question in SQL runs (`asking.py`): `python -m engine.session.asked HANDLE PARENT`.

It reads one question from its pipe, answers it, and ends.
"""

from __future__ import annotations

import os
import sqlite3
import sys
import time
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final

import msgspec

from engine.errors import SessionFileError
from engine.session.asking import AskedWrongError, Limits, Question, too_long, too_much
from engine.session.asking_errors import refused_word, sentence_of, wrong_part
from engine.session.asking_rules import Rules
from engine.session.database import Database
from engine.session.patience import Patience, Watch
from engine.session.sql_text import names_in
from engine.session.tables import PAUSES
from engine.spawning import die_with, open_connection

ASK_EVERY: Final = 10_000
"""Instructions of SQLite's virtual machine between two looks at the clock."""
FRAME_BYTES: Final = 2**18
"""About how much is sent at once."""
VALUE_COST: Final = 8
"""Bytes that a number counts against `Limits.result_bytes`."""
CACHE_KIB: Final = 16 * 1024

_encoder = msgspec.msgpack.Encoder()


def main() -> None:
    """Answer the one question that comes through the pipe."""
    die_with(int(sys.argv[2]))
    with open_connection(int(sys.argv[1])) as connection, suppress(OSError):
        question = msgspec.msgpack.decode(connection.recv_bytes(), type=Question)
        try:
            answer(question, connection)
        except AskedWrongError as error:
            _send(connection, {"failed": str(error), "at": error.at})
        except MemoryError:
            _send(connection, {"failed": str(too_much(question.limits)), "at": None})
        except SessionFileError as error:
            _send(connection, {"failed": str(error), "at": None})


def answer(question: Question, connection: Connection) -> None:
    """Run the statement and send its columns, its rows and how it ended. Raises AskedWrongError, SessionFileError."""
    limits = question.limits
    database = Database(Path(question.path), Watch(Patience()))
    try:
        db = database.connection
        deadline = time.monotonic() + limits.wall_s
        rules = _prepared(db, limits, deadline)
        try:
            for view in names_in(question.sql, "main") & rules.views:
                rules.refused = f"the file's view {view}"
                raise sqlite3.OperationalError
            cursor = db.execute(question.sql, question.values)
            _send(connection, {"columns": [column[0] for column in cursor.description or ()]})
            ended = _send_rows(cursor, limits, connection)
        except (sqlite3.Error, sqlite3.Warning, UnicodeDecodeError) as error:
            raise _said(error, question, db, rules, deadline) from None
        _send(connection, {"ended": ended, "id_of": _only(rules.ids_of), "peak_bytes": _peak_bytes()})
    finally:
        database.close()


def _prepared(db: sqlite3.Connection, limits: Limits, deadline: float) -> Rules:
    """Set every limit, and then the rules, which let nothing be changed any more."""
    db.execute("PRAGMA temp_store = MEMORY")  # what does not fit is an error, and no file on the disk
    db.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
    db.execute(f"PRAGMA hard_heap_limit = {limits.memory_bytes}")
    db.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, limits.value_bytes)
    db.text_factory = lambda text: text.decode("utf-8", "replace")
    db.execute(PAUSES.replace("CREATE VIEW", "CREATE TEMP VIEW", 1))  # whatever the file has under this name
    db.execute("PRAGMA query_only = ON")
    rules = Rules(db)
    db.set_authorizer(rules.allows)
    db.set_progress_handler(lambda: int(time.monotonic() > deadline), ASK_EVERY)
    _limit_process(limits)
    return rules


def _limit_process(limits: Limits) -> None:
    """Let the system end what gets past SQLite's own limits, where it can. Nothing is written to the disk any more."""
    if sys.platform == "win32":
        return
    import resource  # noqa: PLC0415 - not on Windows

    seconds = int(limits.wall_s) + 5
    kinds = [(resource.RLIMIT_CPU, seconds), (resource.RLIMIT_CORE, 0), (resource.RLIMIT_FSIZE, 0)]
    if sys.platform.startswith("linux"):  # elsewhere libraries that are mapped may count more than they take
        kinds.append((resource.RLIMIT_AS, _mapped_bytes() + 2 * limits.memory_bytes))
    for kind, most in kinds:
        with suppress(OSError, ValueError):
            resource.setrlimit(kind, (most, most))


def _mapped_bytes() -> int:
    """The address space of this process now (Linux)."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    return pages * os.sysconf("SC_PAGE_SIZE")


def _send_rows(cursor: sqlite3.Cursor, limits: Limits, connection: Connection) -> str:
    """Send the rows as far as the limits allow; returns why no more were sent."""
    rows = cells = size = 0
    frame: list[list[Any]] = []
    frame_bytes = 0
    ended = "whole"
    try:
        for row in cursor:
            if rows == limits.rows or cells + len(row) > limits.cells or size > limits.result_bytes:
                ended = "rows"
                break
            values = [_handed_on(value, limits) for value in row]
            rows, cells, cost = rows + 1, cells + len(row), sum(map(_cost, values))
            size, frame_bytes = size + cost, frame_bytes + cost
            frame.append(values)
            if frame_bytes > FRAME_BYTES:
                _send(connection, {"rows": frame})
                frame, frame_bytes = [], 0
    except sqlite3.OperationalError as error:
        if not rows or str(error) != "interrupted":
            raise
        ended = "time"
    _send(connection, {"rows": frame})
    return ended


def _handed_on(value: Any, limits: Limits) -> Any:
    """The value itself, or (its size, its head) of a blob and of a long text."""
    if isinstance(value, bytes):
        return [len(value), value[: limits.blob]]
    if isinstance(value, str) and len(value) > limits.text:
        return [len(value), value[: limits.text]]
    return value


def _cost(value: Any) -> int:
    if isinstance(value, list):
        value = value[1]
    return VALUE_COST + (len(value) if isinstance(value, str | bytes) else 0)


def _said(
    error: Exception, question: Question, db: sqlite3.Connection, rules: Rules, deadline: float
) -> AskedWrongError:
    """The error in a sentence, with the part of the statement that it is about."""
    if rules.refused:
        refused = refused_word(question.sql, rules.refused)
        return AskedWrongError(
            f"Only reading the session is possible here, and {refused} is not part of that.",
            wrong_part(question.sql, refused.rpartition(" ")[2]),
        )
    if str(error) == "interrupted":
        return too_long(question.limits)
    db.set_progress_handler(lambda: int(time.monotonic() > deadline), ASK_EVERY)
    return AskedWrongError(*sentence_of(error, question.sql, db))


def _only(tables: set[str]) -> str:
    return next(iter(tables)) if len(tables) == 1 else ""


def _peak_bytes() -> int:
    if sys.platform == "win32":
        return 0
    import resource  # noqa: PLC0415 - not on Windows

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _send(connection: Connection, said: dict[str, Any]) -> None:
    connection.send_bytes(_encoder.encode(said))


if __name__ == "__main__":
    main()
