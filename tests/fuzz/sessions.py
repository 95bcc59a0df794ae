"""Session files that were damaged, edited, or made to do harm."""

from __future__ import annotations

import json
import random
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any, Final

import msgspec

from app.panels.registry import PANELS
from tests.fuzz import hostile
from tests.fuzz.bases import RUNS
from tests.fuzz.cases import WALK, Case, one_more
from tests.fuzz.kinds import put_something_else

TABLES: Final = (
    "meta", "configs", "requests", "steps", "tokens", "work", "speculation", "kv_blocks", "attention",
    "device_samples", "marks", "token_texts", "trace_names", "kernels", "ranges", "packs",
)  # fmt: skip
JSON_FIELDS: Final = (
    ("meta", "value", "key = 'model_config'"), ("meta", "value", "key = 'model_config'"),
    ("meta", "value", "key = 'ceilings'"), ("meta", "value", "key = 'versions'"), ("meta", "value", "key = 'dropped'"),
    ("configs", "json", "1"), ("requests", "params", "1"), ("requests", "prompt_token_texts", "1"),
)  # fmt: skip
NAMES: Final = ("device", "label", "kind", "key", "text", "name")
"""Columns of words, each of which may be another one."""
AS_THEY_ARE: Final = (
    "columns", "probs", "phases", "kv_layers", "alternatives", "of", "prompt", "params", "source", "event", "value",
    "json", "launch", "attention_kernel", "finish_reason", "prompt_token_ids", "prompt_token_texts",
)  # fmt: skip
"""Columns of what is neither a number nor a name."""

MOST_WORK: Final = 50
"""Million instructions of SQLite that a change may take: what an earlier one left may never end."""

Change = Callable[[random.Random, sqlite3.Connection], str]


def make(rng: random.Random, bases: Path, folder: Path) -> Case:
    """A session that nobody recorded so, and every command that reads one."""
    base = rng.choice([*RUNS, "killed"])
    path = folder / "it.dscope"
    shutil.copyfile(bases / f"{base}.dscope", path)
    with suppress(FileNotFoundError):
        shutil.copyfile(bases / f"{base}.dscope-wal", folder / "it.dscope-wal")
    kinds: list[str] = []
    if rng.random() < 0.8:
        kinds += _changed(rng, path)
    if not kinds or rng.random() < 0.15:
        kinds.append(_spoilt(rng, path))
    return Case(f"{base}: {'; '.join(kinds)}"[:400], path, commands(rng, path, bases / "plain.dscope", folder))


def commands(rng: random.Random, path: Path, other: Path, folder: Path) -> tuple[tuple[str, ...], ...]:
    """Everything that reads a session, and one of what takes seconds: report, picture, or a walk through the panels."""
    name = str(path)
    picture = rng.choice(["png", "svg"])
    panel = ("--panel", rng.choice([one.name for one in PANELS])) if rng.random() < 0.6 else ()
    last = rng.choice([0, 3, 10**6])
    slow = (
        ("export", name, "--to", "html", "-o", str(folder / "out-html")),
        ("export", name, "--to", picture, "-o", str(folder / f"out.{picture}"), *panel),
        (WALK,),
    )
    return (
        ("info", name), ("info", name, "--json"), ("info", name, "--json", "--steps", f"0:{last}"),
        ("compare", name, str(other), "--json"), ("compare", str(other), name),
        *(("export", name, "--to", form, "-o", str(folder / f"out-{form}")) for form in ("csv", "chrome", "perfetto")),
        ("screenshot", name, "-o", str(folder / "shot.png")), rng.choice(slow),
    )  # fmt: skip


def _changed(rng: random.Random, path: Path) -> list[str]:
    db = sqlite3.connect(path, isolation_level=None)
    done: list[str] = []
    if rng.random() < 0.3:
        for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            db.execute(f'DROP TRIGGER "{name}"')
        done.append("no triggers")
    for _ in range(rng.choice([1, 1, 1, 2, 4])):
        change = rng.choices(list(CHANGES), list(CHANGES.values()))[0]
        left = count(MOST_WORK, -1)
        db.set_progress_handler(lambda left=left: next(left) < 0, 1_000_000)
        refused = (sqlite3.Error, msgspec.DecodeError, OverflowError, UnicodeEncodeError)
        one_more(done, partial(change, rng, db), refused)
    db.set_progress_handler(None, 0)
    with suppress(sqlite3.Error):
        db.execute("PRAGMA journal_mode = DELETE")
    db.close()
    return done


# --- what SQL can do ------------------------------------------------------------------------------------------------


def _columns(db: sqlite3.Connection, table: str) -> list[str]:
    return [row[1] for row in db.execute(f"PRAGMA table_info({table})")]


def _some(rng: random.Random, db: sqlite3.Connection, table: str) -> str:
    """A condition for one row, some, or all of a table."""
    rowids = [row[0] for row in db.execute(f"SELECT rowid FROM {table}")]
    if not rowids or rng.random() < 0.3:
        return "1"
    return f"rowid = {rng.choice(rowids)}"


def value(rng: random.Random, db: sqlite3.Connection) -> str:
    """A value that its column does not expect."""
    table = rng.choice(TABLES)
    column = rng.choice(_columns(db, table))
    new: Any = hostile.whole(rng) if rng.random() < 0.5 else hostile.scalar(rng)
    if rng.random() < 0.15:
        new = rng.randbytes(rng.choice([0, 1, 3, 7, 1000]))
    where = _some(rng, db, table)
    if rng.random() < 0.08:
        db.execute(
            f"UPDATE {table} SET \"{column}\" = CAST(x'ff61c328ed a080' AS TEXT) WHERE {where}".replace(" a0", "a0")
        )
        return f"{table}.{column} of {where} is no UTF-8"
    db.execute(f'UPDATE {table} SET "{column}" = ? WHERE {where}', (new,))
    return f"{table}.{column} of {where} = {repr(new)[:60]}"


def blob(rng: random.Random, db: sqlite3.Connection) -> str:
    """A blob of another length or with other bytes in it."""
    table, column = rng.choice(
        [("steps", "phases"), ("steps", "kv_layers"), ("tokens", "alternatives"), ("attention", "probs"),
         ("requests", "prompt_token_ids"), ("packs", "columns")]
    )  # fmt: skip
    where = _some(rng, db, table)
    found = db.execute(f"SELECT rowid, {column} FROM {table} WHERE {where}").fetchall()
    for rowid, old in found:
        if isinstance(old, bytes):
            new = rng.choice([b"\xff" * len(old), bytes(len(old)), hostile.damaged(rng, old)])
            db.execute(f"UPDATE {table} SET {column} = ? WHERE rowid = ?", (new, rowid))
    return f"{table}.{column} of {where} damaged"


def facts(rng: random.Random, db: sqlite3.Connection) -> str:
    """JSON with something else in it."""
    table, column, where = rng.choice(JSON_FIELDS)
    for rowid, old in db.execute(f"SELECT rowid, {column} FROM {table} WHERE {where}").fetchall():
        try:
            known = json.loads(old)
        except (ValueError, TypeError, RecursionError):
            known = {}
        new = hostile.json_text(rng, known)
        db.execute(f"UPDATE {table} SET {column} = ? WHERE rowid = ?", (new, rowid))
    return f"JSON of {table}.{column}"


def fact(rng: random.Random, db: sqlite3.Connection) -> str:
    """A fact that is another, is new, or is missing."""
    known = [row[0] for row in db.execute("SELECT key FROM meta")]
    key = rng.choice([*known, "x", "", "epoch_ns", "device_memory_bytes", "threads"])
    new = rng.choice([*hostile.TEXTS, "{}", "[]", "-1", "1e400", "NaN", str(2**80), "Infinity"])
    if rng.random() < 0.2:
        db.execute("DELETE FROM meta WHERE key = ?", (key,))
        return f"no fact {key}"
    db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, new))
    return f"fact {key[:20]} = {new[:40]!r}"


def rows(rng: random.Random, db: sqlite3.Connection) -> str:
    """Rows taken away, put in twice, or by the thousand."""
    table = rng.choice(TABLES)
    columns = _columns(db, table)
    listed = ", ".join(f'"{name}"' for name in columns)
    match rng.randrange(4):
        case 0:
            db.execute(f"DELETE FROM {table} WHERE {_some(rng, db, table)}")
            return f"rows of {table} deleted"
        case 1:
            db.execute(f"DELETE FROM {table}")
            return f"{table} emptied"
        case 2:
            own = [f'"{name}" + 100000' if name in ("id", "last", "position") else f'"{name}"' for name in columns]
            db.execute(f"INSERT OR IGNORE INTO {table} ({listed}) SELECT {', '.join(own)} FROM {table}")
            return f"{table} twice"
        case _:
            many = rng.choice([100, 5000, 20_000])
            own = [_numbered(name) for name in columns]
            db.execute(
                f"WITH RECURSIVE count(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM count WHERE n < {many}) "
                f"INSERT OR IGNORE INTO {table} ({listed}) "
                f"SELECT {', '.join(own)} FROM count, (SELECT * FROM {table} LIMIT 1)"
            )
            return f"{many} rows more in {table}"


def _numbered(column: str) -> str:
    """In SQL: a column of the n-th of many rows that are made from one."""
    if column in NAMES:
        return f'"{column}" || n'
    return f'"{column}"' if column in AS_THEY_ARE else f'"{column}" + n'


def replaced(rng: random.Random, db: sqlite3.Connection) -> str:
    """A table that is none: a view, endless or not, or one that computes."""
    table = rng.choice(TABLES)
    columns = ", ".join(f'"{name}"' for name in _columns(db, table))
    db.execute(f"ALTER TABLE {table} RENAME TO was_{table}")
    endless = "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT"
    how = rng.choice(["view", "endless view", "virtual", "without rowid", "generated"])
    match how:
        case "view":
            db.execute(f"CREATE VIEW {table} AS SELECT {columns} FROM was_{table}")
        case "endless view":
            ones = ", ".join(f'1 AS "{name}"' for name in _columns(db, f"was_{table}"))
            db.execute(f"CREATE VIEW {table} AS {endless} {ones} FROM r")
        case "virtual":
            db.execute(f"CREATE VIRTUAL TABLE {table} USING fts5({columns})")
        case "without rowid":
            first = _columns(db, f"was_{table}")[0]
            db.execute(f'CREATE TABLE {table} ({columns}, PRIMARY KEY ("{first}")) WITHOUT ROWID')
            db.execute(f"INSERT OR IGNORE INTO {table} SELECT * FROM was_{table}")
        case _:
            first, *rest = _columns(db, f"was_{table}")
            kept = ", ".join(f'"{name}"' for name in rest)
            db.execute(f'CREATE TABLE {table} ({kept}, "{first}" AS (length(hex(zeroblob(100000000)))) VIRTUAL)')
            db.execute(f"INSERT INTO {table} ({kept}) SELECT {kept} FROM was_{table}")
    return f"{table} is a {how}"


def schema(rng: random.Random, db: sqlite3.Connection) -> str:
    """The schema's own text changed, or an index or a trigger that nobody asked for."""
    table = rng.choice(TABLES)
    match rng.randrange(5):
        case 0:
            db.execute(f'DROP TABLE "{table}"')
            return f"no table {table}"
        case 1:
            column = rng.choice(_columns(db, table))
            db.execute(f'ALTER TABLE {table} RENAME COLUMN "{column}" TO x')
            return f"no column {table}.{column}"
        case 2:
            db.execute("DROP INDEX IF EXISTS attention_map")
            if rng.random() < 0.5:
                db.execute("CREATE INDEX attention_map ON attention (head) WHERE head > 2")
            return "another attention_map"
        case 3:
            db.execute(f"CREATE TRIGGER harm AFTER INSERT ON {table} BEGIN DELETE FROM steps; END")
            return f"a trigger on {table}"
        case _:
            db.execute("PRAGMA writable_schema = ON")
            db.execute("UPDATE sqlite_master SET sql = ? WHERE name = ?", (rng.choice(hostile.TEXTS), table))
            return f"the schema of {table} is rubbish"


def pack(rng: random.Random, db: sqlite3.Connection) -> str:
    """A pack that lies of its rows."""
    found = db.execute("SELECT rowid, of, last, count, columns FROM packs").fetchall()
    if not found:
        return "(no packs)"
    rowid, of, _, _, columns = rng.choice(found)
    what = rng.choice(["count", "last", "of", "parts", "parts", "parts", "zeroblob"])
    if what in ("count", "last"):
        db.execute(f"UPDATE packs SET {what} = ? WHERE rowid = ?", (rng.choice([3 * 10**8, *hostile.WHOLE]), rowid))
    elif what == "of":
        db.execute("UPDATE OR REPLACE packs SET of = ? WHERE rowid = ?", (rng.choice(TABLES), rowid))
    elif what == "zeroblob":
        db.execute("UPDATE packs SET columns = zeroblob(40000000) WHERE rowid = ?", (rowid,))
    else:
        parts = msgspec.msgpack.decode(columns)
        part = rng.choice(parts)
        index = rng.randrange(len(part))
        part[index] = rng.choice([
            hostile.scalar(rng), "|O8", "<f8", "<i8", "|u1", "<U100", "[('a', '<i4', 2000000000)]", "V1000000000",
            rng.randbytes(rng.choice([1, 7, 4096])), [], ["x"] * 5,
        ])  # fmt: skip
        db.execute("UPDATE packs SET columns = ? WHERE rowid = ?", (msgspec.msgpack.encode(parts), rowid))
    return f"pack of {of}: {what}"


def stale(rng: random.Random, db: sqlite3.Connection) -> str:
    """Rows put in place of others, which no trigger sees."""
    table = rng.choice(["steps", "tokens", "work", "speculation", "kv_blocks"])
    columns = _columns(db, table)
    number = [
        name for name in columns if name.endswith(("_out", "positions_new", "position", "proposed", "first", "block"))
    ]
    name = rng.choice(number or columns)
    listed = ", ".join(f'"{one}"' for one in columns)
    own = ", ".join(f'"{one}" + 1' if one == name else f'"{one}"' for one in columns)
    db.execute("PRAGMA recursive_triggers = OFF")
    db.execute(f"INSERT OR REPLACE INTO {table} (rowid, {listed}) SELECT rowid, {own} FROM {table}")
    return f"{table}.{name} replaced"


CHANGES: Final[dict[Change, float]] = {
    value: 8, blob: 2, facts: 3, fact: 2, rows: 2, replaced: 1.5, schema: 1, pack: 2, stale: 0.5,
}  # fmt: skip
"""What is done to a session by SQL, and how often."""


# --- what else can be done to a file --------------------------------------------------------------------------------


def _spoilt(rng: random.Random, path: Path) -> str:
    match rng.randrange(6):
        case 0 | 1:
            path.write_bytes(hostile.damaged(rng, path.read_bytes()))
            return "bytes damaged"
        case 2:
            data = bytearray(path.read_bytes())
            data[rng.randrange(100)] = rng.randrange(256)
            path.write_bytes(data)
            return "header damaged"
        case 3:
            page = 4096
            data = bytearray(path.read_bytes())
            if len(data) > 2 * page:
                there = rng.randrange(1, len(data) // page) * page
                other = rng.randrange(1, len(data) // page) * page
                data[there : there + page] = data[other : other + page]
                path.write_bytes(data)
            return "a page in place of another"
        case 4:
            end = rng.choice(["-wal", "-journal", "-shm"])
            Path(f"{path}{end}").write_bytes(rng.choice([b"", rng.randbytes(64), bytes(4096), rng.randbytes(40_000)]))
            if rng.random() < 0.3:
                path.write_bytes(b"")
            return f"rubbish in {end}"
        case _:
            return f"in its place: {put_something_else(rng, path)}"
