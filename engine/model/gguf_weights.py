"""The tensors of a GGUF file: mapped where they are plain or have a kernel for their kind, else unpacked when read."""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor

from engine.errors import CheckpointError
from engine.gguf.header import Header, TensorInfo
from engine.model.mapping import mapped_bytes
from engine.model.memory import size_text
from engine.plain_text import one_line, quoted
from kernels.cpu import library
from kernels.cpu.kinds import BLOCKS, KIND_OF, StoredRows
from kernels.cpu.packed import unpacked, unpacked_by_gguf
from kernels.errors import KernelUnavailableError

PLAIN: Final = {kind: dtype for dtype, kind in KIND_OF.items()}
UNPACKED: Final = torch.float16
"""What weights of a kind without a kernel are unpacked to: their scales are float16, too."""
PIECE_ROWS: Final = 4096
"""Rows that are unpacked at once: in float32 they take twice the memory of the result."""


def needed_bytes(header: Header, device: torch.device, dtype: torch.dtype) -> int:
    """What the weights of a file take in memory: as they are stored where there are kernels for that."""
    sizes = [(tensor, tensor_bytes(tensor, device, dtype)) for tensor in header.tensors.values()]
    return sum(size for _, size in sizes)


def tensor_bytes(tensor: TensorInfo, device: torch.device, dtype: torch.dtype) -> int:
    """What one tensor takes in memory."""
    if library.serves(device, dtype):
        return tensor.bytes if has_kernel(tensor.kind) else weights_of(tensor) * UNPACKED.itemsize
    return weights_of(tensor) * dtype.itemsize


def unpacked_note(header: Header, device: torch.device, dtype: torch.dtype) -> str:
    """A sentence on the quantised weights that cannot stay as they are; "" where all of them can."""
    here = library.serves(device, dtype)
    tensors = [
        tensor for tensor in header.tensors.values()
        if tensor.kind not in PLAIN and not (here and has_kernel(tensor.kind))
    ]  # fmt: skip
    if not tensors:
        return ""
    kinds = ", ".join(sorted({tensor.kind for tensor in tensors}))
    taken, stored = sum(tensor_bytes(one, device, dtype) for one in tensors), sum(one.bytes for one in tensors)
    to = str(UNPACKED if here else dtype).removeprefix("torch.")
    return (
        f"Weights in {kinds} are unpacked to {to}, as no kernel multiplies them on {device}: they take "
        f"{size_text(taken)} instead of {size_text(stored)}."
    )


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
            f"The tensor {quoted(name)} has the shape {quoted(list(info.shape))}, but the metadata ask "
            f"for {list(shape)}."
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
        stored = StoredRows(info.kind, shape[-1], rows)
        return stored if len(shape) > 1 else unpacked(stored)[0]  # a norm or a bias, which no file has quantised
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
    if info.kind not in BLOCKS or len(shape) == 1:
        return torch.empty(shape, dtype=PLAIN.get(info.kind, UNPACKED), device="meta")
    rows = weights_of(info) // shape[-1]
    return StoredRows(
        info.kind, shape[-1], torch.empty(rows, info.bytes // rows, dtype=torch.uint8, device="meta")
    )  # fmt: skip
