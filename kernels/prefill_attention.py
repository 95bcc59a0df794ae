"""Causal attention of many new positions at once, in tiles (after FlashAttention-2, Dao 2023).

A program computes one tile of rows of one sequence and one KV head: the query heads that share the KV head are side by
side in the tile, so that each tile of K and V is loaded once for all of them. Keys that every row sees are not masked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import torch
import triton
import triton.language as tl
from torch import Tensor

from kernels.device import STEP_POINTERS, check_device, device_facts
from kernels.kv import KV, kv_arguments, kv_bases, load_stages
from kernels.online_softmax import attend_tiles, finish
from kernels.query_rows import load_rows, rows_of_sequence

LOG2_E: Final = 1.4426950408889634
SMALLEST_TILE: Final = 16
"""The smallest side that `tl.dot` accepts."""


@dataclass(frozen=True, slots=True)
class Tiles:
    """How a kernel divides its work: rows and keys of a tile, warps of a program, tiles of K and V at once."""

    rows: int
    keys: int
    warps: int = 4
    stages: int = 2
    """One tile is used while the others are in transfer (see `load_stages`)."""


@triton.jit(
    do_not_specialize=["stride_where", "window"],
    do_not_specialize_on_alignment=STEP_POINTERS,
)
def _prefill_kernel(
    q_ptr: tl.tensor, out_ptr: tl.tensor, lse_ptr: tl.tensor,
    starts_ptr: tl.tensor, ends_ptr: tl.tensor, lengths_ptr: tl.tensor,
    stride_q: tl.tensor, stride_q_head: tl.tensor, stride_out: tl.tensor, stride_out_head: tl.tensor,
    stride_lse: tl.tensor, k_ptr: tl.tensor, v_ptr: tl.tensor, where_ptr: tl.tensor, stride_where: tl.tensor,
    stride_block: tl.tensor, stride_pos: tl.tensor, stride_head: tl.tensor, scale_log2: tl.tensor, window: tl.tensor,
    BLOCK_SIZE: tl.constexpr, ALIGN: tl.constexpr, GROUP: tl.constexpr, HEAD_DIM: tl.constexpr,
    BLOCK_D: tl.constexpr, BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr,
    WINDOWED: tl.constexpr, WRITE_LSE: tl.constexpr, PRECISION: tl.constexpr,
) -> None:  # fmt: skip
    # The last tiles have the most keys: they start first, so that no long tile is left for the end.
    tile = tl.num_programs(0) - 1 - tl.program_id(0)
    kv_head = tl.program_id(1)
    sequence = tl.program_id(2)
    token, count, length = rows_of_sequence(starts_ptr, ends_ptr, lengths_ptr, sequence)
    if tile * BLOCK_M < count * GROUP:
        q, positions, tokens, head, valid, dims, wide = load_rows(
            q_ptr, stride_q, stride_q_head, token, count, length, tile, kv_head, GROUP, HEAD_DIM, BLOCK_D, BLOCK_M
        )
        acc = tl.zeros([BLOCK_M, BLOCK_D], tl.float32)
        m = tl.full([BLOCK_M], float("-inf"), tl.float32)
        total = tl.zeros([BLOCK_M], tl.float32)
        k_base, v_base = kv_bases(
            k_ptr, v_ptr, where_ptr, stride_where, stride_pos, stride_head, sequence, kv_head, BLOCK_SIZE, ALIGN
        )

        lowest = length - count + tile * BLOCK_M // GROUP
        highest = tl.minimum(length - count + (tile * BLOCK_M + BLOCK_M - 1) // GROUP, length - 1)
        first = 0
        full = first  # every row sees keys [full, diagonal)
        if WINDOWED:
            first = tl.maximum(lowest - window + 1, 0) // BLOCK_N * BLOCK_N
            full = tl.cdiv(tl.maximum(highest - window + 1, 0), BLOCK_N) * BLOCK_N
        diagonal = tl.maximum(lowest + 1, 0) // BLOCK_N * BLOCK_N
        end = highest + 1
        if WINDOWED:
            acc, m, total = attend_tiles(
                q, acc, m, total, k_base, v_base, where_ptr, stride_where, stride_block, stride_pos, sequence,
                first, tl.minimum(full, end), positions, scale_log2, window,
                BLOCK_SIZE, HEAD_DIM, BLOCK_D, BLOCK_N, True, True, PRECISION,
            )  # fmt: skip
        acc, m, total = attend_tiles(
            q, acc, m, total, k_base, v_base, where_ptr, stride_where, stride_block, stride_pos, sequence,
            full, diagonal, positions, scale_log2, window,
            BLOCK_SIZE, HEAD_DIM, BLOCK_D, BLOCK_N, False, False, PRECISION,
        )  # fmt: skip
        acc, m, total = attend_tiles(
            q, acc, m, total, k_base, v_base, where_ptr, stride_where, stride_block, stride_pos, sequence,
            tl.maximum(full, diagonal), end, positions, scale_log2, window,
            BLOCK_SIZE, HEAD_DIM, BLOCK_D, BLOCK_N, True, WINDOWED, PRECISION,
        )  # fmt: skip

        o, lse = finish(acc, m, total)
        out_offsets = (tokens * stride_out + head * stride_out_head)[:, None] + dims[None, :]
        tl.store(out_ptr + out_offsets, o.to(out_ptr.dtype.element_ty), mask=wide)
        if WRITE_LSE:
            tl.store(lse_ptr + tokens * stride_lse + head, lse, mask=valid)


def prefill_attention(
    q: Tensor, kv: KV, starts: Tensor, lengths: Tensor, *, max_rows: int, scale: float | None = None,
    window: int | None = None, ends: Tensor | None = None, out: Tensor | None = None, lse: Tensor | None = None,
    tiles: Tiles | None = None,
) -> Tensor:  # fmt: skip
    """softmax(q kᵀ · scale) v of the last rows of every sequence; each row sees the positions up to its own.

    q [P, heads, head_dim] (any strides, the last 1); sequence b has rows [starts[b], starts[b + 1]), the last of its
    `lengths[b]` positions (`starts` int32 [batch + 1], `lengths` int32 [batch], both on the device). Where `ends` int32
    [batch] is given, sequence b has rows [starts[b], ends[b]); other rows are not changed. `max_rows` is at least the
    most rows of a sequence. `window`: a row sees that many positions, its own included. `out` like q, `lse` float32
    [P, heads] (natural; written where given). Rows that see no position (length 0) become 0, with lse -inf. Raises
    ValueError where shapes do not fit, KernelUnavailableError where the device has no Triton.
    """
    check_device(q)
    out = torch.empty(q.shape, dtype=q.dtype, device=q.device) if out is None else out
    heads, head_dim = q.shape[1], q.shape[2]
    arguments = kv_arguments(kv, q)
    group = heads // kv.kv_heads
    tiles = prefill_tiles(q, max_rows * group) if tiles is None else tiles
    grid = (triton.cdiv(max_rows * group, tiles.rows), kv.kv_heads, lengths.shape[0])
    _prefill_kernel[grid](
        q, out, out if lse is None else lse, starts, starts[1:] if ends is None else ends, lengths,
        q.stride(0), q.stride(1), out.stride(0), out.stride(1), 0 if lse is None else lse.stride(0),
        **arguments,
        scale_log2=(head_dim**-0.5 if scale is None else scale) * LOG2_E, window=0 if window is None else window,
        GROUP=group, HEAD_DIM=head_dim, BLOCK_D=padded_dim(head_dim), BLOCK_M=tiles.rows, BLOCK_N=tiles.keys,
        WINDOWED=window is not None, WRITE_LSE=lse is not None, PRECISION=dot_precision(q.dtype),
        num_warps=tiles.warps, num_stages=load_stages(kv, tiles.stages),
    )  # fmt: skip
    return out


def prefill_reference(
    q: Tensor, sequences: Sequence[tuple[Tensor, Tensor]], starts: Sequence[int], scale: float | None = None,
    window: int | None = None,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """What `prefill_attention` computes, in the dtype of q: (out like q, lse [P, heads], natural).

    `sequences` are K and V of each sequence, [kv_heads, T, head_dim]; sequence b has rows [starts[b], starts[b + 1]).
    """
    out, lse = torch.zeros_like(q), q.new_full(q.shape[:2], -torch.inf)
    scale = q.shape[2] ** -0.5 if scale is None else scale
    for number, (k, v) in enumerate(sequences):
        rows = slice(starts[number], starts[number + 1])
        count, length = starts[number + 1] - starts[number], k.shape[1]
        if length == 0 or count == 0:
            continue
        group = q.shape[1] // k.shape[0]
        scores = torch.einsum("nhd,htd->hnt", q[rows], k.repeat_interleave(group, 0)) * scale  # [heads, n, T]
        row = torch.arange(length - count, length, device=q.device)[:, None]
        column = torch.arange(length, device=q.device)[None, :]
        hidden = column > row
        if window is not None:
            hidden |= column <= row - window
        scores = scores.masked_fill(hidden, -torch.inf)
        lse[rows] = scores.logsumexp(-1).T
        out[rows] = torch.einsum("hnt,htd->nhd", scores.softmax(-1), v.repeat_interleave(group, 0))
    return out, lse


def prefill_tiles(q: Tensor, rows: int) -> Tiles:
    """Tiles that fit the device's registers and shared memory; `rows` (positions · heads of a group) limits them."""
    height = max(SMALLEST_TILE, int(triton.next_power_of_2(rows)))
    width = padded_dim(q.shape[2])
    if q.dtype == torch.float32:  # exact products run on the ordinary cores: larger tiles would spill their registers
        return Tiles(min(height, 32 if width <= 64 else 16), 32, 8)
    if width > 128:
        return Tiles(min(height, 128), 32, 4 if height < 64 else 8)
    stages = 3 if device_facts(q.device).large_shared else 2
    return Tiles(128, 64, 8, stages) if height >= 128 else Tiles(height, 64, 4, stages)


def padded_dim(head_dim: int) -> int:
    """The width of a tile that holds head_dim: a power of two that `tl.dot` accepts."""
    return max(SMALLEST_TILE, int(triton.next_power_of_2(head_dim)))


def dot_precision(dtype: torch.dtype) -> str:
    """The precision of `tl.dot`: float32 is multiplied exactly, not as tf32; for narrower types it has no effect."""
    return "ieee" if dtype == torch.float32 else "tf32"
