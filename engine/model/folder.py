"""Which files of a folder are a checkpoint's own. Imports no torch."""

from __future__ import annotations

from pathlib import Path


def visible(folder: Path, pattern: str) -> list[Path]:
    """Files by pattern, in order; not hidden ones: macOS keeps `._model.safetensors` beside `model.safetensors`."""
    return sorted(file for file in listed(folder, pattern) if not file.name.startswith("."))


def listed(folder: Path, pattern: str) -> list[Path]:
    """Files by pattern; none where the folder cannot be looked into, or its name is too long to be one."""
    try:
        return list(folder.glob(pattern))
    except OSError:
        return []
