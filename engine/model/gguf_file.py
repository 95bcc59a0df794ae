"""Which files are GGUF, and the name to show for one. Imports no torch."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from engine.gguf.part_names import PART
from engine.model.files import is_there, open_regular
from engine.model.folder import listed

SUFFIX: Final = ".gguf"


def is_gguf(path: Path) -> bool:
    """Whether a path names a GGUF file: by its suffix, else by its first bytes, as Ollama's files have no suffix.

    False for what is no ordinary file; raises CheckpointError where a file without the suffix cannot be read.
    """
    if path.suffix.lower() == SUFFIX:
        return is_there(path) and not path.is_dir()
    return path.is_file() and begins_as_gguf(path)


def begins_as_gguf(path: Path) -> bool:
    """Whether the first bytes of this file are those of GGUF; raises CheckpointError where it cannot be read."""
    with open_regular(path) as stream:
        return stream.read(4) == b"GGUF"


def title_of(path: Path) -> str:
    """A GGUF file's name without the suffix, and without the number of a part."""
    part = PART.fullmatch(path.name)
    return part["stem"] if part is not None else path.name[: -len(SUFFIX)]


def is_later_part(path: Path) -> bool:
    """Whether this is a part of a split model other than the first, by its name."""
    found = PART.fullmatch(path.name)
    return found is not None and int(found["number"]) > 1


def size_of(path: Path) -> int:
    """Bytes of a file, with those of all parts of its model; raises OSError where it cannot be seen."""
    part = PART.fullmatch(path.name)
    if part is None:
        return path.stat().st_size
    parts = (PART.fullmatch(file.name) for file in listed(path.parent, "*"))
    names = [one.string for one in parts if one and (one["stem"], one["count"]) == (part["stem"], part["count"])]
    return sum(path.with_name(name).stat().st_size for name in names)
