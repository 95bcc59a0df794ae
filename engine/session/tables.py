"""The SQL of the session file's tables (version 1), and how each stored event becomes rows. See FORMAT.md."""

from __future__ import annotations

import textwrap
from typing import Final

from msgspec import NODEFAULT

from engine.session.fields import Field, Held, fields_of
from engine.session.schema import (
    AttentionRow,
    ConfigChanged,
    DeviceSample,
    Event,
    Kernel,
    KvBlock,
    Mark,
    MetricSample,
    PrecisionLayer,
    PrecisionPosition,
    PrecisionTiming,
    Range,
    Speculation,
    Step,
    Token,
    TokenText,
    TraceName,
    Work,
)

APPLICATION_ID: Final = 0x44534350
"""`DSCP`: the application id in the SQLite header of a session file."""
VERSION: Final = 1
MIGRATIONS: Final[dict[int, tuple[str, ...]]] = {}
"""For each older version: the statements that bring a copy of a file from it to the next version."""

NEVER_NS: Final = 2**63 - 1
"""The end of a pause that no `resume` mark ended."""

EVENT_OF: Final[dict[str, type[Event]]] = {
    "configs": ConfigChanged,
    "steps": Step,
    "tokens": Token,
    "work": Work,
    "speculation": Speculation,
    "kv_blocks": KvBlock,
    "attention": AttentionRow,
    "device_samples": DeviceSample,
    "metric_samples": MetricSample,
    "marks": Mark,
    "token_texts": TokenText,
    "trace_names": TraceName,
    "kernels": Kernel,
    "ranges": Range,
    "precision_positions": PrecisionPosition,
    "precision_layers": PrecisionLayer,
    "precision_timings": PrecisionTiming,
}
"""The tables in which each event is one row: one column for each field, in the order of the fields."""
FIELDS: Final = {table: fields_of(event) for table, event in EVENT_OF.items()}
PACKED_TABLES: Final = (
    "steps", "tokens", "work", "speculation", "kv_blocks", "device_samples", "metric_samples", "kernels", "ranges",
    "precision_positions", "precision_layers", "precision_timings",
)  # fmt: skip
"""The tables whose rows are also kept in packs."""

LINE: Final = 120
INDENT: Final = 8 * " "
"""The width and the indent of a statement that takes more than one line. Each file keeps the text of the statement."""
NO_BREAK: Final = "\0"
SQL_TYPES: Final = {int: "INTEGER", float: "REAL", str: "TEXT", bytes: "BLOB"}
SQL_WORDS: Final = frozenset({"end"})
"""Names of columns that are keywords of SQL and so must be quoted."""


def declared(field: Field) -> str:
    """The type and the constraints of a column, as in the CREATE TABLE statement."""
    if field.held is Held.KEY:
        return "INTEGER PRIMARY KEY"
    must = "" if field.held is Held.FLOAT32 else " NOT NULL"
    default = "" if field.before is NODEFAULT else f" DEFAULT {field.before!r}"
    return f"{SQL_TYPES[field.type]}{must}{default}"


def create(table: str) -> str:
    """The CREATE TABLE statement for the table of an event."""
    columns = [
        f'"{field.name}" {declared(field)}' if field.name in SQL_WORDS else f"{field.name} {declared(field)}"
        for field in FIELDS[table]
    ]
    statement = f"CREATE TABLE {table} ({', '.join(columns)})"
    if len(statement) < LINE - len(INDENT):
        return statement
    unbroken = ", ".join(column.replace(" ", NO_BREAK) for column in columns)
    lines = textwrap.fill(f"{unbroken})", LINE, initial_indent=INDENT, subsequent_indent=INDENT)
    return f"CREATE TABLE {table} (\n{lines.replace(NO_BREAK, ' ')}"


PAUSES: Final = f"""CREATE VIEW pauses AS
        WITH held AS (SELECT t_ns AS since, coalesce(
            (SELECT min(later.t_ns) FROM marks AS later WHERE later.kind = 'resume' AND later.rowid > marks.rowid),
            {NEVER_NS}) AS until FROM marks WHERE kind = 'pause'),
        begun AS (SELECT since AS since_ns, until FROM held
            UNION SELECT end_ns, until FROM steps JOIN held ON start_ns >= since AND end_ns < until)
        SELECT since_ns, min(until, coalesce((SELECT min(start_ns) FROM steps WHERE start_ns >= since_ns), until))
            AS until_ns FROM begun"""
"""The statement that makes the view `pauses`. Each file keeps its text."""
CREATE: Final = (
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL)",
    create("configs"),
    """CREATE TABLE requests (
        id INTEGER PRIMARY KEY, prompt TEXT NOT NULL, prompt_tokens INTEGER NOT NULL, params TEXT NOT NULL,
        arrived_ns INTEGER NOT NULL, scheduled_ns INTEGER, first_token_ns INTEGER, finished_ns INTEGER,
        finish_reason TEXT, prompt_token_ids BLOB NOT NULL, prompt_token_texts TEXT NOT NULL,
        told_by TEXT NOT NULL DEFAULT '', before_ns INTEGER NOT NULL DEFAULT 0,
        begun_before INTEGER NOT NULL DEFAULT 0)""",
    *map(create, ("steps", "tokens", "work", "speculation", "kv_blocks", "attention")),
    "CREATE INDEX attention_map ON attention (request_id, layer, head)",
    *map(create, ("device_samples", "metric_samples", "marks", "token_texts", "trace_names", "kernels", "ranges")),
    *map(create, ("precision_positions", "precision_layers", "precision_timings")),
    PAUSES,
    """CREATE TABLE packs (
        of TEXT NOT NULL, last INTEGER NOT NULL, count INTEGER NOT NULL, columns BLOB NOT NULL,
        PRIMARY KEY (of, last))""",
    *(
        f"CREATE TRIGGER {table}_{event} AFTER {event} ON {table} BEGIN DELETE FROM packs WHERE of = '{table}'; END"
        for table in PACKED_TABLES
        for event in ("UPDATE", "DELETE")
    ),
)
INSERT_TRIGGER: Final[dict[str, str]] = {
    table: f"CREATE TRIGGER {table}_INSERT AFTER INSERT ON {table} "
    f"BEGIN DELETE FROM packs WHERE of = '{table}' AND last >= NEW.rowid; END"
    for table in PACKED_TABLES
}
"""For each table: the trigger that deletes a pack when one of its rows is replaced. It is made when a recording is
closed: before that only the recording writes, and the trigger would slow down each of its rows."""


def insert(table: str, columns: tuple[str, ...]) -> str:
    """The INSERT statement for all columns of a table."""
    names = ", ".join(f'"{column}"' for column in columns)
    return f"INSERT INTO {table} ({names}) VALUES ({', '.join('?' * len(columns))})"


COLUMNS: Final[dict[str, tuple[str, ...]]] = {
    **{table: event.__struct_fields__ for table, event in EVENT_OF.items()},
    "requests": (
        "id",
        "prompt",
        "prompt_tokens",
        "params",
        "arrived_ns",
        "prompt_token_ids",
        "prompt_token_texts",
        "told_by",
        "before_ns",
        "begun_before",
    ),
    "packs": ("of", "last", "count", "columns"),
}
"""For each table: the columns that are given when a row is inserted."""

INSERT: Final = {table: insert(table, columns) for table, columns in COLUMNS.items()}
