"""A GGUF file with the other parts of its model: large models are split, as `name-00001-of-00003.gguf`. No torch."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import IO, Final

from engine.errors import CheckpointError
from engine.gguf.header import Header, read_header
from engine.gguf.metadata import Metadata
from engine.gguf.part_names import PART
from engine.plain_text import path_text, quoted

MOST_PARTS: Final = 1000

Open = Callable[[Path], AbstractContextManager[IO[bytes]]]
"""Opens a file for reading; raises CheckpointError where it cannot."""


def read_model_header(path: Path, opened: Open) -> Header:
    """The header of a model's only file, or of any of its parts with the tensors of all; the first has the metadata.

    Raises CheckpointError as `read_header`, and for a part that is missing or belongs to another model.
    """
    header = header_of(path, opened)
    count = Metadata(header.metadata).integer("split.count", 1, least=0)
    if count <= 1:
        return header
    found = PART.fullmatch(path.name)
    if found is None or int(found["count"]) != count or count > MOST_PARTS:
        raise CheckpointError(
            f"{path_text(path)} is one of {count} parts of a model, but its name is not that of a part "
            "(name-00001-of-00002.gguf)."
        )
    files = [
        path.with_name(f"{found['stem']}-{number:05}-of-{count:05}{found['suffix']}") for number in range(1, count + 1)
    ]
    parts = [header if file == path else header_of(file, opened) for file in files]
    tensors = dict(parts[0].tensors)
    for file, part in zip(files[1:], parts[1:], strict=True):
        if Metadata(part.metadata).integer("split.count", 1, least=0) != count:
            raise CheckpointError(f"{path_text(file)} is no part of the model of {quoted(path.name)}.")
        twice = next((name for name in part.tensors if name in tensors), None)
        if twice is not None:
            raise CheckpointError(f"{path_text(file)} holds the tensor {quoted(twice)}, and so does another part.")
        tensors |= part.tensors
    return replace(parts[0], tensors=tensors)


def header_of(path: Path, opened: Open) -> Header:
    """The header of one file."""
    with opened(path) as stream:
        return read_header(stream, path)
