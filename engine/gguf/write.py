"""Writes GGUF files of version 3: the header as a whole, then the tensors' bytes one after another."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Any, Final

import numpy as np
from gguf.constants import GGUF_DEFAULT_ALIGNMENT, GGUF_MAGIC, GGMLQuantizationType, GGUFValueType
from numpy.typing import NDArray

from engine.gguf.quantising import KINDS

VERSION: Final = 3
ARRAYS: Final = {
    np.dtype("<i4"): GGUFValueType.INT32, np.dtype("<f4"): GGUFValueType.FLOAT32, np.dtype("bool"): GGUFValueType.BOOL,
}  # fmt: skip
QUANTISATION_VERSION: Final = 2
"""Of the layouts of ggml's blocks, since May 2023."""

Value = str | bool | int | float | list[str] | NDArray[Any]


@dataclass(frozen=True, slots=True)
class Planned:
    """A tensor to be written: its name, its kind, and its shape [out, in]."""

    name: str
    kind: str
    shape: tuple[int, ...]

    @property
    def weights(self) -> int:
        """How many numbers it holds."""
        return int(np.prod(self.shape, dtype=np.int64))

    @property
    def bytes(self) -> int:
        """Its size in the file, without what fills it up to the next tensor."""
        return KINDS[self.kind].size(self.weights)


def encoded(value: Value) -> bytes:
    """A metadata value with its type before it: whole numbers as unsigned 32-bit ones, others in single precision."""
    if isinstance(value, str):
        return _u32(GGUFValueType.STRING) + _text(value)
    if isinstance(value, bool):
        return _u32(GGUFValueType.BOOL) + struct.pack("<?", value)
    if isinstance(value, int):
        return _u32(GGUFValueType.UINT32) + _u32(value)
    if isinstance(value, float):
        return _u32(GGUFValueType.FLOAT32) + struct.pack("<f", value)
    if isinstance(value, np.ndarray):
        return _array(ARRAYS[value.dtype], len(value)) + value.tobytes()
    return _array(GGUFValueType.STRING, len(value)) + b"".join(map(_text, value))


def header(metadata: Mapping[str, bytes], tensors: Sequence[Planned]) -> bytes:
    """The header of a file with this metadata (each value as `encoded`), filled up to where the first tensor begins."""
    parts = [struct.pack("<IIQQ", GGUF_MAGIC, VERSION, len(tensors), len(metadata))]
    for key, value in metadata.items():
        parts += _text(key), value
    start = 0
    for one in tensors:
        shape = struct.pack(f"<I{len(one.shape)}Q", len(one.shape), *reversed(one.shape))
        parts += _text(one.name), shape, struct.pack("<IQ", GGMLQuantizationType[one.kind], start)
        start += one.bytes + len(filling(one.bytes))
    whole = b"".join(parts)
    return whole + filling(len(whole))


def write_tensor(stream: IO[bytes], planned: Planned, pieces: Iterable[memoryview]) -> None:
    """Write a tensor's bytes, in pieces of any number of them, and fill up to where the next one begins."""
    written = 0
    for piece in pieces:
        stream.write(piece)
        written += piece.nbytes
    assert written == planned.bytes, f"{planned.name} has {written} bytes instead of {planned.bytes}"
    stream.write(filling(written))


def filling(size: int) -> bytes:
    """The zeros after `size` bytes up to the next multiple of the alignment."""
    return bytes(-size % GGUF_DEFAULT_ALIGNMENT)


def _u32(number: int) -> bytes:
    return struct.pack("<I", number)


def _text(text: str) -> bytes:
    raw = text.encode("utf-8", "replace")
    return struct.pack("<Q", len(raw)) + raw


def _array(kind: int, count: int) -> bytes:
    return struct.pack("<IIQ", GGUFValueType.ARRAY, kind, count)
