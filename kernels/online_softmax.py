"""The loop that the attention kernels share: tiles of keys with a running softmax, and no tensor of size T×T.

Online softmax (Milakov and Gimelshein 2018; FlashAttention, Dao et al. 2022): for each row the kernel keeps the largest
score m, the sum of exp(s - m) and the weighted sum of V, and rescales the last two whenever m grows. Scores are in base
2 (multiplied by log2 e once) inside a kernel only; every lse in memory is natural.
"""

from __future__ import annotations

import triton
import triton.language as tl

from kernels.device import INTERPRETED
from kernels.kv import kv_offsets

_WIDEN = tl.constexpr(INTERPRETED)  # the interpreter computes with numpy, which has no bfloat16 products


@triton.jit
def factor(x: tl.tensor) -> tl.tensor:
    """x as `tl.dot` takes it: unchanged on a device, float32 in the interpreter."""
    if _WIDEN:
        x = x.to(tl.float32)
    return x


@triton.jit
def attend_tiles(
    q: tl.tensor, acc: tl.tensor, m: tl.tensor, total: tl.tensor, k_base: tl.tensor, v_base: tl.tensor,
    where_ptr: tl.tensor, stride_where: tl.tensor, stride_block: tl.tensor, stride_pos: tl.tensor, sequence: tl.tensor,
    first: tl.tensor, end: tl.tensor, row_positions: tl.tensor, scale_log2: tl.tensor, window: tl.tensor,
    BLOCK_SIZE: tl.constexpr, HEAD_DIM: tl.constexpr, BLOCK_D: tl.constexpr, BLOCK_N: tl.constexpr,
    MASKED: tl.constexpr, WINDOWED: tl.constexpr, PRECISION: tl.constexpr,
) -> tl.tensor:  # fmt: skip
    """Let rows q [M, D] see keys [first, end); returns the new (acc [M, D], m [M], total [M]), all float32.

    MASKED: some rows may not see some of these keys (the diagonal, the window's edge, the end); else every row sees
    every key.
    """
    dims = tl.arange(0, BLOCK_D)
    for start in range(first, end, BLOCK_N):
        positions = start + tl.arange(0, BLOCK_N)
        inside = positions < end
        rows = kv_offsets(
            where_ptr, stride_where, stride_block, stride_pos, sequence, positions, inside, BLOCK_SIZE
        )  # [N]
        k_ptrs = k_base + rows[None, :] + dims[:, None]  # [D, N]
        v_ptrs = v_base + rows[:, None] + dims[None, :]  # [N, D]
        if MASKED:
            k = tl.load(k_ptrs, mask=inside[None, :] & (dims[:, None] < HEAD_DIM), other=0.0)
        elif HEAD_DIM == BLOCK_D:
            k = tl.load(k_ptrs)
        else:
            k = tl.load(k_ptrs, mask=dims[:, None] < HEAD_DIM, other=0.0)
        scores = tl.dot(factor(q), factor(k), input_precision=PRECISION) * scale_log2  # [M, N]
        if MASKED:
            seen = (positions[None, :] <= row_positions[:, None]) & inside[None, :]
            if WINDOWED:
                seen = seen & (positions[None, :] > row_positions[:, None] - window)
            scores = tl.where(seen, scores, float("-inf"))
        m_new = tl.maximum(m, tl.max(scores, 1))
        m_safe = tl.where(m_new == float("-inf"), 0.0, m_new)  # for a row that saw no key yet: -inf minus -inf is NaN
        weights = tl.exp2(scores - m_safe[:, None])
        shrink = tl.exp2(m - m_safe)
        total = total * shrink + tl.sum(weights, 1)
        if MASKED:
            v = tl.load(v_ptrs, mask=inside[:, None] & (dims[None, :] < HEAD_DIM), other=0.0)
        elif HEAD_DIM == BLOCK_D:
            v = tl.load(v_ptrs)
        else:
            v = tl.load(v_ptrs, mask=dims[None, :] < HEAD_DIM, other=0.0)
        acc = tl.dot(factor(weights.to(v.dtype)), factor(v), acc * shrink[:, None], input_precision=PRECISION)
        m = m_new
    return acc, m, total


@triton.jit
def finish(acc: tl.tensor, m: tl.tensor, total: tl.tensor) -> tl.tensor:
    """(o [M, D], lse [M], natural) of the running state; rows that saw no key give 0 and -inf."""
    empty = total == 0.0
    o = acc / tl.where(empty, 1.0, total)[:, None]
    lse = tl.where(empty, float("-inf"), (m + tl.log2(tl.where(empty, 1.0, total))) * 0.6931471805599453)
    return o, lse
