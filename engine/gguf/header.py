"""The header of a GGUF file: its metadata, and the place, kind and shape of each tensor.

Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md. Every count and length is checked against the bytes
that the file still has, and against fixed limits, before memory is taken for it. The `gguf` package gives the numbers
of the value types and the sizes of the tensor kinds; its own reader keeps an array for each value of each array, which
takes seconds and hundreds of megabytes for a vocabulary. Imports no torch.
"""

from __future__ import annotations

import math
import os
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

import numpy as np
from gguf.constants import (
    GGML_QUANT_SIZES,
    GGUF_DEFAULT_ALIGNMENT,
    GGUF_MAGIC,
    GGMLQuantizationType,
    GGUFValueType,
)

from engine.errors import CheckpointError
from engine.gguf.cursor import Cursor
from engine.lfs_pointer import is_pointer, pointer_sentence
from engine.plain_text import one_line, path_text, quoted

VERSIONS: Final = (2, 3)
"""Version 1 has 32-bit counts; no program has written it since 2023."""
MOST_PAIRS: Final = 2**16
MOST_TENSORS: Final = 2**17
MOST_VALUES: Final = 4_000_000
"""Limit of values in all arrays together. The largest known files have 1.3 million: tokens, types, scores, merges."""
MOST_NAME_BYTES: Final = 2**16 - 1
MOST_DIMENSIONS: Final = 4
LEAST_PAIR_BYTES: Final = 13
"""A key's length, its one byte at least, and a value type."""
LEAST_TENSOR_BYTES: Final = 24
"""A name's length, a number of dimensions, a kind and an offset."""
ALIGNMENT_KEY: Final = "general.alignment"

NUMBERS: Final[dict[int, np.dtype[Any]]] = {
    GGUFValueType.UINT8: np.dtype("<u1"), GGUFValueType.INT8: np.dtype("<i1"), GGUFValueType.UINT16: np.dtype("<u2"),
    GGUFValueType.INT16: np.dtype("<i2"), GGUFValueType.UINT32: np.dtype("<u4"), GGUFValueType.INT32: np.dtype("<i4"),
    GGUFValueType.UINT64: np.dtype("<u8"), GGUFValueType.INT64: np.dtype("<i8"),
    GGUFValueType.FLOAT32: np.dtype("<f4"), GGUFValueType.FLOAT64: np.dtype("<f8"),
    GGUFValueType.BOOL: np.dtype("bool"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class TensorInfo:
    """One tensor: its place in a file, its kind as ggml names it ("Q4_1"), and its shape in rows of whole blocks."""

    kind: str
    shape: tuple[int, ...]
    """[out, in], as in PyTorch: the reverse of ggml's order."""
    start: int
    """Its first byte in the file."""
    bytes: int
    file: Path


@dataclass(frozen=True, slots=True)
class Header:
    """What a file says of itself by key (texts, numbers, lists of texts, numpy arrays of numbers), and its tensors."""

    metadata: dict[str, Any]
    tensors: dict[str, TensorInfo]


def read_header(stream: IO[bytes], path: Path) -> Header:
    """The header of the GGUF file `path`, open as `stream`; raises CheckpointError for a broken or another file."""
    size = os.fstat(stream.fileno()).st_size
    cursor = Cursor(stream, path, size)
    pairs, tensors = read_counts(cursor, path)
    metadata = read_metadata(cursor, path, pairs)
    found = read_tensors(cursor, path, tensors)
    align = alignment(metadata, path)
    first = -(-cursor.position // align) * align
    placed = {name: placed_tensor(path, name, one, first, align, size) for name, one in found.items()}
    check_places(path, placed)
    return Header(metadata, placed)


def read_counts(cursor: Cursor, path: Path) -> tuple[int, int]:
    """How many metadata pairs and tensors the file says it has; raises CheckpointError where it cannot hold them."""
    head = cursor.peek(64)
    if is_pointer(head):
        raise CheckpointError(pointer_sentence(path))
    if head[:4] != struct.pack("<I", GGUF_MAGIC):
        raise CheckpointError(f"{path_text(path)} is not a GGUF file.")
    cursor.take(4)
    version = cursor.number("<I")
    if version not in VERSIONS:
        if version & 0xFFFF == 0:
            raise CheckpointError(f"{path_text(path)} is a big-endian GGUF file; only little-endian ones can be read.")
        raise CheckpointError(f"{path_text(path)} is GGUF of version {version}; versions 2 and 3 can be read.")
    tensors, pairs = cursor.number("<Q"), cursor.number("<Q")
    for count, what, most, least in (
        (pairs, "metadata values", MOST_PAIRS, LEAST_PAIR_BYTES),
        (tensors, "tensors", MOST_TENSORS, LEAST_TENSOR_BYTES),
    ):
        if count > most:
            raise broken(path, f"it tells of {count} {what}, more than any model has")
        if count * least > cursor.left:
            raise cursor.cut()
    return pairs, tensors


def read_metadata(cursor: Cursor, path: Path, pairs: int) -> dict[str, Any]:
    """The metadata by key."""
    metadata: dict[str, Any] = {}
    values = 0
    for _ in range(pairs):
        key = cursor.text(MOST_NAME_BYTES)
        if key in metadata:
            raise broken(path, f"it has the key {quoted(key)} twice")
        kind = cursor.number("<I")
        if kind == GGUFValueType.ARRAY:
            metadata[key] = array = read_array(cursor, path, key, MOST_VALUES - values)
            values += len(array)
        else:
            metadata[key] = read_value(cursor, path, key, kind)
    return metadata


def read_value(cursor: Cursor, path: Path, key: str, kind: int) -> Any:
    """One value that is no array: a text, a number, or true or false."""
    if kind == GGUFValueType.STRING:
        return cursor.text(cursor.left)
    if kind not in NUMBERS:
        raise broken(path, f"the value of {quoted(key)} has the unknown type {kind}")
    dtype = NUMBERS[kind]
    return np.frombuffer(cursor.take(dtype.itemsize), dtype)[0].item()


def read_array(cursor: Cursor, path: Path, key: str, most: int) -> Any:
    """An array of at most `most` values: a list of texts, or numbers as a numpy array."""
    kind, count = cursor.number("<I"), cursor.number("<Q")
    if count > most:
        raise broken(path, f"{quoted(key)} brings its arrays above {MOST_VALUES:,} values, which no model's does")
    if kind == GGUFValueType.STRING:
        return cursor.texts(count)
    if kind == GGUFValueType.ARRAY:
        raise broken(path, f"{quoted(key)} is an array of arrays, which no model's file has")
    if kind not in NUMBERS:
        raise broken(path, f"the values of {quoted(key)} have the unknown type {kind}")
    dtype = NUMBERS[kind]
    return np.frombuffer(cursor.take(count * dtype.itemsize), dtype)


def read_tensors(cursor: Cursor, path: Path, count: int) -> dict[str, tuple[int, tuple[int, ...], int]]:
    """The kind, the shape [out, in] and the offset of each tensor by name, as the file has them."""
    found: dict[str, tuple[int, tuple[int, ...], int]] = {}
    for _ in range(count):
        name = cursor.text(MOST_NAME_BYTES)
        if name in found:
            raise broken(path, f"it has the tensor {quoted(name)} twice")
        dimensions = cursor.number("<I")
        if not 1 <= dimensions <= MOST_DIMENSIONS:
            raise broken(path, f"the tensor {quoted(name)} has {dimensions} dimensions")
        shape = tuple(cursor.number("<Q") for _ in range(dimensions))[::-1]
        found[name] = (cursor.number("<I"), shape, cursor.number("<Q"))
    return found


def alignment(metadata: dict[str, Any], path: Path) -> int:
    """The bytes that the place of each tensor is a multiple of."""
    value = metadata.get(ALIGNMENT_KEY, GGUF_DEFAULT_ALIGNMENT)
    if not isinstance(value, int) or not 1 <= value <= 2**20 or value & (value - 1):
        raise broken(path, f"it gives {quoted(value)} as {ALIGNMENT_KEY}, which should be a power of two")
    return value


def placed_tensor(
    path: Path, name: str, found: tuple[int, tuple[int, ...], int], first: int, align: int, size: int
) -> TensorInfo:
    """A tensor with its place in the file of `size` bytes, whose tensors begin at byte `first`."""
    number, shape, offset = found
    try:
        kind = GGMLQuantizationType(number)
    except ValueError:
        raise broken(path, f"the tensor {quoted(name)} is of the unknown kind {number}") from None
    per_block, block_bytes = GGML_QUANT_SIZES[kind]
    if any(not 1 <= one <= 2**48 for one in shape):
        raise broken(path, f"the tensor {quoted(name)} has the shape {quoted(list(shape))}")
    if shape[-1] % per_block:
        raise broken(
            path,
            f"the rows of the tensor {quoted(name)} have {shape[-1]} values, no multiple of {kind.name}'s {per_block}",
        )
    if offset % align:
        raise broken(path, f"the tensor {quoted(name)} has the offset {offset}, no multiple of {align}")
    taken = math.prod(shape) // per_block * block_bytes
    if first + offset + taken > size:
        raise CheckpointError(
            f"{path_text(path)} is truncated: the tensor {quoted(name)} ends at byte {first + offset + taken}, "
            f"but the file has {size}; fetch it again."
        )
    return TensorInfo(kind.name, shape, first + offset, taken, path)


def check_places(path: Path, tensors: dict[str, TensorInfo]) -> None:
    """Raise CheckpointError where a tensor begins inside another."""
    end = 0
    for name, tensor in sorted(tensors.items(), key=lambda pair: pair[1].start):
        if tensor.start < end:
            raise broken(path, f"the tensor {quoted(name)} begins inside another")
        end = tensor.start + tensor.bytes


def broken(path: Path, why: str) -> CheckpointError:
    """The CheckpointError for a header that contradicts itself or the format."""
    return CheckpointError(f"{path_text(path)} has a broken GGUF header: {one_line(why)}.")
