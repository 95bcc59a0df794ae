"""Moves files to the desktop's trash."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QFile


def move_to_trash(path: Path) -> bool:
    """Move a file to the trash; returns whether that worked."""
    done = QFile.moveToTrash(str(path))
    return bool(done[0] if isinstance(done, tuple) else done)
