"""Git-LFS pointers: what a clone has in place of a large file until it is pulled."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from engine.plain_text import path_text

POINTER: Final = b"version https://git-lfs.github.com/spec/"


def is_pointer(head: bytes) -> bool:
    """Whether a file that begins so is a Git-LFS pointer: what a clone has in place of the file itself."""
    return head.startswith(POINTER)


def pointer_sentence(file: Path) -> str:
    """What to do about such a file."""
    return f"{path_text(file)} is a Git-LFS pointer, not the file itself: run `git lfs pull` where it was cloned."
