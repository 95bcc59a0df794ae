"""Adds facts to a session file that become known after its run."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

from engine.errors import SessionFileError
from engine.session.connecting import check_tables, connect
from engine.session.patience import Patience, Watch
from engine.session.tables import APPLICATION_ID


def set_facts(path: str | os.PathLike[str], facts: Mapping[str, str]) -> None:
    """Put rows into the table `meta` of a closed session file. Does nothing where the file was moved or deleted.

    Raises SessionFileError where the file cannot be written or is no session; the file is then unchanged.
    """
    if not Path(path).is_file():
        return
    try:
        with closing(connect(Path(path), "mode=rw", Watch(Patience()))) as database, database:
            if database.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
                raise SessionFileError(f"{path} is not a DecodeScope session.")
            check_tables(database)
            database.execute("BEGIN")
            database.executemany("INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)", facts.items())
    except (sqlite3.Error, ValueError) as error:
        raise SessionFileError(f"The session file {path} cannot be written: {error}.") from error
