"""Rows of float32 weights as the bytes of a kind of GGUF tensor. Imports no torch."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.gguf.block_kinds import q4_0, q5_0, q8_0
from engine.gguf.superblock_kinds import SUPERBLOCK, q4_k, q6_k

Floats = NDArray[np.float32]
Bytes = NDArray[np.uint8]

PIECE: Final = 2**15
"""Weights that are packed at once: what a search keeps of them stays in a core's cache."""
GREATEST: Final = 65504.0
"""The greatest number in half precision, which holds scales and the weights of F16."""


@dataclass(frozen=True, slots=True)
class Kind:
    """How a kind packs weights: so many weights a block, so many bytes a block, and a function for [n, weights]."""

    block: int
    bytes: int
    pack: Callable[[Floats], Bytes]

    def size(self, weights: int) -> int:
        """The bytes of so many weights in whole blocks."""
        return weights // self.block * self.bytes


def _f32(blocks: Floats) -> Bytes:
    return np.ascontiguousarray(blocks, "<f4").view(np.uint8)


def _f16(blocks: Floats) -> Bytes:
    return blocks.astype("<f2").view(np.uint8)


def _bf16(blocks: Floats) -> Bytes:
    """The upper halves, rounded to even."""
    bits = np.ascontiguousarray(blocks, "<f4").view("<u4")
    upper: NDArray[np.uint16] = ((bits + 0x7FFF + (bits >> 16 & 1)) >> 16).astype("<u2")
    return upper.view(np.uint8)


KINDS: Final = {
    "F32": Kind(1, 4, _f32), "F16": Kind(1, 2, _f16), "BF16": Kind(1, 2, _bf16), "Q8_0": Kind(32, 34, q8_0),
    "Q4_0": Kind(32, 18, q4_0), "Q5_0": Kind(32, 22, q5_0), "Q4_K": Kind(SUPERBLOCK, 144, q4_k),
    "Q6_K": Kind(SUPERBLOCK, 210, q6_k),
}  # fmt: skip
"""The kinds that can be written, by ggml's name."""


def quantised(rows: Floats, kind: str, workers: Executor | None = None) -> Bytes:
    """Rows of weights, packed one row after another; their length must be a multiple of the kind's block.

    Raises ValueError where a weight is not finite, or is too large for half precision; its text follows "because".
    """
    own = KINDS[kind]
    if rows.size == 0:
        return np.empty(0, np.uint8)
    greatest = float(np.abs(rows).max())  # NaN where one weight is
    if not greatest <= np.finfo(np.float32).max:
        raise ValueError("it holds weights that are not finite")
    if kind not in ("F32", "BF16") and greatest > GREATEST:
        raise ValueError(f"it holds weights beyond {GREATEST:g}, which half precision does not reach")
    blocks = rows.reshape(-1, own.block)
    step = max(1, PIECE // own.block)
    pieces = [blocks[start : start + step] for start in range(0, len(blocks), step)]
    packed = map(own.pack, pieces) if workers is None else workers.map(own.pack, pieces)
    return np.concatenate([one.reshape(-1) for one in packed])
