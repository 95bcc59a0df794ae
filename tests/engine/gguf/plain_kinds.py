"""Q4_K and Q6_K as ggml's reference computes them: one weight after another, in single precision."""

from __future__ import annotations

import numpy as np

F = np.float32


def nearest(value: np.float32) -> int:
    return int(np.rint(value))


def q4_k(x: np.ndarray) -> bytes:
    """One superblock of 256 weights as 144 bytes."""
    parts = [fitted_range(x[32 * j : 32 * j + 32]) for j in range(8)]
    most, deepest = max(F(0), *(one[0] for one in parts)), max(F(0), *(one[1] for one in parts))
    inverse = F(63) / most if most > 0 else F(0)
    inverse_depth = F(63) / deepest if deepest > 0 else F(0)
    ls = [min(63, nearest(inverse * one[0])) for one in parts]
    lm = [min(63, nearest(inverse_depth * one[1])) for one in parts]
    scales = [0] * 12
    for j in range(8):
        if j < 4:
            scales[j], scales[j + 4] = ls[j], lm[j]
        else:
            scales[j + 4] = (ls[j] & 15) | (lm[j] & 15) << 4
            scales[j - 4] |= ls[j] >> 4 << 6
            scales[j] |= lm[j] >> 4 << 6
    d, dmin = np.float16(most / F(63)), np.float16(deepest / F(63))
    steps = np.zeros(256, np.uint8)
    for j in range(8):
        scale, depth = F(d) * F(ls[j]), F(dmin) * F(lm[j])
        if scale:
            for i in range(32 * j, 32 * j + 32):
                steps[i] = max(0, min(15, nearest((x[i] + depth) / scale)))
    quarters = steps.reshape(4, 2, 32)
    return d.tobytes() + dmin.tobytes() + bytes(scales) + (quarters[:, 0] | quarters[:, 1] << 4).tobytes()


def fitted_range(x: np.ndarray) -> tuple[np.float32, np.float32]:
    """(scale, depth of the minimum) of 32 weights."""
    mean = np.sqrt(total([one * one for one in x]) / F(32))
    w = [mean + abs(one) for one in x]
    low, high = min(F(0), x.min()), x.max()
    sum_w, sum_x = total(w), total([a * b for a, b in zip(w, x, strict=True)])
    if high == low:
        return F(0), -low

    def steps(inverse: np.float32) -> list[np.float32]:
        return [F(max(0, min(15, nearest(inverse * (one - low))))) for one in x]

    def error(l: list[np.float32], scale: np.float32, minimum: np.float32) -> np.float32:  # noqa: E741 - ggml's name
        off = [scale * a + minimum - b for a, b in zip(l, x, strict=True)]
        return total([a * (b * b) for a, b in zip(w, off, strict=True)])

    scale = 1 / (F(15) / (high - low))
    best = error(steps(F(15) / (high - low)), scale, low)
    for number in range(21):
        l = steps((F(-1) + F(0.1) * F(number) + F(15)) / (high - low))  # noqa: E741
        sum_l = total([a * b for a, b in zip(w, l, strict=True)])
        sum_l2 = total([a * b * b for a, b in zip(w, l, strict=True)])
        sum_xl = total([a * b * c for a, b, c in zip(w, l, x, strict=True)])
        determinant = sum_w * sum_l2 - sum_l * sum_l
        if determinant <= 0:
            continue
        own = (sum_w * sum_xl - sum_x * sum_l) / determinant
        own_low = (sum_l2 * sum_x - sum_l * sum_xl) / determinant
        if own_low > 0:
            own, own_low = sum_xl / sum_l2, F(0)
        found = error(l, own, own_low)
        if found < best:
            best, scale, low = found, own, own_low
    return scale, -low


def q6_k(x: np.ndarray) -> bytes:
    """One superblock of 256 weights as 210 bytes."""
    scales = [fitted_scale(x[16 * j : 16 * j + 16]) for j in range(16)]
    largest = max(scales, key=abs)
    if abs(largest) < 1e-15:
        return bytes(210)
    inverse = F(-128) / largest
    d = np.float16(1 / inverse)
    kept = [min(127, nearest(inverse * one)) for one in scales]
    steps = np.zeros(256, np.uint8)
    for j in range(16):
        scale = F(d) * F(kept[j])
        for i in range(16 * j, 16 * j + 16):
            steps[i] = 32 + (max(-32, min(31, nearest(x[i] / scale))) if scale else 0)
    low, high = bytearray(), bytearray()
    for half in steps.reshape(2, 4, 32):
        low += (half[0] & 15 | (half[2] & 15) << 4).tobytes() + (half[1] & 15 | (half[3] & 15) << 4).tobytes()
        high += (half[0] >> 4 | half[1] >> 4 << 2 | half[2] >> 4 << 4 | half[3] >> 4 << 6).tobytes()
    return bytes(low + high) + np.array(kept, np.int8).tobytes() + d.tobytes()


def fitted_scale(x: np.ndarray) -> np.float32:
    """The scale of 16 weights in steps of -32 to 31."""
    farthest = max(x, key=abs)
    if abs(farthest) < 1e-15:
        return F(0)
    scale = best = F(0)
    for number in (0, *range(-9, 0), *range(1, 10)):
        inverse = -(F(32) + F(0.1) * F(number)) / farthest
        l = [F(max(-32, min(31, nearest(inverse * one)))) for one in x]  # noqa: E741 - ggml's name
        sum_lx = total([one * one * one * a for one, a in zip(x, l, strict=True)])
        sum_l2 = total([one * one * a * a for one, a in zip(x, l, strict=True)])
        if sum_l2 > 0 and (number == 0 or sum_lx * sum_lx > best * sum_l2):
            scale = sum_lx / sum_l2
            best = scale * sum_lx
    return scale


def total(values: list[np.float32]) -> np.float32:
    """The sum from the first to the last."""
    found = F(0)
    for one in values:
        found = F(found + one)
    return found
