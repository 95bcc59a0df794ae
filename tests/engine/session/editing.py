"""Session files of runs, and copies of them in which SQL has changed something."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from engine.session.file import SessionWriter
from engine.session.schema import AnyEvent


def written(path: Path, batches: Iterable[list[AnyEvent]]) -> Path:
    """A session file of these events."""
    with SessionWriter(path) as writer:
        for batch in batches:
            writer.append(batch)
    return path


def edited(whole: Path, folder: Path, *statements: str | tuple[Any, ...]) -> Path:
    """A copy of a session file after these statements, each a text or a text with its parameters."""
    path = folder / "x.dscope"
    shutil.copy(whole, path)
    db = sqlite3.connect(path, isolation_level=None)
    for statement in statements:
        text, *parameters = (statement,) if isinstance(statement, str) else statement
        db.execute(text, parameters)
    db.close()
    return path
