"""The sentences that say why a session file cannot be read on."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Final

from engine.errors import SessionFileError
from engine.plain_text import one_line, path_text

UNREADABLE: Final = (sqlite3.DatabaseError, UnicodeDecodeError)
"""What SQLite raises where a file is damaged; the second one where its own words about that are damaged too."""


def damaged(path: Path, error: Exception) -> SessionFileError:
    """What to say where the file's content makes no sense."""
    said = one_line(error) or type(error).__name__
    return SessionFileError(f"{path_text(path)} is damaged or cut short and cannot be read to the end: {said}.")


def given_up(path: Path) -> SessionFileError:
    """What to say where whoever asked gave up."""
    return SessionFileError(f"Reading {path} was given up.")
