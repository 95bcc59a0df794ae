"""Git-LFS pointers: the small files that a clone has in place of large ones until they are pulled."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from engine.plain_text import path_text

POINTER: Final = b"version https://git-lfs.github.com/spec/"


def is_pointer(head: bytes) -> bool:
    """Whether a file that begins with `head` is a Git-LFS pointer."""
    return head.startswith(POINTER)


def pointer_sentence(file: Path) -> str:
    """The sentence that says what to do about a pointer."""
    return f"{path_text(file)} is a Git-LFS pointer, not the file itself: run `git lfs pull` where it was cloned."
