"""The attention probabilities of rows, from q, K and the lse of an attention call: one pass over K, no second softmax.

p[j] = exp(q · k_j · scale - lse). A program takes one tile of rows and keys; as in prefill, the query heads that share
a KV head are side by side in the tile, so that K is read once for all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import torch
import triton
import triton.language as tl
from torch import Tensor

from kernels.device import STEP_POINTERS, check_device
from kernels.kv import KV, kv_arguments, kv_bases, kv_offsets
from kernels.online_softmax import factor
from kernels.prefill_attention import SMALLEST_TILE, dot_precision, padded_dim

BLOCK_KEYS: Final = 64
MOST_ROWS: Final = 64
"""The most rows (positions · heads of a group) of a tile."""


@triton.jit(
    do_not_specialize=["stride_where", "stride_row", "stride_row_head", "heads", "first_head", "groups", "columns",
                       "window"],
    do_not_specialize_on_alignment=STEP_POINTERS,
)  # fmt: skip
def _row_kernel(
    q_ptr: tl.tensor, lse_ptr: tl.tensor, probs_ptr: tl.tensor,
    starts_ptr: tl.tensor, ends_ptr: tl.tensor, lengths_ptr: tl.tensor,
    stride_q: tl.tensor, stride_q_head: tl.tensor, stride_lse: tl.tensor, stride_row: tl.tensor,
    stride_row_head: tl.tensor, k_ptr: tl.tensor, v_ptr: tl.tensor, where_ptr: tl.tensor, stride_where: tl.tensor,
    stride_block: tl.tensor, stride_pos: tl.tensor, stride_head: tl.tensor, heads: tl.tensor, first_head: tl.tensor,
    groups: tl.tensor, columns: tl.tensor, scale: tl.tensor, window: tl.tensor,
    BLOCK_SIZE: tl.constexpr, ALIGN: tl.constexpr, GROUP: tl.constexpr, HEAD_DIM: tl.constexpr,
    BLOCK_D: tl.constexpr, BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr, WINDOWED: tl.constexpr,
    PRECISION: tl.constexpr,
) -> None:  # fmt: skip
    tile = tl.program_id(0) // groups
    kv_head = first_head // GROUP + tl.program_id(0) % groups
    sequence = tl.program_id(2)
    token = tl.load(starts_ptr + sequence)
    count = tl.load(ends_ptr + sequence) - token
    if tile * BLOCK_M < count * GROUP:
        length = tl.load(lengths_ptr + sequence)
        rows = tile * BLOCK_M + tl.arange(0, BLOCK_M)
        index = rows // GROUP
        head = kv_head * GROUP + rows % GROUP
        valid = (index < count) & (head >= first_head) & (head < first_head + heads)
        positions = length - count + index  # of each row, in its sequence
        tokens = (token + index).to(tl.int64)
        dims = tl.arange(0, BLOCK_D)
        first = tl.program_id(1) * BLOCK_N
        columns_here = first + tl.arange(0, BLOCK_N)
        probs = tl.zeros([BLOCK_M, BLOCK_N], tl.float32)
        if first <= length - count + (tile * BLOCK_M + BLOCK_M - 1) // GROUP:  # else no row sees any of these keys
            k_base, _ = kv_bases(
                k_ptr, v_ptr, where_ptr, stride_where, stride_pos, stride_head, sequence, kv_head, BLOCK_SIZE, ALIGN
            )
            inside = columns_here < length
            places = kv_offsets(
                where_ptr, stride_where, stride_block, stride_pos, sequence, columns_here, inside, BLOCK_SIZE
            )  # [N]
            q_offsets = (tokens * stride_q + head * stride_q_head)[:, None] + dims[None, :]
            q = tl.load(q_ptr + q_offsets, mask=valid[:, None] & (dims[None, :] < HEAD_DIM), other=0.0)  # [M, D]
            k_ptrs = k_base + places[None, :] + dims[:, None]  # [D, N]
            k = tl.load(k_ptrs, mask=inside[None, :] & (dims[:, None] < HEAD_DIM), other=0.0)
            lse = tl.load(lse_ptr + tokens * stride_lse + head, mask=valid, other=0.0)
            scores = tl.dot(factor(q), factor(k), input_precision=PRECISION) * scale  # [M, N]
            seen = columns_here[None, :] <= positions[:, None]
            if WINDOWED:
                seen = seen & (columns_here[None, :] > positions[:, None] - window)
            probs = tl.where(seen, tl.exp(scores - lse[:, None]), 0.0)
        # Rows are as long as the context, so their starts are not aligned: each thread stores single elements (2 or 4
        # bytes), adjacent threads adjacent ones.
        row_ptrs = probs_ptr + tokens * stride_row + (head - first_head) * stride_row_head  # [M]
        mask = valid[:, None] & (columns_here < columns)[None, :]
        tl.store(row_ptrs[:, None] + columns_here[None, :], probs.to(probs_ptr.dtype.element_ty), mask=mask)


def attention_row(
    q: Tensor, kv: KV, lse: Tensor, starts: Tensor, lengths: Tensor, *, max_rows: int, max_length: int,
    heads: range | None = None, scale: float | None = None, window: int | None = None, ends: Tensor | None = None,
    out: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """Probabilities of each row over the positions of its sequence, [P, len(heads), max_length], 0 where unseen.

    q, kv, starts, lengths, ends, max_rows, max_length and window as in `decode_attention`; lse float32 [P, heads of q]
    is the lse that `decode_attention` or `prefill_attention` wrote for the same q. `heads` is a range of step 1
    (default: all heads). `out` may have any float type (default: float16). Raises KernelUnavailableError where the
    device has no Triton.
    """
    check_device(q)
    heads = range(q.shape[1]) if heads is None else heads
    if out is None:
        out = torch.empty(q.shape[0], len(heads), max_length, dtype=torch.float16, device=q.device)
    arguments = kv_arguments(kv, q)
    group = q.shape[1] // kv.kv_heads
    groups = (heads.stop - 1) // group - heads.start // group + 1  # KV heads that the range touches
    width, exact = padded_dim(q.shape[2]), q.dtype == torch.float32
    most = SMALLEST_TILE if exact else MOST_ROWS  # exact products of a larger tile would spill their registers
    tile = max(SMALLEST_TILE, min(most, int(triton.next_power_of_2(max_rows * group))))
    grid = (triton.cdiv(max_rows * group, tile) * groups, triton.cdiv(max_length, BLOCK_KEYS), lengths.shape[0])
    _row_kernel[grid](
        q, lse, out, starts, starts[1:] if ends is None else ends, lengths,
        q.stride(0), q.stride(1), lse.stride(0), out.stride(0), out.stride(1),
        **arguments,
        heads=len(heads), first_head=heads.start, groups=groups, columns=max_length,
        scale=q.shape[2] ** -0.5 if scale is None else scale,
        window=0 if window is None else window, GROUP=group, HEAD_DIM=q.shape[2], BLOCK_D=width,
        BLOCK_M=tile, BLOCK_N=BLOCK_KEYS, WINDOWED=window is not None, PRECISION=dot_precision(q.dtype),
        num_warps=8 if exact and width > 64 else 4,
    )  # fmt: skip
    return out


def attention_row_reference(
    q: Tensor, keys: Sequence[Tensor], lse: Tensor, starts: Sequence[int], max_length: int, heads: range,
    scale: float | None = None, window: int | None = None,
) -> Tensor:  # fmt: skip
    """What `attention_row` computes, in the dtype of q; `keys` are K of each sequence, [kv_heads, T, head_dim]."""
    out = q.new_zeros(q.shape[0], len(heads), max_length)
    scale = q.shape[2] ** -0.5 if scale is None else scale
    for number, k in enumerate(keys):
        for row in range(starts[number], starts[number + 1]):
            end = k.shape[1] - starts[number + 1] + row + 1
            begin = 0 if window is None else max(0, end - window)
            for place, head in enumerate(heads):
                scores = k[head * k.shape[0] // q.shape[1], begin:end] @ q[row, head] * scale
                out[row, place, begin:end] = (scores - lse[row, head]).exp()
    return out
