"""The probabilities of attention's rows, from q, K and the lse that attention left: one pass over K, no softmax again.

p[j] = exp(q · k_j · scale - lse). Only rows that someone looks at are computed: the kernel is plain rather than fast.
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
from kernels.prefill_attention import padded_dim

BLOCK_KEYS: Final = 64


@triton.jit(
    do_not_specialize=["stride_where", "stride_row", "stride_row_head", "heads", "first_head", "columns", "window"],
    do_not_specialize_on_alignment=STEP_POINTERS,
)
def _row_kernel(
    q_ptr: tl.tensor, lse_ptr: tl.tensor, probs_ptr: tl.tensor,
    starts_ptr: tl.tensor, ends_ptr: tl.tensor, lengths_ptr: tl.tensor,
    stride_q: tl.tensor, stride_q_head: tl.tensor, stride_lse: tl.tensor, stride_row: tl.tensor,
    stride_row_head: tl.tensor, k_ptr: tl.tensor, v_ptr: tl.tensor, where_ptr: tl.tensor, stride_where: tl.tensor,
    stride_block: tl.tensor, stride_pos: tl.tensor, stride_head: tl.tensor, heads: tl.tensor, first_head: tl.tensor,
    columns: tl.tensor, scale: tl.tensor, window: tl.tensor,
    BLOCK_SIZE: tl.constexpr, ALIGN: tl.constexpr, GROUP: tl.constexpr, HEAD_DIM: tl.constexpr,
    BLOCK_D: tl.constexpr, BLOCK_N: tl.constexpr, WINDOWED: tl.constexpr,
) -> None:  # fmt: skip
    row = tl.program_id(0) // heads
    head = tl.program_id(0) % heads + first_head
    sequence = tl.program_id(2)
    token = tl.load(starts_ptr + sequence) + row
    if token < tl.load(ends_ptr + sequence):
        length = tl.load(lengths_ptr + sequence)
        position = length - tl.load(ends_ptr + sequence) + token
        dims = tl.arange(0, BLOCK_D)
        columns_here = tl.program_id(1) * BLOCK_N + tl.arange(0, BLOCK_N)
        seen = columns_here <= position
        if WINDOWED:
            seen = seen & (columns_here > position - window)
        k_base, _ = kv_bases(
            k_ptr, v_ptr, where_ptr, stride_where, stride_pos, stride_head, sequence, head // GROUP, BLOCK_SIZE, ALIGN
        )
        rows = kv_offsets(where_ptr, stride_where, stride_block, stride_pos, sequence, columns_here, seen, BLOCK_SIZE)
        q_offset = token.to(tl.int64) * stride_q + head * stride_q_head
        q = tl.load(q_ptr + q_offset + dims, mask=dims < HEAD_DIM, other=0.0).to(tl.float32)  # [D]
        k_mask = seen[:, None] & (dims[None, :] < HEAD_DIM)
        k = tl.load(k_base + rows[:, None] + dims[None, :], mask=k_mask, other=0.0).to(tl.float32)  # [N, D]
        lse = tl.load(lse_ptr + token.to(tl.int64) * stride_lse + head)
        probs = tl.where(seen, tl.exp(tl.sum(q[None, :] * k, 1) * scale - lse), 0.0)
        place = probs_ptr + token.to(tl.int64) * stride_row + (head - first_head) * stride_row_head
        tl.store(place + columns_here, probs.to(probs_ptr.dtype.element_ty), mask=columns_here < columns)


def attention_row(
    q: Tensor, kv: KV, lse: Tensor, starts: Tensor, lengths: Tensor, *, max_rows: int, max_length: int,
    heads: range | None = None, scale: float | None = None, window: int | None = None, ends: Tensor | None = None,
    out: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """Probabilities of each row over the positions of its sequence, [P, len(heads), max_length], 0 where unseen.

    q, kv, starts, lengths, ends, max_rows, max_length and window as in `decode_attention`; lse float32 [P, heads of q]
    is what it or `prefill_attention` wrote for the same q. `heads` (all) are neighbours: a range of step 1. `out` may
    be given, of any float type (float16 otherwise). Raises KernelUnavailableError where the device has no Triton.
    """
    check_device(q)
    heads = range(q.shape[1]) if heads is None else heads
    if out is None:
        out = torch.empty(q.shape[0], len(heads), max_length, dtype=torch.float16, device=q.device)
    arguments = kv_arguments(kv, q)
    grid = (max_rows * len(heads), triton.cdiv(max_length, BLOCK_KEYS), lengths.shape[0])
    _row_kernel[grid](
        q, lse, out, starts, starts[1:] if ends is None else ends, lengths,
        q.stride(0), q.stride(1), lse.stride(0), out.stride(0), out.stride(1),
        **arguments,
        heads=len(heads), first_head=heads.start, columns=max_length,
        scale=q.shape[2] ** -0.5 if scale is None else scale,
        window=0 if window is None else window, GROUP=q.shape[1] // kv.kv_heads, HEAD_DIM=q.shape[2],
        BLOCK_D=padded_dim(q.shape[2]), BLOCK_N=BLOCK_KEYS, WINDOWED=window is not None, num_warps=4,
    )  # fmt: skip
    return out


def attention_row_reference(
    q: Tensor, keys: Sequence[Tensor], lse: Tensor, starts: Sequence[int], max_length: int, heads: range,
    scale: float | None = None, window: int | None = None,
) -> Tensor:  # fmt: skip
    """The same written out, in q's own dtype; `keys` are K of each sequence, [kv_heads, T, head_dim]."""
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
