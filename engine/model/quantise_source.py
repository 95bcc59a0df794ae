"""A model to be quantised: GGUF's metadata and tensors of a GGUF file, a few rows of a tensor at a time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import gguf
import numpy as np
from numpy.typing import NDArray

from engine.errors import CheckpointError
from engine.gguf.header import TensorInfo
from engine.gguf.kept_metadata import kept_metadata
from engine.gguf.part_names import first_part
from engine.gguf.parts import read_model_header
from engine.model.files import open_regular
from engine.model.mapping import mapped_bytes
from engine.plain_text import path_text, quoted

Floats = NDArray[np.float32]
Rows = Callable[[int, int], Floats]
"""The rows from the first number to before the second, in single precision."""


class Source(Protocol):
    """A model with GGUF's names of its tensors; nothing of it but `metadata` is held in memory."""

    @property
    def metadata(self) -> dict[str, bytes]:
        """GGUF's metadata, each value as `engine/gguf/write.py: encoded` gives it."""
        ...

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """[out, in] of each tensor by name; what has more dimensions is read as rows of its last one."""
        ...

    @property
    def bytes(self) -> int:
        """Bytes of all tensors as they are stored."""
        ...

    @property
    def notes(self) -> tuple[str, ...]:
        """What of the model the file cannot say, a sentence each."""
        ...

    def rows(self, name: str) -> Rows:
        """Reads the rows of a tensor. Raises CheckpointError where its file cannot be read."""
        ...

    def packed(self, name: str, kind: str) -> memoryview | None:
        """The bytes of a tensor that is of this kind already; else None."""
        ...


@dataclass(frozen=True, slots=True)
class GgufSource:
    """A GGUF file, or all parts of one; its metadata is kept as it is."""

    metadata: dict[str, bytes]
    tensors: dict[str, TensorInfo]
    notes: tuple[str, ...] = ()

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The shapes by name."""
        return {name: one.shape for name, one in self.tensors.items()}

    @property
    def bytes(self) -> int:
        """Of all tensors."""
        return sum(one.bytes for one in self.tensors.values())

    def rows(self, name: str) -> Rows:
        """Unpacks rows by the format's own package."""
        info = self.tensors[name]
        kind = gguf.GGMLQuantizationType[info.kind]
        try:
            gguf.quants.dequantize(np.zeros((1, gguf.GGML_QUANT_SIZES[kind][1]), np.uint8), kind)
        except NotImplementedError:
            why = f"The tensor {quoted(name)} is of the kind {info.kind}, which cannot be unpacked."
            raise CheckpointError(why) from None
        raw = np.frombuffer(self._bytes(info), np.uint8)
        table = raw.reshape(-1, gguf.quant_shape_to_byte_shape(info.shape, kind)[-1])

        def unpacked(first: int, end: int) -> Floats:
            return np.ascontiguousarray(gguf.quants.dequantize(table[first:end], kind), np.float32)

        return unpacked

    def packed(self, name: str, kind: str) -> memoryview | None:
        """The tensor's bytes, where they can stay as they are."""
        info = self.tensors[name]
        return self._bytes(info) if info.kind == kind else None

    def _bytes(self, info: TensorInfo) -> memoryview:
        return mapped_bytes(info.file, info.start, info.bytes).numpy().data


def gguf_source(path: Path) -> GgufSource:
    """Open a GGUF file, or all parts of a model by one of them; raises CheckpointError where it holds no model."""
    header = read_model_header(path, open_regular)
    if not header.tensors:
        raise CheckpointError(f"{path_text(path)} holds no weights.")
    first = first_part(path) if "split.count" in header.metadata else path
    with open_regular(first) as stream:
        return GgufSource(kept_metadata(stream, first, header), header.tensors)
