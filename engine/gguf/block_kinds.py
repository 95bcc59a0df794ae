"""Blocks of 32 weights with one scale: Q8_0, Q4_0 and Q5_0, bit by bit as ggml's reference packs them.

A block's scale is stored in half precision, and its weights are divided by the scale in single precision.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

LEAST_SCALE: Final = np.float32(2.0**-126)

Floats = NDArray[np.float32]
Bytes = NDArray[np.uint8]


def q8_0(blocks: Floats) -> Bytes:
    """[n, 32] weights as [n, 34] bytes: the scale, and each weight rounded to a step of it, halves away from zero."""
    scale = np.abs(blocks).max(axis=1, keepdims=True) / np.float32(127)
    steps = blocks * _inverse(scale)
    whole = np.trunc(steps)
    whole += np.trunc(2 * (steps - whole))  # adding a half before truncation would round 0.49999997 up
    return _joined(scale, whole.astype(np.int8))


def q4_0(blocks: Floats) -> Bytes:
    """[n, 32] weights as [n, 18] bytes: the scale, and 16 bytes with a weight of each half of the block."""
    scale, steps = _signed_steps(blocks, 8)
    return _joined(scale, steps[:, :16] | steps[:, 16:] << 4)


def q5_0(blocks: Floats) -> Bytes:
    """[n, 32] weights as [n, 22] bytes: the scale, the fifth bits of all weights, and the rest as in Q4_0."""
    scale, steps = _signed_steps(blocks, 16)
    fifth = np.packbits(steps >> 4, axis=1, bitorder="little")
    return _joined(scale, fifth, steps[:, :16] & 15 | steps[:, 16:] << 4)


def _signed_steps(blocks: Floats, least: int) -> tuple[Floats, Bytes]:
    """The scale that makes the weight farthest from zero -`least` steps, and each weight's steps plus `least`."""
    farthest = np.take_along_axis(blocks, np.abs(blocks).argmax(axis=1, keepdims=True), axis=1)
    scale = farthest / np.float32(-least)
    steps = blocks * _inverse(scale) + np.float32(least + 0.5)
    return scale, np.minimum(steps.astype(np.uint8), np.uint8(2 * least - 1))


def _inverse(scale: Floats) -> Floats:
    """1 / scale; 0 for a block of zeros, and where it would overflow: half precision has no such scale."""
    return np.divide(np.float32(1), scale, out=np.zeros_like(scale), where=np.abs(scale) > LEAST_SCALE)


def _joined(scale: Floats, *parts: NDArray[Any]) -> Bytes:
    return np.concatenate([scale.astype("<f2").view(np.uint8), *(one.view(np.uint8) for one in parts)], axis=1)
