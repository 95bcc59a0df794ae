"""A model in a GGUF file: its config, its suggested sampling, and the header with its vocabulary and its tensors."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor

from engine.gguf.config import raw_config
from engine.gguf.header import Header
from engine.gguf.parts import read_model_header
from engine.model.files import open_regular
from engine.model.gguf_weights import PLAIN, read_weight, shape_only
from engine.plain_text import one_line
from kernels.cpu.kinds import StoredRows

SAMPLING: Final = {"temp": "temperature", "top_k": "top_k", "top_p": "top_p", "min_p": "min_p"}
"""The keys `general.sampling.*` that are settings here too, and their names in a generation_config.json."""


@dataclass(frozen=True, slots=True)
class GgufCheckpoint:
    """An opened file: `config` and `generation` in the form of a Hugging Face checkpoint's, and the header as it is."""

    path: Path
    config: dict[str, Any]
    generation: dict[str, Any]
    header: Header = field(repr=False)

    @property
    def says(self) -> str:
        """What tells the model's sizes, for messages."""
        return one_line(self.path.name)

    @property
    def names(self) -> Iterable[str]:
        """The names of the tensors."""
        return self.header.tensors

    def tensor(self, name: str, *shape: int) -> Tensor | StoredRows:
        """The tensor `name` as it is stored, or unpacked (`gguf_weights.read_weight`)."""
        return read_weight(self.header, name, *shape)

    def shape_only(self, name: str, *shape: int) -> Tensor | StoredRows:
        """As `tensor`, without memory."""
        return shape_only(self.header, name, *shape)

    @property
    def bytes(self) -> int:
        """Bytes of all tensors as stored."""
        return sum(tensor.bytes for tensor in self.header.tensors.values())

    @property
    def bytes_by_kind(self) -> dict[str, int]:
        """Bytes of the tensors of each kind ("Q4_1"), the kind with the most first."""
        sizes: dict[str, int] = {}
        for tensor in self.header.tensors.values():
            sizes[tensor.kind] = sizes.get(tensor.kind, 0) + tensor.bytes
        return dict(sorted(sizes.items(), key=lambda pair: -pair[1]))

    @property
    def names_dtype(self) -> bool:
        """Never: a GGUF file does not say which dtype the model was made in."""
        return False

    @property
    def stored_dtype(self) -> torch.dtype:
        """The dtype of most bytes of the weights; bfloat16 for quantised ones, which have none."""
        return PLAIN.get(next(iter(self.bytes_by_kind), "F32"), torch.bfloat16)


def open_gguf(path: Path) -> GgufCheckpoint:
    """Open a GGUF file, with the other parts of its model; raises CheckpointError, one sentence, where it is wrong."""
    header = read_model_header(path, open_regular)
    return GgufCheckpoint(path, raw_config(header), generation_of(header.metadata), header)


def generation_of(metadata: dict[str, Any]) -> dict[str, Any]:
    """The sampling that a file suggests, as a generation_config.json would; empty where it suggests none, or greedy."""
    given = {name: metadata[key] for end, name in SAMPLING.items() if (key := f"general.sampling.{end}") in metadata}
    return {"do_sample": True, **given} if given and given.get("temperature") != 0 else {}
