"""The errors that say why the reading of a session file ended."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Final

from engine.errors import SessionFileError
from engine.plain_text import one_line, path_text

UNREADABLE: Final = (sqlite3.DatabaseError, UnicodeDecodeError)
"""What sqlite3 raises for a damaged file; UnicodeDecodeError where SQLite's message about it is damaged, too."""


def damaged(path: Path, error: Exception) -> SessionFileError:
    """The error for a file whose content makes no sense; `error` says why."""
    said = one_line(error) or type(error).__name__
    return SessionFileError(f"{path_text(path)} is damaged or cut short and cannot be read to the end: {said}.")


def given_up(path: Path) -> SessionFileError:
    """The error for a reading that was given up."""
    return SessionFileError(f"Reading {path} was given up.")
