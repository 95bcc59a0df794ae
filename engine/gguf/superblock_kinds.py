"""Superblocks of 256 weights: Q4_K and Q6_K, by the searches that ggml uses for the scales of their parts.

Each part of a superblock has a scale (and in Q4_K a minimum) of its own, stored as a small integer times the
superblock's. The weights of a part are in a column here, so that every operation runs over thousands of parts at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Bytes = NDArray[np.uint8]

SUPERBLOCK: Final = 256
LEAST: Final = 2.0**-100
"""Of the weights of a part; half precision has no scale for smaller ones, which ggml's search overflows for."""
NEXT_TO_NOTHING: Final = 1e-15
"""A part whose largest weight is below this is a part of zeros, as in ggml."""


def q4_k(superblocks: Floats) -> Bytes:
    """[n, 256] weights as [n, 144] bytes: two scales, scales and minima of 8 parts in 6 bits, 4 bits a weight."""
    count = len(superblocks)
    columns = _columns(superblocks, 32)
    scales, minima = (one.reshape(count, 8) for one in fitted_ranges(columns))
    most, deepest = scales.max(axis=1, keepdims=True), minima.max(axis=1, keepdims=True)
    # The steps are found from the stored scales, so that they make up for the rounding of these.
    scale_of, minimum_of = _half(most / np.float32(63)), _half(deepest / np.float32(63))
    scale_steps, minimum_steps = _sixty_thirds(scales, most), _sixty_thirds(minima, deepest)
    stored = (scale_of * scale_steps).reshape(1, -1)
    lowest = (minimum_of * minimum_steps).reshape(1, -1)
    whole = np.clip(np.rint(_divided(columns + lowest, stored)), 0, 15)
    steps = whole.astype(np.uint8).T.reshape(count, 4, 2, 32)
    return np.concatenate(
        [
            _half_bytes(scale_of), _half_bytes(minimum_of), _six_bit_pairs(scale_steps, minimum_steps),
            (steps[:, :, 0] | steps[:, :, 1] << 4).reshape(count, 128),
        ],
        axis=1,
    )  # fmt: skip


def q6_k(superblocks: Floats) -> Bytes:
    """[n, 256] weights as [n, 210] bytes: 4 and 2 bits a weight, scales of 16 parts in 8 bits, one scale."""
    count = len(superblocks)
    columns = _columns(superblocks, 16)
    scales = fitted_scales(columns, 32).reshape(count, 16)
    largest = np.take_along_axis(scales, np.abs(scales).argmax(axis=1, keepdims=True), axis=1)
    largest[np.abs(largest) < NEXT_TO_NOTHING] = 0
    inverse = _divided(np.float32(-128), largest)
    scale_of = _half(_divided(np.float32(1), inverse))
    scale_steps = np.minimum(np.rint(inverse * scales), 127).astype(np.int8)
    whole = np.rint(_divided(columns, (scale_of * scale_steps).reshape(1, -1)))
    steps = (np.clip(whole, -32, 31) + 32).astype(np.uint8).T.reshape(count, 2, 4, 32)
    steps[largest[:, 0] == 0] = 0
    low = steps[:, :, :2] & 15 | steps[:, :, 2:] << 4
    high = steps[:, :, 0] >> 4 | steps[:, :, 1] >> 4 << 2 | steps[:, :, 2] >> 4 << 4 | steps[:, :, 3] >> 4 << 6
    return np.concatenate(
        [low.reshape(count, 128), high.reshape(count, 64), scale_steps.view(np.uint8), _half_bytes(scale_of)], axis=1
    )


# --- the searches ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Weighed:
    """Columns of weights with their importance, and what every try of a search needs of them."""

    columns: Floats
    importance: Floats
    total: Floats
    first: Floats
    """Sum of importance times weight."""

    def error(self, steps: Floats, scale: Floats, minimum: Floats) -> Floats:
        """The sum of squared errors, by importance, of `scale` times the steps plus `minimum`."""
        off = steps * scale
        off += minimum
        off -= self.columns
        off *= off
        off *= self.importance
        return _sum(off)


def fitted_ranges(columns: Floats) -> tuple[Floats, Floats]:
    """(scale, depth of the minimum below zero) of each column in steps of 0 to 15.

    The range from the minimum (at first the least weight, zero at most) to the greatest weight is divided into 14.0 to
    16.0 steps in turn. For the steps that each division gives, the best scale and minimum are a weighted regression;
    the pair with the least error wins, and the next range begins at its minimum. A weight counts by its size plus the
    root mean square of its column.
    """
    importance = np.abs(columns)
    importance += np.sqrt(_sum(columns * columns) / np.float32(len(columns)))
    weighed = _Weighed(columns, importance, _sum(importance), _sum(importance * columns))
    least, greatest = np.minimum(columns.min(axis=0), np.float32(0)), columns.max(axis=0)
    width = greatest - least
    scale = width / np.float32(15)
    best = weighed.error(_steps(columns - least, _divided(np.float32(15), width), 15), scale, least)
    for number in range(21):
        division = np.float32(-1) + np.float32(0.1) * np.float32(number) + np.float32(15)
        steps = _steps(columns - least, _divided(division, greatest - least), 15)
        scaled = importance * steps
        sum_l = _sum(scaled)
        sum_xl = _sum(scaled * columns)
        scaled *= steps
        sum_l2 = _sum(scaled)
        determinant = weighed.total * sum_l2 - sum_l * sum_l
        own_scale = _divided(weighed.total * sum_xl - weighed.first * sum_l, determinant)
        own_least = _divided(sum_l2 * weighed.first - sum_l * sum_xl, determinant)
        above_zero = own_least > 0
        own_scale = np.where(above_zero, _divided(sum_xl, sum_l2), own_scale)
        own_least = np.where(above_zero, np.float32(0), own_least)
        error = weighed.error(steps, own_scale, own_least)
        better = (determinant > 0) & (error < best)
        best, scale, least = (
            np.where(better, new, old) for new, old in ((error, best), (own_scale, scale), (own_least, least))
        )
    return scale, 0 - least  # not -least: a minus before a zero would be stored


def fitted_scales(columns: Floats, most: int) -> Floats:
    """The scale of each column in steps of -`most` to `most` - 1.

    The weight farthest from zero is made -(`most` - 0.9) to -(`most` + 0.9) steps in turn. For the steps that each
    division gives, the best scale is a weighted regression; the one with the least error wins. A weight counts by its
    square.
    """
    farthest = np.take_along_axis(columns, np.abs(columns).argmax(axis=0, keepdims=True), axis=0)[0]
    farthest = np.where(np.abs(farthest) < NEXT_TO_NOTHING, np.float32(0), farthest)
    importance = columns * columns
    moment = importance * columns
    scale, best = np.zeros_like(farthest), np.zeros_like(farthest)
    for number in (0, *range(-9, 0), *range(1, 10)):
        steps = columns * _divided(-(np.float32(most) + np.float32(0.1) * np.float32(number)), farthest)
        np.rint(steps, out=steps)
        np.clip(steps, -most, most - 1, out=steps)
        sum_lx = _sum(moment * steps)
        sum_l2 = _sum(importance * steps * steps)
        better = (sum_l2 > 0) & (sum_lx * sum_lx > best * sum_l2)
        own = _divided(sum_lx, sum_l2)
        scale, best = np.where(better, own, scale), np.where(better, own * sum_lx, best)
    return scale


# --- columns and bits -----------------------------------------------------------------------------------------------


def _columns(superblocks: Floats, part: int) -> Floats:
    """[part, all parts]: the weights of each part as a column, as zeros where all are too small to be divided by."""
    columns = np.array(superblocks.reshape(-1, part).T, np.float32, order="C")
    columns[:, np.abs(columns).max(axis=0) < LEAST] = 0
    return columns


def _sum(columns: Floats) -> Floats:
    sums: Floats = np.add.reduce(columns, axis=0)
    return sums


def _divided(dividend: Floats | np.float32, divisor: Floats) -> Floats:
    """The quotient, and 0 where the divisor is 0."""
    shape = np.broadcast_shapes(np.shape(dividend), divisor.shape)
    return np.divide(dividend, divisor, out=np.zeros(shape, np.float32), where=divisor != 0)


def _steps(above: Floats, inverse: Floats, most: int) -> Floats:
    steps = above * inverse
    np.rint(steps, out=steps)
    return np.clip(steps, 0, most, out=steps)


def _sixty_thirds(values: Floats, most: Floats) -> Bytes:
    """Each value in 63rds of the superblock's greatest."""
    steps: Bytes = np.minimum(np.rint(_divided(np.float32(63), most) * values), 63).astype(np.uint8)
    return steps


def _half(scale: Floats) -> Floats:
    """The scale as half precision holds it."""
    return scale.astype("<f2").astype(np.float32)


def _half_bytes(scale: Floats) -> Bytes:
    return scale.astype("<f2").view(np.uint8)


def _six_bit_pairs(scales: Bytes, minima: Bytes) -> Bytes:
    """Eight scales and eight minima of six bits in twelve bytes: the upper bits of the last four lie above the first
    four.
    """
    first = scales[:, :4] | scales[:, 4:] >> 4 << 6
    second = minima[:, :4] | minima[:, 4:] >> 4 << 6
    return np.concatenate([first, second, scales[:, 4:] & 15 | (minima[:, 4:] & 15) << 4], axis=1)
