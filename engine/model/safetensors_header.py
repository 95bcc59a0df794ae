"""The header of a safetensors file, read and checked in full before any tensor is read.

Format: https://github.com/huggingface/safetensors#format: eight bytes with the header's length, the header in JSON, and
the tensors, one after the other without a gap. Imports no torch.
"""

from __future__ import annotations

import math
import os
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from engine.errors import CheckpointError
from engine.lfs_pointer import is_pointer, pointer_sentence
from engine.model.files import JSON_VALUES, check_values, open_regular, unreadable
from engine.plain_text import path_text, quoted

PREFIX_BYTES: Final = 8
HEADER_LIMIT: Final = 100 * 2**20
"""The format's own limit, in bytes; the number of values in a header is limited too (`JSON_VALUES`)."""
MOST_DIMENSIONS: Final = 64
ITEM_BITS: Final = {
    "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6, "BOOL": 8, "U8": 8, "I8": 8, "F8_E5M2": 8, "F8_E4M3": 8, "F8_E8M0": 8,
    "F8_E4M3FNUZ": 8, "F8_E5M2FNUZ": 8, "I16": 16, "U16": 16, "F16": 16, "BF16": 16, "I32": 32, "U32": 32, "F32": 32,
    "F64": 64, "I64": 64, "U64": 64, "C64": 64,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class TensorEntry:
    """One tensor: its place in a file, its shape and its dtype."""

    file: Path
    shape: tuple[int, ...]
    dtype: str
    start: int
    """Its first byte in the file."""
    bytes: int


class Facts(msgspec.Struct):
    """One tensor's entry as the header has it."""

    dtype: str
    shape: list[int]
    data_offsets: tuple[int, int]


_names: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_facts: Final = msgspec.json.Decoder(Facts)


def read_header(file: Path) -> dict[str, TensorEntry]:
    """The tensors of a safetensors file by name; raises CheckpointError where the file is cut or broken."""
    with open_regular(file) as stream:
        try:
            size = os.fstat(stream.fileno()).st_size
            head = stream.read(64)
            length = struct.unpack_from("<Q", head)[0] if len(head) >= PREFIX_BYTES else 0
            stream.seek(PREFIX_BYTES)
            raw = stream.read(length) if 0 < length <= min(HEADER_LIMIT, size) else b""
        except OSError as error:
            raise unreadable(file, error) from error
    if is_pointer(head):
        raise CheckpointError(pointer_sentence(file))
    if not 0 < length <= HEADER_LIMIT:
        raise CheckpointError(f"{path_text(file)} is not a safetensors file.")
    if len(raw) < length:
        raise CheckpointError(f"{path_text(file)} is truncated: it ends inside its header; fetch it again.")
    check_values(file, raw, JSON_VALUES)
    entries = {name: entry_of(file, name, facts, PREFIX_BYTES + length) for name, facts in facts_of(file, raw).items()}
    check_places(file, entries, PREFIX_BYTES + length, size)
    return entries


def facts_of(file: Path, raw: bytes) -> dict[str, msgspec.Raw]:
    """The header's entry of each tensor by name, not decoded yet."""
    try:
        facts = _names.decode(raw)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise CheckpointError(f"{path_text(file)} has a broken safetensors header.") from error
    facts.pop("__metadata__", None)
    return facts


def entry_of(file: Path, name: str, raw: msgspec.Raw, first: int) -> TensorEntry:
    """The entry of one tensor; the tensors begin at byte `first`.

    Raises CheckpointError where the entry is malformed, or its bytes do not match its shape and dtype.
    """
    try:
        facts = _facts.decode(raw)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise broken(file, name, "is not described by a dtype, a shape and two offsets") from error
    start, end = facts.data_offsets
    if not 0 <= start <= end:
        raise broken(file, name, f"has the offsets {start} and {end}")
    if len(facts.shape) > MOST_DIMENSIONS or any(size < 0 for size in facts.shape):
        raise broken(file, name, f"has the shape {quoted(facts.shape)}")
    bits = ITEM_BITS.get(facts.dtype)
    if bits is not None and math.prod(facts.shape) * bits != 8 * (end - start):
        raise broken(file, name, f"has the shape {quoted(facts.shape)} in {facts.dtype}, but {end - start} bytes")
    return TensorEntry(file, tuple(facts.shape), facts.dtype, first + start, end - start)


def check_places(file: Path, entries: dict[str, TensorEntry], first: int, size: int) -> None:
    """Raise CheckpointError where tensors overlap, leave bytes between them, or end elsewhere than the file does.

    This also finds a name that the header has twice: only its last entry is kept, so there is a gap.
    """
    end = first
    for name in sorted(entries, key=lambda name: (entries[name].start, entries[name].bytes)):
        entry = entries[name]
        if entry.start + entry.bytes > size:
            raise CheckpointError(
                f"{path_text(file)} is truncated: the tensor {quoted(name)} ends at byte {entry.start + entry.bytes}, "
                f"but the file has {size}; fetch it again."
            )
        if entry.start != end:
            where = "begins inside another" if entry.start < end else "does not begin where the one before it ends"
            raise broken(file, name, where)
        end += entry.bytes
    if end != size:
        raise CheckpointError(
            f"{path_text(file)} has a broken safetensors header: it tells of {end} bytes, and the file has {size}."
        )


def broken(file: Path, name: str, why: str) -> CheckpointError:
    return CheckpointError(f"{path_text(file)} has a broken safetensors header: the tensor {quoted(name)} {why}.")
