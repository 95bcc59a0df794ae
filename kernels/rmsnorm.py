"""RMSNorm, with the residual added in the same pass: one pass over each row instead of four (Zhang, Sennrich 2019)."""

from __future__ import annotations

from typing import Final

import torch
import triton
import triton.language as tl
from torch import Tensor

from kernels.device import check_device

TILE: Final = 1024
"""Channels of a program: narrow rows (one weight per head) share a program, so that each thread has 16 bytes."""


@triton.jit(do_not_specialize=["rows"])
def _rms_norm_kernel(
    x_ptr: tl.tensor, delta_ptr: tl.tensor, weight_ptr: tl.tensor, out_ptr: tl.tensor, sum_ptr: tl.tensor,
    rows: tl.tensor, inner: tl.tensor, stride_x: tl.tensor, stride_x_inner: tl.tensor, stride_delta: tl.tensor,
    stride_out: tl.tensor, stride_out_inner: tl.tensor, stride_sum: tl.tensor, stride_weight: tl.tensor, eps: tl.tensor,
    WIDTH: tl.constexpr, BLOCK: tl.constexpr, BLOCK_R: tl.constexpr, ADD: tl.constexpr,
) -> None:  # fmt: skip
    row = tl.program_id(0) * BLOCK_R + tl.arange(0, BLOCK_R)[:, None]  # [R, 1]
    outer = (row // inner).to(tl.int64)
    head = row % inner
    columns = tl.arange(0, BLOCK)[None, :]
    inside = (row < rows) & (columns < WIDTH)
    x = tl.load(x_ptr + outer * stride_x + head * stride_x_inner + columns, mask=inside, other=0.0).to(tl.float32)
    if ADD:
        x += tl.load(delta_ptr + outer * stride_delta + columns, mask=inside, other=0.0).to(tl.float32)
        # The sum is rounded to the model's dtype before it is stored and normalised: both use the same residual stream.
        x = x.to(sum_ptr.dtype.element_ty).to(tl.float32)
        tl.store(sum_ptr + outer * stride_sum + columns, x.to(sum_ptr.dtype.element_ty), mask=inside)
    scale = 1.0 / tl.sqrt(tl.sum(x * x, 1) / WIDTH + eps)  # [R]
    weight = tl.load(weight_ptr + head * stride_weight + columns, mask=inside, other=0.0).to(tl.float32)
    normed = (x * scale[:, None] * weight).to(out_ptr.dtype.element_ty)
    tl.store(out_ptr + outer * stride_out + head * stride_out_inner + columns, normed, mask=inside)


def rms_norm(x: Tensor, weight: Tensor, eps: float, *, out: Tensor | None = None) -> Tensor:
    """x / sqrt(mean(x²) + eps) · weight over the last dimension, computed in float32.

    x [P, H] with weight [H], or x [P, heads, H] with one weight per head [heads, H]; the last dimension contiguous,
    rows with any stride. `out` has x's shape and may be x. Raises KernelUnavailableError where the device has no
    Triton, ValueError where shapes do not fit.
    """
    check_device(x)
    out = torch.empty_like(x) if out is None else out
    _launch(x, None, weight, out, x, eps)
    return out


def add_rms_norm(
    residual: Tensor,
    delta: Tensor,
    weight: Tensor,
    eps: float,
    *,
    out: Tensor | None = None,
    total: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """(rms_norm(total), total) with total = residual + delta, each [P, H]; both are rounded to the residual's dtype."""
    check_device(residual)
    out = torch.empty_like(residual) if out is None else out
    total = torch.empty_like(residual) if total is None else total
    _launch(residual, delta, weight, out, total, eps)
    return out, total


def rms_norm_reference(x: Tensor, weight: Tensor, eps: float) -> Tensor:
    """What `rms_norm` computes, in the dtype of x."""
    return x / (x.square().mean(-1, keepdim=True) + eps).sqrt() * weight


def _launch(x: Tensor, delta: Tensor | None, weight: Tensor, out: Tensor, total: Tensor, eps: float) -> None:
    width = x.shape[-1]
    inner = x.shape[1] if x.dim() == 3 else 1
    if weight.shape != x.shape[1:]:
        raise ValueError(f"a weight {tuple(weight.shape)} does not fit x {tuple(x.shape)}")
    if any(t.stride(-1) != 1 for t in (x, out, total, weight)) or (delta is not None and delta.stride(-1) != 1):
        raise ValueError("the last dimension must be contiguous")
    block = int(triton.next_power_of_2(width))
    rows = x.shape[0] * inner
    together = max(1, min(TILE // block, int(triton.next_power_of_2(inner))))
    _rms_norm_kernel[(triton.cdiv(rows, together),)](
        x, x if delta is None else delta, weight, out, total, rows, inner,
        x.stride(0), x.stride(1) if x.dim() == 3 else 0, 0 if delta is None else delta.stride(0),
        out.stride(0), out.stride(1) if out.dim() == 3 else 0, total.stride(0),
        weight.stride(0) if weight.dim() == 2 else 0, eps,
        WIDTH=width, BLOCK=block, BLOCK_R=together, ADD=delta is not None,
        num_warps=min(16, max(1, block // 512, block * together // 256 if together > 1 else 1)),
    )  # fmt: skip
