"""What a person, or a later measurement, changes in a session: its name, its notes, its marks, its ceilings.

A change is an event like all others (`FactsSet`, `MarkChanged`), so that the Session, a recording that goes on and a
closed file take the same one.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Final

from engine.errors import SessionFileError
from engine.session.connecting import check_tables, connect
from engine.session.patience import Patience, Watch
from engine.session.schema import FactsSet, Mark, MarkChanged
from engine.session.tables import APPLICATION_ID, INSERT

Edit = FactsSet | MarkChanged

NAME: Final = "name"
NOTES: Final = "notes"
"""The keys in `meta` of what a person calls the session and has written about it."""
MOST_OF_NAME: Final = 200
MOST_OF_NOTES: Final = 100_000
MOST_OF_LABEL: Final = 200
"""Limits of a name, of notes and of a mark's label, in characters."""
USER: Final = "user"
"""The kind of the marks that a person put: only these can be changed."""

_WHERE: Final = (
    "WHERE rowid = (SELECT rowid FROM marks WHERE t_ns = ? AND kind = ? AND label = ? ORDER BY rowid LIMIT 1)"
)


def write_edit(database: sqlite3.Connection, edit: Edit) -> None:
    """Carry out a change in the tables, within the transaction that is open."""
    if isinstance(edit, FactsSet):
        database.executemany("INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)", edit.facts.items())
    elif edit.before is None:
        database.executemany(INSERT["marks"], [_values(mark) for mark in (edit.after,) if mark is not None])
    elif edit.after is None:
        database.execute(f"DELETE FROM marks {_WHERE}", _values(edit.before))
    else:
        values = (*_values(edit.after), *_values(edit.before))
        database.execute(f"UPDATE marks SET t_ns = ?, kind = ?, label = ? {_WHERE}", values)


def edit_file(path: str | os.PathLike[str], edits: Iterable[Edit]) -> None:
    """Carry out changes in a closed session file, all or none of them.

    Raises SessionFileError where the file is gone, cannot be written or is no session; it is then unchanged.
    """
    if not Path(path).is_file():
        raise SessionFileError(f"The session file {path} is not there any more.")
    try:
        with closing(connect(Path(path), "mode=rw", Watch(Patience()))) as database, database:
            if database.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
                raise SessionFileError(f"{path} is not a DecodeScope session.")
            check_tables(database)
            database.execute("BEGIN IMMEDIATE")
            for edit in edits:
                write_edit(database, edit)
    except (sqlite3.Error, ValueError) as error:
        raise SessionFileError(f"The session file {path} cannot be written: {error}.") from error


def _values(mark: Mark) -> tuple[int, str, str]:
    return mark.t_ns, mark.kind, mark.label
