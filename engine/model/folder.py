"""Lists the files of a checkpoint folder. Imports no torch."""

from __future__ import annotations

from pathlib import Path


def visible(folder: Path, pattern: str) -> list[Path]:
    """Files by pattern, sorted, without hidden ones: macOS keeps `._model.safetensors` beside `model.safetensors`."""
    return sorted(file for file in listed(folder, pattern) if not file.name.startswith("."))


def listed(folder: Path, pattern: str) -> list[Path]:
    """Files by pattern; none where the folder cannot be read, or where its name is too long for the system."""
    try:
        return list(folder.glob(pattern))
    except OSError:
        return []
