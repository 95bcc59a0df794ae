"""Where the desktop keeps what was thrown away."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QFile


def move_to_trash(path: Path) -> bool:
    """Whether the file went there."""
    done = QFile.moveToTrash(str(path))
    return bool(done[0] if isinstance(done, tuple) else done)
