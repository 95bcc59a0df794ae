"""SwiGLU: silu(gate) · up from one tensor that holds both side by side, in one pass (Shazeer 2020)."""

from __future__ import annotations

from typing import Final

import torch
import triton
import triton.language as tl
from torch import Tensor
from torch.nn import functional

from kernels.device import check_device

BLOCK: Final = 1024


@triton.jit
def _swiglu_kernel(
    wide_ptr: tl.tensor, out_ptr: tl.tensor, stride_wide: tl.tensor, stride_out: tl.tensor, width: tl.tensor,
    BLOCK: tl.constexpr,
) -> None:  # fmt: skip
    row = tl.program_id(0).to(tl.int64)
    columns = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    inside = columns < width
    source = wide_ptr + row * stride_wide + columns
    gate = tl.load(source, mask=inside, other=0.0).to(tl.float32)
    up = tl.load(source + width, mask=inside, other=0.0).to(tl.float32)
    product = gate / (1.0 + tl.exp(-gate)) * up
    tl.store(out_ptr + row * stride_out + columns, product.to(out_ptr.dtype.element_ty), mask=inside)


def swiglu(wide: Tensor, *, out: Tensor | None = None) -> Tensor:
    """wide [P, 2 · ffn], gate then up, to silu(gate) · up [P, ffn], computed in float32.

    Rows may have any stride, the last dimension must be contiguous. Raises KernelUnavailableError where the device has
    no Triton, ValueError where `wide` has an odd width or is not contiguous.
    """
    check_device(wide)
    rows, both = wide.shape
    if both % 2 or wide.stride(1) != 1:
        raise ValueError(f"wide {tuple(wide.shape)} must hold gate and up side by side, contiguous")
    width = both // 2
    out = torch.empty(rows, width, dtype=wide.dtype, device=wide.device) if out is None else out
    _swiglu_kernel[(rows, triton.cdiv(width, BLOCK))](
        wide, out, wide.stride(0), out.stride(0), width, BLOCK=BLOCK, num_warps=4
    )
    return out


def swiglu_reference(wide: Tensor) -> Tensor:
    """What `swiglu` computes, in the dtype of `wide`."""
    gate, up = wide.chunk(2, -1)
    return functional.silu(gate) * up
