"""What FORMAT.md says, for the window: the tables with their columns and units, and the questions in SQL.

The document is the one place of both, so a column's meaning and an example cannot differ from what it says.
"""

from __future__ import annotations

import re
import sqlite3
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from engine.session.sql_text import statements
from engine.session.tables import CREATE

DOCUMENT: Final = Path(__file__).with_name("FORMAT.md")
QUESTIONS: Final = "\n## Questions in SQL\n"
HEAD: Final = "| column | type | unit | meaning |"
NO_UNIT: Final = frozenset({"", "-"})
UNITS: Final = {"_ns": "ns", "_bytes": "bytes", "_s": "s"}
"""Units of columns that the document has no table of, by how their names end."""
HIDDEN: Final = frozenset({"packs"})
"""Tables that are a copy of others."""


@dataclass(frozen=True, slots=True)
class Described:
    """A column."""

    name: str
    type: str
    unit: str
    """ "" where it has none."""
    meaning: str
    """As the document says it, in Markdown; "" where the document has no line of its own for it."""


@dataclass(frozen=True, slots=True)
class Example:
    """A question of the document."""

    title: str
    """What it asks, from the comment before it."""
    sql: str
    """With its comment."""


@cache
def tables() -> dict[str, tuple[Described, ...]]:
    """The columns of each table and view of a session file, in the order in which the tables are made."""
    db = sqlite3.connect(":memory:")
    try:
        for statement in CREATE:
            db.execute(statement)
        named = db.execute("SELECT name FROM sqlite_master WHERE type IN ('table', 'view')").fetchall()
        text = DOCUMENT.read_text(encoding="utf-8")
        return {
            table: tuple(_columns(db, table, _told(text, table)))
            for (table,) in named
            if table not in HIDDEN and not table.startswith("sqlite_")
        }
    finally:
        db.close()


@cache
def examples() -> tuple[Example, ...]:
    """Every question of the document, in its order."""
    text = DOCUMENT.read_text(encoding="utf-8")
    section = text[text.index(QUESTIONS) + len(QUESTIONS) :].split("\n## ")[0]
    blocks = re.findall(r"```sql\n(.*?)```", section, re.DOTALL)
    return tuple(Example(_title(sql), sql) for block in blocks for sql in statements(block))


def _title(sql: str) -> str:
    """The comment at the beginning of a statement, in one line."""
    lines = []
    for line in sql.splitlines():
        if not line.startswith("--"):
            break
        lines.append(line.removeprefix("--").strip())
    return " ".join(lines)


def _columns(db: sqlite3.Connection, table: str, told: dict[str, tuple[str, str]]) -> list[Described]:
    found = []
    for _, name, kind, *_ in db.execute(f"PRAGMA table_info({table})"):
        by_name = next((unit for ending, unit in UNITS.items() if name.endswith(ending)), "")
        unit, meaning = told.get(name, (by_name, ""))
        found.append(Described(name, kind, "" if unit in NO_UNIT else unit, meaning))
    return found


def _told(text: str, table: str) -> dict[str, tuple[str, str]]:
    """(unit, meaning) of each column in the document's table of it; empty where it describes the columns in words."""
    begin = text.find(f"\n**{table}**:")
    if begin < 0:
        return {}
    section = text[begin + 1 :].split("\n**", maxsplit=1)[0]
    if HEAD not in section:
        return {}
    rows = section[section.index(HEAD) :].split("\n\n")[0].splitlines()[2:]
    cells = [[cell.strip() for cell in row.strip("|").split("|", 3)] for row in rows]
    return {name.strip("`"): (unit, meaning) for name, _, unit, meaning in cells}
