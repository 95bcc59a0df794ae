"""Rotary embedding of q and k, and the write of k and v into the cache's slots, in one launch.

A rotated pair is two adjacent channels (2i, 2i + 1): the projections' rows were put in this order at loading
(Su et al. 2021; engine/model/rope.py does the same without Triton).
"""

from __future__ import annotations

from typing import Final

import torch
import triton
import triton.language as tl
from torch import Tensor

from kernels.device import check_device

TILE: Final = 1024
"""Channels of a program: several heads, so that each thread has 16 bytes of a row even where heads are narrow."""


@triton.jit
def _rope_kv_write_kernel(
    qkv_ptr: tl.tensor, rotation_ptr: tl.tensor, k_ptr: tl.tensor, v_ptr: tl.tensor, slots_ptr: tl.tensor,
    stride_row: tl.tensor, stride_rotation: tl.tensor, stride_slot: tl.tensor, stride_head: tl.tensor,
    heads: tl.tensor, kv_heads: tl.tensor,
    HEAD_DIM: tl.constexpr, BLOCK_D: tl.constexpr, BLOCK_H: tl.constexpr, ROTATE: tl.constexpr,
) -> None:  # fmt: skip
    row = tl.program_id(0).to(tl.int64)
    first = tl.program_id(1) * BLOCK_H
    head = first + tl.arange(0, BLOCK_H)[:, None]  # query heads, then those of k, then those of v
    channels = tl.arange(0, BLOCK_D)
    inside = (head < heads + 2 * kv_heads) & (channels < HEAD_DIM)[None, :]
    x_ptrs = qkv_ptr + row * stride_row + head * HEAD_DIM + channels[None, :]
    x = tl.load(x_ptrs, mask=inside, other=0.0)  # [H, D]
    if ROTATE:
        # Every head reads the row's angles again, from the nearest cache: threads need no exchange and no barrier.
        turn_ptrs = tl.broadcast_to(rotation_ptr + row * stride_rotation + channels[None, :], [BLOCK_H, BLOCK_D])
        turns = tl.load(turn_ptrs, mask=inside, other=0.0)  # [H, D]
        cos, sin = tl.split(tl.reshape(turns, [BLOCK_H, BLOCK_D // 2, 2]))  # each [H, D / 2]
        even, odd = tl.split(tl.reshape(x.to(tl.float32), [BLOCK_H, BLOCK_D // 2, 2]))
        turned = tl.reshape(tl.join(even * cos - odd * sin, even * sin + odd * cos), [BLOCK_H, BLOCK_D])
        turns_here = head < heads + kv_heads
        x = tl.where(turns_here, turned.to(x.dtype), x)
        tl.store(x_ptrs, x, mask=inside & turns_here)
    slot = tl.load(slots_ptr + row)
    if first + BLOCK_H > heads and slot >= 0:
        target = slot * stride_slot + channels[None, :]
        of_k, of_v = head - heads, head - heads - kv_heads
        tl.store(k_ptr + target + of_k * stride_head, x, mask=inside & (of_k >= 0) & (of_k < kv_heads))
        tl.store(v_ptr + target + of_v * stride_head, x, mask=inside & (of_v >= 0))


def rope_kv_write(
    qkv: Tensor, rotation: Tensor | None, k_slots: Tensor, v_slots: Tensor, slots: Tensor, heads: int
) -> None:
    """Rotate q and k of `qkv` [P, heads + 2 · kv_heads, head_dim] in place, and write k and v into their slots.

    rotation complex64 [P, 1, head_dim / 2] (None: no rotation); k_slots and v_slots [slots, kv_heads, head_dim] with
    the same strides, the last 1; slots int64 [P], negative for a row that is not stored. Raises ValueError where
    shapes do not fit, KernelUnavailableError where the device has no Triton.
    """
    check_device(qkv)
    rows, all_heads, head_dim = qkv.shape
    kv_heads = k_slots.shape[1]
    if all_heads != heads + 2 * kv_heads or k_slots.shape[2] != head_dim or head_dim % 2:
        raise ValueError(f"qkv {tuple(qkv.shape)} does not fit {heads} heads and slots {tuple(k_slots.shape)}")
    if k_slots.stride() != v_slots.stride() or k_slots.stride(2) != 1 or qkv.stride()[1:] != (head_dim, 1):
        raise ValueError("slots need the same strides and contiguous heads, qkv contiguous rows")
    turns = None if rotation is None else torch.view_as_real(rotation).view(rows, head_dim)
    width = int(triton.next_power_of_2(head_dim))
    together = max(1, min(TILE // width, int(triton.next_power_of_2(all_heads))))
    _rope_kv_write_kernel[(rows, triton.cdiv(all_heads, together))](
        qkv, qkv if turns is None else turns, k_slots, v_slots, slots,
        qkv.stride(0), 0 if turns is None else turns.stride(0), k_slots.stride(0), k_slots.stride(1), heads, kv_heads,
        HEAD_DIM=head_dim, BLOCK_D=width, BLOCK_H=together, ROTATE=turns is not None,
        num_warps=max(1, width * together // 256),
    )  # fmt: skip


def rope_kv_write_reference(
    qkv: Tensor, rotation: Tensor | None, k_slots: Tensor, v_slots: Tensor, slots: Tensor, heads: int
) -> None:
    """What `rope_kv_write` does, in the dtype of `qkv`, row by row."""
    kv_heads = k_slots.shape[1]
    if rotation is not None:
        pairs = qkv[:, : heads + kv_heads].view(qkv.shape[0], heads + kv_heads, -1, 2)
        even, odd = pairs.unbind(-1)  # [P, heads + kv_heads, head_dim / 2]
        cos, sin = rotation.real.to(qkv.dtype), rotation.imag.to(qkv.dtype)
        pairs.copy_(torch.stack([even * cos - odd * sin, even * sin + odd * cos], -1))
    for row, slot in enumerate(slots.tolist()):
        if slot >= 0:
            k_slots[slot] = qkv[row, heads : heads + kv_heads]
            v_slots[slot] = qkv[row, heads + kv_heads :]
