"""What a question to a session file may do: read its tables, by functions that reach nothing else.

SQLite asks the authorizer about each thing that a statement would do when it prepares it, also inside of views. So a
statement that is refused has done nothing. Only what is listed here is allowed: a function or a kind of table of a
newer SQLite is refused until it is listed.
"""

from __future__ import annotations

import sqlite3
from typing import Final

FUNCTIONS: Final = frozenset(
    name
    for names in (
        # scalar
        "abs changes char coalesce concat concat_ws format glob hex if ifnull iif instr last_insert_rowid "
        "length like likelihood likely lower ltrim max min nullif octet_length printf quote random randomblob "
        "replace round rtrim sign soundex sqlite_source_id sqlite_version substr substring total_changes trim "
        "typeof unhex unicode unistr unlikely upper zeroblob -> ->>",
        # dates
        "date time datetime julianday unixepoch strftime timediff current_date current_time current_timestamp",
        # aggregates and windows
        "avg count group_concat string_agg sum total median percentile percentile_cont percentile_disc "
        "row_number rank dense_rank percent_rank cume_dist ntile lag lead first_value last_value nth_value",
        # mathematics
        "acos acosh asin asinh atan atan2 atanh ceil ceiling cos cosh degrees exp floor ln log log10 log2 mod "
        "pi pow power radians sin sinh sqrt tan tanh trunc",
        # JSON
        "json jsonb json_array jsonb_array json_array_length json_error_position json_extract jsonb_extract "
        "json_group_array jsonb_group_array json_group_object jsonb_group_object json_insert jsonb_insert "
        "json_object jsonb_object json_patch jsonb_patch json_pretty json_quote json_remove jsonb_remove "
        "json_replace jsonb_replace json_set jsonb_set json_type json_valid",
    )
    for name in names.split()
)
"""The functions of SQLite itself that only compute."""
ABOUT: Final = frozenset({"table_info", "table_xinfo", "table_list", "index_list", "index_info", "index_xinfo"})
"""PRAGMAs that describe what their argument names."""
FACTS: Final = frozenset({"user_version", "application_id", "page_count", "page_size", "encoding", "freelist_count"})
"""PRAGMAs that tell a fact of the file where they have no argument; with one they would set it."""
COMPUTED: Final = frozenset({"json_each", "json_tree", *(f"pragma_{name}" for name in ABOUT)})
"""Tables that SQLite computes and that may be read."""
PAUSES_NAME: Final = "pauses"
SCHEMA: Final = "sqlite_master"
"""SQLite asks to UPDATE it when it declares a computed table. By a statement, SQLite lets nobody write it."""
WRITING: Final[dict[int, str]] = {
    sqlite3.SQLITE_INSERT: "INSERT", sqlite3.SQLITE_UPDATE: "UPDATE", sqlite3.SQLITE_DELETE: "DELETE",
    sqlite3.SQLITE_ATTACH: "ATTACH",
}  # fmt: skip
"""The actions by which a statement that begins like a question would change something, as SQL calls them."""


class Rules:
    """The authorizer of one connection, which it asks with `allows`. Make it before it is set: it asks the file."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._closed = _computed_tables(db) - COMPUTED
        views = db.execute("SELECT name FROM sqlite_master WHERE type = 'view'").fetchall()
        self.views = {str(name).lower() for (name,) in views}
        """The file's own views, of which none runs. `pauses` without a schema is the program's own (`asked.py`)."""
        self.refused = ""
        """The first thing that was refused, in words; "" where nothing was."""
        self.ids_of: set[str] = set()
        """The tables whose column `id` is read."""

    def begin(self) -> None:
        """Forget what was said of the statement before."""
        self.refused = ""
        self.ids_of = set()

    def allows(self, action: int, one: str | None, two: str | None, database: str | None, inside: str | None) -> int:
        """Whether a statement may do this, as SQLite asks it; `inside` is the view or table expression it is in."""
        if inside is not None and inside.lower() in self.views - {PAUSES_NAME}:
            refused = f"the file's view {inside}"
        else:
            refused = self._refusal(action, (one or "").lower(), two)
        if not refused:
            if action == sqlite3.SQLITE_READ and two == "id" and one is not None:
                self.ids_of.add(one.lower())
            return sqlite3.SQLITE_OK
        self.refused = self.refused or refused
        return sqlite3.SQLITE_DENY

    def _refusal(self, action: int, one: str, two: str | None) -> str:
        """What is refused, in words; "" where it is allowed."""
        match action:
            case sqlite3.SQLITE_SELECT | sqlite3.SQLITE_RECURSIVE:
                return ""
            case sqlite3.SQLITE_READ:
                return self._unreadable(one)
            case sqlite3.SQLITE_FUNCTION:
                return "" if (two or "").lower() in FUNCTIONS else f"the function {two}"
            case sqlite3.SQLITE_PRAGMA:
                return "" if one in ABOUT or (one in FACTS and two is None) else f"PRAGMA {one}"
        return "" if action == sqlite3.SQLITE_UPDATE and one == SCHEMA else WRITING.get(action, "this")

    def _unreadable(self, table: str) -> str:
        """The table in words where it may not be read, else ""."""
        hidden = table in self._closed or (table.startswith("pragma_") and table not in COMPUTED)
        return f"the table {table}" if hidden else ""


def _computed_tables(db: sqlite3.Connection) -> set[str]:
    """The tables that are no tables of the file: virtual ones in its schema, and those that are built into SQLite."""
    names = {str(name).lower() for (name,) in db.execute("PRAGMA module_list")}
    virtual = db.execute("SELECT name, sql FROM sqlite_master WHERE type = 'table'").fetchall()
    return names | {str(name).lower() for name, sql in virtual if "VIRTUAL" in str(sql).upper().split()[:2]}
