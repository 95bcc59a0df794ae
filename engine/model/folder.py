"""Which files of a folder are a checkpoint's own, and which only stand for them. Imports no torch."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from engine.plain_text import path_text

POINTER: Final = b"version https://git-lfs.github.com/spec/"


def visible(folder: Path, pattern: str) -> list[Path]:
    """Files by pattern, in order; not hidden ones: macOS keeps `._model.safetensors` beside `model.safetensors`."""
    return sorted(file for file in listed(folder, pattern) if not file.name.startswith("."))


def listed(folder: Path, pattern: str) -> list[Path]:
    """Files by pattern; none where the folder cannot be looked into, or its name is too long to be one."""
    try:
        return list(folder.glob(pattern))
    except OSError:
        return []


def is_pointer(head: bytes) -> bool:
    """Whether a file that begins so is a Git-LFS pointer: what a clone has in place of the file itself."""
    return head.startswith(POINTER)


def pointer_sentence(file: Path) -> str:
    """What to do about such a file."""
    return f"{path_text(file)} is a Git-LFS pointer, not the file itself: run `git lfs pull` where it was cloned."
