"""Causal attention of a few new positions over a long cache, the keys split among programs (Flash-Decoding, Dao 2023).

One new token gives too little work for a whole GPU, unless its keys are split. A program takes one split of the keys
of one sequence and KV head, for all query heads of that KV head and all rows of the step (1, or 1 + k with drafts), so
that K and V are read once. It writes a partial result (o, lse) in float32, and a second kernel merges the partial
results.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import torch
import triton
import triton.language as tl
from torch import Tensor

from kernels.device import STEP_POINTERS, check_device, device_facts
from kernels.kv import KV, kv_arguments, kv_bases, load_stages
from kernels.online_softmax import attend_tiles, finish
from kernels.prefill_attention import LOG2_E, SMALLEST_TILE, Tiles, dot_precision, padded_dim
from kernels.query_rows import load_rows, rows_of_sequence

MOST_SPLITS: Final = 64
SHORTEST_SPLIT: Final = 256
"""In positions. A shorter split costs more to merge than it saves."""
PROGRAMS_A_MULTIPROCESSOR: Final = 4
"""Each program has one or two tiles in transfer; together they hide the latency of the memory."""

MERGED_BY_A_WARP: Final = 2048
"""Elements of the partial results; few warps, so that each thread reads and writes several adjacent ones at once."""


@dataclass(frozen=True, slots=True)
class DecodeWorkspace:
    """Memory for the partial results of a step: o float32 [splits, P, heads, head_dim], lse [splits, P, heads]."""

    o: Tensor
    lse: Tensor

    @classmethod
    def of(cls, splits: int, q: Tensor) -> DecodeWorkspace:
        """A workspace for q [P, heads, head_dim]; for a CUDA graph it must be made before the capture."""
        return cls(
            torch.empty((splits, *q.shape), dtype=torch.float32, device=q.device),
            torch.empty((splits, *q.shape[:2]), dtype=torch.float32, device=q.device),
        )


@triton.jit(
    do_not_specialize=["stride_where", "stride_lse_split", "kv_heads", "window"],
    do_not_specialize_on_alignment=STEP_POINTERS,
)
def _decode_kernel(
    q_ptr: tl.tensor, out_ptr: tl.tensor, lse_ptr: tl.tensor,
    starts_ptr: tl.tensor, ends_ptr: tl.tensor, lengths_ptr: tl.tensor,
    stride_q: tl.tensor, stride_q_head: tl.tensor, stride_split: tl.tensor, stride_out: tl.tensor,
    stride_out_head: tl.tensor, stride_lse_split: tl.tensor, stride_lse: tl.tensor,
    k_ptr: tl.tensor, v_ptr: tl.tensor, where_ptr: tl.tensor, stride_where: tl.tensor, stride_block: tl.tensor,
    stride_pos: tl.tensor, stride_head: tl.tensor, kv_heads: tl.tensor, scale_log2: tl.tensor, window: tl.tensor,
    BLOCK_SIZE: tl.constexpr, ALIGN: tl.constexpr, GROUP: tl.constexpr, HEAD_DIM: tl.constexpr,
    BLOCK_D: tl.constexpr, BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr,
    WINDOWED: tl.constexpr, WRITE_LSE: tl.constexpr, PRECISION: tl.constexpr,
) -> None:  # fmt: skip
    # out and lse are the partial results, or the final ones where there is one split.
    tile = tl.program_id(0) // kv_heads
    kv_head = tl.program_id(0) % kv_heads
    split = tl.program_id(1)
    sequence = tl.program_id(2)
    token, count, length = rows_of_sequence(starts_ptr, ends_ptr, lengths_ptr, sequence)
    if tile * BLOCK_M < count * GROUP:
        q, positions, tokens, head, valid, dims, wide = load_rows(
            q_ptr, stride_q, stride_q_head, token, count, length, tile, kv_head, GROUP, HEAD_DIM, BLOCK_D, BLOCK_M
        )
        k_base, v_base = kv_bases(
            k_ptr, v_ptr, where_ptr, stride_where, stride_pos, stride_head, sequence, kv_head, BLOCK_SIZE, ALIGN
        )

        lowest = 0
        if WINDOWED:
            lowest = tl.maximum(length - count + tile * BLOCK_M // GROUP - window + 1, 0)
        share = tl.cdiv(tl.cdiv(length - lowest, tl.num_programs(1)), BLOCK_N) * BLOCK_N
        first = lowest + split * share
        acc, m, total = attend_tiles(
            q, tl.zeros([BLOCK_M, BLOCK_D], tl.float32), tl.full([BLOCK_M], float("-inf"), tl.float32),
            tl.zeros([BLOCK_M], tl.float32), k_base, v_base, where_ptr, stride_where, stride_block, stride_pos,
            sequence, first, tl.minimum(first + share, length), positions, scale_log2, window,
            BLOCK_SIZE, HEAD_DIM, BLOCK_D, BLOCK_N, True, WINDOWED, PRECISION,
        )  # fmt: skip

        o, lse = finish(acc, m, total)  # an empty split leaves 0 and -inf
        out_offsets = (split.to(tl.int64) * stride_split + tokens * stride_out + head * stride_out_head)[
            :, None
        ] + dims[None, :]
        tl.store(out_ptr + out_offsets, o.to(out_ptr.dtype.element_ty), mask=wide)
        if WRITE_LSE:
            tl.store(lse_ptr + split.to(tl.int64) * stride_lse_split + tokens * stride_lse + head, lse, mask=valid)


@triton.jit(do_not_specialize=["rows", "splits"], do_not_specialize_on_alignment=STEP_POINTERS)
def _merge_kernel(
    o_ptr: tl.tensor, part_lse_ptr: tl.tensor, out_ptr: tl.tensor, lse_ptr: tl.tensor, starts_ptr: tl.tensor,
    ends_ptr: tl.tensor, rows: tl.tensor, stride_out: tl.tensor, stride_out_head: tl.tensor, stride_lse: tl.tensor,
    splits: tl.tensor,
    HEAD_DIM: tl.constexpr, BLOCK_D: tl.constexpr, SPLITS: tl.constexpr, WRITE_LSE: tl.constexpr,
) -> None:  # fmt: skip
    sequence = tl.program_id(2)
    row = tl.load(starts_ptr + sequence) + tl.program_id(0)
    head = tl.program_id(1)
    if row < tl.load(ends_ptr + sequence):
        dims = tl.arange(0, BLOCK_D)
        parts = tl.arange(0, SPLITS)
        offsets = (parts.to(tl.int64) * rows + row) * tl.num_programs(1) + head
        lse = tl.load(part_lse_ptr + offsets, mask=parts < splits, other=float("-inf"))  # [S]
        largest = tl.max(lse, 0)
        safe = tl.where(largest == float("-inf"), 0.0, largest)
        weights = tl.exp(lse - safe)  # 0 for an empty split
        total = tl.sum(weights, 0)
        inside = (parts < splits)[:, None] & (dims[None, :] < HEAD_DIM)
        o = tl.load(o_ptr + offsets[:, None] * HEAD_DIM + dims[None, :], mask=inside, other=0.0)  # [S, D]
        empty = total == 0.0
        merged = tl.sum(o * weights[:, None], 0) / tl.where(empty, 1.0, total)
        place = row.to(tl.int64) * stride_out + head * stride_out_head
        tl.store(out_ptr + place + dims, merged.to(out_ptr.dtype.element_ty), mask=dims < HEAD_DIM)
        if WRITE_LSE:
            merged_lse = tl.where(empty, float("-inf"), safe + tl.log(tl.where(empty, 1.0, total)))
            tl.store(lse_ptr + row.to(tl.int64) * stride_lse + head, merged_lse)


def decode_attention(
    q: Tensor, kv: KV, starts: Tensor, lengths: Tensor, *, max_rows: int, max_length: int, scale: float | None = None,
    window: int | None = None, ends: Tensor | None = None, out: Tensor | None = None, lse: Tensor | None = None,
    splits: int | None = None, workspace: DecodeWorkspace | None = None, tiles: Tiles | None = None,
) -> Tensor:  # fmt: skip
    """What `prefill_attention` computes, for few rows per sequence over many positions.

    The arguments are as there; `max_length` is at least the largest of `lengths`. The grid depends only on `max_rows`,
    `max_length` and the shapes, never on the values of `starts` and `lengths`: a captured graph serves every length up
    to `max_length`, with `out` and `workspace` made before. By default, `splits` is the number that fills the device.
    Raises ValueError where shapes do not fit, KernelUnavailableError where the device has no Triton.
    """
    check_device(q)
    out = torch.empty(q.shape, dtype=q.dtype, device=q.device) if out is None else out
    ends = starts[1:] if ends is None else ends
    total, heads, head_dim = q.shape
    batch = lengths.shape[0]
    arguments = kv_arguments(kv, q)
    group = heads // kv.kv_heads
    tiles = decode_tiles(q, max_rows * group) if tiles is None else tiles
    programs = triton.cdiv(max_rows * group, tiles.rows) * kv.kv_heads
    if splits is None:
        seen = max_length if window is None else min(max_length, window + max_rows - 1)
        splits = choose_splits(programs * batch, seen, device_facts(q.device).multiprocessors)
    if splits > 1 and workspace is None:
        workspace = DecodeWorkspace.of(splits, q)
    partial = workspace if splits > 1 else None
    if partial is not None and (partial.o.shape[0] < splits or partial.o.shape[1:] != q.shape):
        raise ValueError(f"the workspace holds {tuple(partial.o.shape)}, and the step needs {(splits, *q.shape)}")
    to, to_lse = (out, lse) if partial is None else (partial.o[:splits], partial.lse[:splits])
    _decode_kernel[(programs, splits, batch)](
        q, to, to if to_lse is None else to_lse, starts, ends, lengths,
        q.stride(0), q.stride(1), 0 if partial is None else to.stride(0), to.stride(-3), to.stride(-2),
        0 if partial is None else partial.lse.stride(0), 0 if to_lse is None else to_lse.stride(-2),
        **arguments,
        kv_heads=kv.kv_heads, scale_log2=(head_dim**-0.5 if scale is None else scale) * LOG2_E,
        window=0 if window is None else window,
        GROUP=group, HEAD_DIM=head_dim, BLOCK_D=padded_dim(head_dim), BLOCK_M=tiles.rows, BLOCK_N=tiles.keys,
        WINDOWED=window is not None, WRITE_LSE=to_lse is not None, PRECISION=dot_precision(q.dtype),
        num_warps=tiles.warps, num_stages=load_stages(kv, tiles.stages),
    )  # fmt: skip
    if partial is not None:
        width, merged = padded_dim(head_dim), int(triton.next_power_of_2(splits))
        _merge_kernel[(max_rows, heads, batch)](
            partial.o, partial.lse, out, out if lse is None else lse, starts, ends, total,
            out.stride(0), out.stride(1), 0 if lse is None else lse.stride(0), splits,
            HEAD_DIM=head_dim, BLOCK_D=width, SPLITS=merged, WRITE_LSE=lse is not None,
            num_warps=max(1, min(4, width * merged // MERGED_BY_A_WARP)),
        )  # fmt: skip
    return out


def merge_reference(o: Tensor, lse: Tensor) -> tuple[Tensor, Tensor]:
    """Merge partial results over disjoint keys: o [splits, P, heads, head_dim], lse [splits, P, heads] (natural).

    The weights of the splits are the softmax of their lse. A split without keys has lse -inf and weight 0; a row
    without keys gives 0 and -inf. The reference of a decode step is `prefill_reference`.
    """
    weights = (lse - lse.amax(0).nan_to_num(neginf=0.0)).exp()  # [splits, P, heads]
    total = weights.sum(0)
    merged = (o * weights.unsqueeze(-1)).sum(0) / total.masked_fill(total == 0.0, 1.0).unsqueeze(-1)
    return merged, lse.logsumexp(0)


def choose_splits(programs: int, length: int, multiprocessors: int) -> int:
    """How many splits fill a device: a power of two, so that few shapes are compiled and captured.

    `programs` is the number of programs without splitting, `length` the most positions that a row sees.
    """
    wanted = triton.cdiv(multiprocessors * PROGRAMS_A_MULTIPROCESSOR, programs)
    splits = min(wanted, length // SHORTEST_SPLIT, MOST_SPLITS)
    return 1 << (splits.bit_length() - 1) if splits > 1 else 1


def decode_tiles(q: Tensor, rows: int) -> Tiles:
    """Tiles for a memory-bound kernel: no more rows than needed, and enough keys to keep loads in flight."""
    height = max(SMALLEST_TILE, int(triton.next_power_of_2(rows)))
    wide = padded_dim(q.shape[2]) > 128
    if q.dtype == torch.float32:
        return Tiles(SMALLEST_TILE, 32, 8)
    stages = 3 if device_facts(q.device).large_shared else 2
    return Tiles(min(height, 64), 32 if wide else 64, 8 if wide and height >= 64 else 4, stages)
