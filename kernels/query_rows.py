"""The first part of the attention kernels: it finds a program's rows among those of the step, and loads their q."""

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit
def rows_of_sequence(
    starts_ptr: tl.tensor, ends_ptr: tl.tensor, lengths_ptr: tl.tensor, sequence: tl.tensor
) -> tl.tensor:  # fmt: skip
    """A sequence's first row in q, its number of rows, and its number of positions up to and with the last row."""
    token = tl.load(starts_ptr + sequence)
    count = tl.load(ends_ptr + sequence) - token
    length = tl.load(lengths_ptr + sequence)
    return token, count, length


@triton.jit
def load_rows(
    q_ptr: tl.tensor, stride_q: tl.tensor, stride_q_head: tl.tensor, token: tl.tensor, count: tl.tensor,
    length: tl.tensor, tile: tl.tensor, kv_head: tl.tensor,
    GROUP: tl.constexpr, HEAD_DIM: tl.constexpr, BLOCK_D: tl.constexpr, BLOCK_M: tl.constexpr,
) -> tl.tensor:  # fmt: skip
    """q [M, D] of one tile of a sequence's rows, the GROUP query heads of a KV head side by side, and their places.

    The places are, for each row: its position in the sequence [M], its row of q (int64) [M], its head [M], and whether
    the row exists [M]; then the dimensions [D], and which elements of the tile are real [M, D].
    """
    rows = tile * BLOCK_M + tl.arange(0, BLOCK_M)
    index = rows // GROUP
    valid = index < count
    head = kv_head * GROUP + rows % GROUP
    positions = length - count + index
    dims = tl.arange(0, BLOCK_D)
    wide = valid[:, None] & (dims[None, :] < HEAD_DIM)
    tokens = (token + index).to(tl.int64)
    q_offsets = (tokens * stride_q + head * stride_q_head)[:, None] + dims[None, :]
    q = tl.load(q_ptr + q_offsets, mask=wide, other=0.0)
    return q, positions, tokens, head, valid, dims, wide
