"""Quantised rows for tests: random blocks of every kind, and the bound within which their products must be."""

from __future__ import annotations

from typing import Final

import numpy as np
import torch
from gguf import GGMLQuantizationType
from gguf.quants import dequantize
from torch import Tensor

from kernels.cpu.kinds import BLOCKS, StoredRows

SCALES: Final = {
    "Q6_K": slice(208, 210),
    "Q4_K": slice(0, 4),
    "Q5_K": slice(0, 4),
    "Q4_1": slice(0, 4),
    "Q5_1": slice(0, 4),
}
"""The bytes of a block that are float16; of the others the first two."""


def stored_rows(kind: str, out: int, channels: int, seed: int = 0) -> StoredRows:
    """Rows of which every bit is random, but for the exponents of their float16 scales."""
    random = np.random.default_rng(seed)
    weights, size = BLOCKS[kind]
    raw = random.integers(0, 256, (out, channels // weights, size), dtype=np.uint8)
    place = SCALES.get(kind, slice(0, 2))
    halves = (place.stop - place.start) // 2
    scales = (random.standard_normal((out, channels // weights, halves)) / 50).astype(np.float16)
    raw[..., place] = scales.view(np.uint8).reshape(out, channels // weights, 2 * halves)
    return StoredRows(kind, channels, torch.from_numpy(raw.reshape(out, -1)))


def true_weights(stored: StoredRows) -> Tensor:
    """float64 [out, in], as the package gguf unpacks them."""
    return torch.from_numpy(dequantize(stored.bytes.numpy(), GGMLQuantizationType[stored.kind]).astype(np.float64))


def bound(x: Tensor, weights: Tensor) -> Tensor:
    """How far a product [P, out] may be from the true one.

    x is rounded to 1/16256 of the largest of 32 of its numbers, and sums are float32.
    """
    rows, channels = x.shape
    largest = (
        x.double().abs().view(rows, channels // 32, 32).amax(-1, keepdim=True).expand(-1, -1, 32).reshape(rows, -1)
    )
    size = weights.abs().t()
    return largest @ size / (2 * 16256) * 1.001 + 1e-6 * (x.double().abs() @ size)
