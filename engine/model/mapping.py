"""Parts of files as tensors."""

from __future__ import annotations

import mmap
from pathlib import Path

import torch
from torch import Tensor

from engine.errors import CheckpointError
from engine.model.files import open_regular
from engine.plain_text import one_line, path_text


def mapped_bytes(file: Path, start: int, size: int, dtype: torch.dtype = torch.uint8) -> Tensor:
    """A part of a file as private memory: writes to it never reach the file. Raises CheckpointError where it cannot be
    mapped."""
    before = start % mmap.ALLOCATIONGRANULARITY
    with open_regular(file) as stream:
        try:
            memory = mmap.mmap(stream.fileno(), before + size, access=mmap.ACCESS_COPY, offset=start - before)
        except (OSError, ValueError) as error:  # ValueError: the file was shortened after its header was read
            raise CheckpointError(f"{path_text(file)} cannot be mapped: {one_line(error)}.") from error
    if before % dtype.itemsize:  # the tensor is not aligned: most writers pad the header, some do not
        return torch.frombuffer(bytearray(memory[before:]), dtype=dtype)
    return torch.frombuffer(memory, dtype=dtype, count=size // dtype.itemsize, offset=before)
