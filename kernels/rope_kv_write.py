"""Rotary embedding of q and k, and the write of k and v into the cache's slots, in one launch.

The pairs that turn are neighbours, channels (2i, 2i + 1): the projections' rows were put in that order at loading
(Su et al. 2021; engine/model/rope.py does the same without Triton).
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from kernels.device import check_device


@triton.jit
def _rope_kv_write_kernel(
    qkv_ptr: tl.tensor, rotation_ptr: tl.tensor, k_ptr: tl.tensor, v_ptr: tl.tensor, slots_ptr: tl.tensor,
    stride_row: tl.tensor, stride_rotation: tl.tensor, stride_slot: tl.tensor, stride_head: tl.tensor,
    heads: tl.tensor, kv_heads: tl.tensor,
    HEAD_DIM: tl.constexpr, BLOCK: tl.constexpr, ROTATE: tl.constexpr,
) -> None:  # fmt: skip
    row = tl.program_id(0).to(tl.int64)
    head = tl.program_id(1)  # query heads, then those of k, then those of v
    channels = tl.arange(0, BLOCK)
    inside = channels < HEAD_DIM
    place = qkv_ptr + row * stride_row + head * HEAD_DIM + channels
    x = tl.load(place, mask=inside, other=0.0)
    if ROTATE:  # noqa: SIM102 - a constant: without it the whole branch is not compiled
        if head < heads + kv_heads:
            even, odd = tl.split(tl.reshape(x.to(tl.float32), [BLOCK // 2, 2]))
            turns = tl.load(rotation_ptr + row * stride_rotation + channels, mask=inside, other=0.0)
            cos, sin = tl.split(tl.reshape(turns, [BLOCK // 2, 2]))
            turned = tl.reshape(tl.join(even * cos - odd * sin, even * sin + odd * cos), [BLOCK])
            x = turned.to(x.dtype)
            tl.store(place, x, mask=inside)
    slot = tl.load(slots_ptr + row)
    if head >= heads and slot >= 0:
        kv_head = (head - heads) % kv_heads
        target = slot * stride_slot + kv_head * stride_head + channels
        if head < heads + kv_heads:
            tl.store(k_ptr + target, x, mask=inside)
        else:
            tl.store(v_ptr + target, x, mask=inside)


def rope_kv_write(
    qkv: Tensor, rotation: Tensor | None, k_slots: Tensor, v_slots: Tensor, slots: Tensor, heads: int
) -> None:
    """Turn q and k of `qkv` [P, heads + 2 · kv_heads, head_dim] in place, and write k and v into their slots.

    rotation complex64 [P, 1, head_dim / 2] (None: nothing turns); k_slots and v_slots [slots, kv_heads, head_dim] with
    the same strides, the last 1; slots int64 [P], negative where a row is written nowhere. Raises ValueError where
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
    _rope_kv_write_kernel[(rows, all_heads)](
        qkv, qkv if turns is None else turns, k_slots, v_slots, slots,
        qkv.stride(0), 0 if turns is None else turns.stride(0), k_slots.stride(0), k_slots.stride(1), heads, kv_heads,
        HEAD_DIM=head_dim, BLOCK=int(triton.next_power_of_2(head_dim)), ROTATE=turns is not None, num_warps=1,
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
