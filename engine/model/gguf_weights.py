"""The tensors of a GGUF file: mapped where they are plain or have a kernel for their kind, else unpacked when read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from engine.errors import CheckpointError
from engine.gguf.header import Header, TensorInfo
from engine.model.checkpoint import mapped_bytes
from engine.plain_text import one_line, quoted
from kernels.cpu.kinds import BLOCKS, KIND_OF, StoredRows
from kernels.cpu.packed import unpacked_by_gguf
from kernels.errors import KernelUnavailableError

PLAIN: Final = {kind: dtype for dtype, kind in KIND_OF.items()}
UNPACKED: Final = torch.float16
"""What weights of a kind without a kernel are unpacked to: their scales are float16, too."""
PIECE_ROWS: Final = 4096
"""Rows that are unpacked at once: in float32 they take twice the memory of the result."""


@dataclass(frozen=True, slots=True)
class Unpacked:
    """Kinds that no kernel multiplies, with the bytes that they have in the file and take in memory."""

    kinds: tuple[str, ...]
    stored: int
    taken: int


def unpacked_kinds(header: Header) -> Unpacked | None:
    """What is unpacked of a file when it is loaded; None where that is nothing."""
    tensors = [tensor for tensor in header.tensors.values() if not has_kernel(tensor.kind)]
    if not tensors:
        return None
    kinds = tuple(sorted({tensor.kind for tensor in tensors}))
    taken = sum(UNPACKED.itemsize * weights_of(tensor) for tensor in tensors)
    return Unpacked(kinds, sum(tensor.bytes for tensor in tensors), taken)


def has_kernel(kind: str) -> bool:
    """Whether weights of a kind stay as they are in the file."""
    return kind in PLAIN or kind in BLOCKS


def weights_of(tensor: TensorInfo) -> int:
    """The number of weights of a tensor."""
    return torch.Size(tensor.shape).numel()


def checked(header: Header, name: str, shape: tuple[int, ...]) -> TensorInfo:
    """The tensor of a name; raises CheckpointError where it is missing or of another shape."""
    info = header.tensors.get(name)
    if info is None:
        raise CheckpointError(f"The GGUF file lacks the tensor {quoted(name)}.")
    if info.shape != shape:
        raise CheckpointError(
            f"The tensor {quoted(name)} has the shape {quoted(list(info.shape))}, but the metadata ask for {list(shape)}."
        )
    return info


def read_weight(header: Header, name: str, *shape: int) -> Tensor | StoredRows:
    """A tensor, mapped from its file: each call maps it again, and the mapping is freed with the tensor.

    Raises CheckpointError as `checked`, for a kind that nothing can unpack, and where the file cannot be mapped.
    """
    info = checked(header, name, shape)
    if info.kind in PLAIN:
        return mapped_bytes(info.file, info.start, info.bytes, PLAIN[info.kind]).view(shape)
    raw = mapped_bytes(info.file, info.start, info.bytes)
    rows = raw.view(-1, info.bytes // (weights_of(info) // shape[-1]))
    if info.kind in BLOCKS:
        return StoredRows(info.kind, shape[-1], rows)
    try:
        pieces = [unpacked_by_gguf(piece, info.kind).to(UNPACKED) for piece in torch.split(rows, PIECE_ROWS)]
    except KernelUnavailableError as error:
        raise CheckpointError(
            f"The tensor {quoted(name)} is stored as {one_line(info.kind)}, which cannot be unpacked."
        ) from error
    return torch.cat(pieces).view(shape)


def shape_only(header: Header, name: str, *shape: int) -> Tensor | StoredRows:
    """As `read_weight`, without memory: to check a whole file before anything of it is loaded."""
    info = checked(header, name, shape)
    if info.kind not in BLOCKS:
        return torch.empty(shape, dtype=PLAIN.get(info.kind, UNPACKED), device="meta")
    rows = weights_of(info) // shape[-1]
    return StoredRows(
        info.kind, shape[-1], torch.empty(rows, info.bytes // rows, dtype=torch.uint8, device="meta")
    )  # fmt: skip
