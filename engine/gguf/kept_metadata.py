"""The metadata of a GGUF file as the bytes it has there, so that another file can keep them with their types."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import IO, Final

from gguf.constants import GGUFValueType

from engine.errors import CheckpointError
from engine.gguf.cursor import HEADER_LIMIT
from engine.gguf.header import NUMBERS, Header
from engine.plain_text import path_text

OWN: Final = ("general.alignment", "general.file_type", "general.quantization_version", "split.")
"""Keys (or their beginnings) that say how a file is written, not what model it holds."""


def kept_metadata(stream: IO[bytes], path: Path, header: Header) -> dict[str, bytes]:
    """Each value with its type before it, as `write.encoded` gives it, of a file whose header has been read already."""
    stream.seek(0)
    raw = stream.read(min((one.start for one in header.tensors.values() if one.file == path), default=HEADER_LIMIT))
    position = 24  # magic, version and two counts
    found: dict[str, bytes] = {}
    try:
        for _ in header.metadata:
            begin = position + 8 + _number(raw, position)
            key = raw[position + 8 : begin].decode("utf-8", "replace")
            position = _end(raw, begin)
            if not key.startswith(OWN):
                found[key] = raw[begin:position]
    except (struct.error, ValueError) as error:
        raise CheckpointError(f"{path_text(path)} changed while it was read.") from error
    return found


def _end(raw: bytes, begin: int) -> int:
    """Where the value ends whose type is at `begin`."""
    (kind,) = struct.unpack_from("<I", raw, begin)
    if kind != GGUFValueType.ARRAY:
        return _value_end(raw, begin + 4, kind)
    (kind,) = struct.unpack_from("<I", raw, begin + 4)
    count, position = _number(raw, begin + 8), begin + 16
    if kind != GGUFValueType.STRING:
        return position + count * int(NUMBERS[GGUFValueType(kind)].itemsize)
    for _ in range(count):
        position += 8 + _number(raw, position)
    return position


def _value_end(raw: bytes, begin: int, kind: int) -> int:
    if kind == GGUFValueType.STRING:
        return begin + 8 + _number(raw, begin)
    return begin + int(NUMBERS[GGUFValueType(kind)].itemsize)


def _number(raw: bytes, position: int) -> int:
    number: int = struct.unpack_from("<Q", raw, position)[0]
    return number
