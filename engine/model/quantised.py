"""Quantised weights of a model: rows as a file stores them, of one kind or of several."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from kernels.cpu.kinds import StoredRows
from kernels.cpu.packed import unpacked


@dataclass(frozen=True, slots=True)
class Quantised:
    """A weight [out, in] as rows of one kind after rows of another: projections of one input may differ in theirs."""

    slabs: tuple[StoredRows, ...]

    @property
    def shape(self) -> tuple[int, int]:
        """[out, in] in weights."""
        return sum(slab.shape[0] for slab in self.slabs), self.slabs[0].channels

    @property
    def is_meta(self) -> bool:
        """Whether it has a shape only, and no memory."""
        return self.slabs[0].bytes.is_meta

    def unpacked(self) -> Tensor:
        """The weight as float32 [out, in]."""
        if self.is_meta:
            return torch.empty(self.shape, device="meta")
        return torch.cat([unpacked(slab) for slab in self.slabs])


Weight = Tensor | Quantised
Projection = tuple[Weight, Tensor | None]
"""A weight [out, in] and its bias [out]."""


def kept(weight: Tensor | StoredRows) -> Weight:
    """One tensor of a file as a weight."""
    return weight if isinstance(weight, Tensor) else Quantised((weight,))


def joined(*parts: Projection) -> Projection:
    """Several projections of one input as one, with rows in the order given.

    Where only some of them are quantised, those are unpacked: a product reads quantised weights or plain ones.
    """
    weights, biases = [weight for weight, _ in parts], [bias for _, bias in parts if bias is not None]
    bias = _joined(biases) if biases else None
    quantised = [weight for weight in weights if isinstance(weight, Quantised)]
    if len(quantised) == len(weights):
        return Quantised(tuple(slab for weight in quantised for slab in weight.slabs)), bias
    return _joined([weight if isinstance(weight, Tensor) else weight.unpacked() for weight in weights]), bias


def _joined(parts: list[Tensor]) -> Tensor:
    """The rows of several tensors as one tensor.

    For `meta` tensors, which have no memory, only the shape is made: torch.cat on them makes PyTorch (2.13) import its
    compiler, which takes seconds.
    """
    if parts[0].is_meta:
        return parts[0].new_empty(sum(len(part) for part in parts), *parts[0].shape[1:])
    return torch.cat(parts)
