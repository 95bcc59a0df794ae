"""x Wᵀ in bfloat16 for up to 64 rows on the processor's tile unit (AMX), the weight as stored (tiled_linear.c).

Where a step has more than a few rows, the multiplication limits its speed, and a tile unit multiplies as fast as
weights can be read. PyTorch's product uses the tile unit too, but rearranges the whole weight at every call, or keeps a
second copy of it.
"""

from __future__ import annotations

from functools import cache
from typing import Final

import torch
from torch import Tensor

from kernels.cpu import library
from kernels.cpu.streamed_linear import Multiply
from kernels.errors import KernelUnavailableError

MOST_ROWS: Final = 64
SIDE: Final = 16
"""Rows of a tile: the weight's rows are a multiple of this."""
BLOCK: Final = 32
"""Channels of a tile: the last dimension is a multiple of this."""


def unavailable(weight: Tensor, activation: torch.dtype) -> str | None:
    """Why a weight [out, in] cannot be multiplied in tiles with activations of this dtype; None where it can."""
    if weight.device.type != "cpu":
        return f"it runs on a CPU, not on {weight.device}"
    if (weight.dtype, activation) != (torch.bfloat16, torch.bfloat16):
        return f"there is no kernel for {weight.dtype} weights and {activation} activations"
    out, channels = weight.shape
    if out % SIDE or channels % BLOCK:
        return f"{tuple(weight.shape)} is no multiple of [{SIDE}, {BLOCK}]"
    return library.unavailable() or (None if _allowed() else "the processor or the system has no tiles")


def tiled(weight: Tensor, bias: Tensor | None) -> Multiply:
    """The product with a contiguous W [out, in], checked and bound once, for up to `MOST_ROWS` rows.

    Bias, residual and result are bfloat16, sums float32, each result is rounded once. Raises KernelUnavailableError
    where `unavailable` has a reason, ValueError for a weight or bias that does not fit.
    """
    if reason := unavailable(weight, torch.bfloat16):
        raise KernelUnavailableError(f"This weight cannot be multiplied in tiles: {reason}.")
    out, channels = weight.shape
    if not weight.is_contiguous() or (bias is not None and (bias.shape != (out,) or bias.dtype != torch.bfloat16)):
        raise ValueError(f"a weight {tuple(weight.shape)} must be contiguous, and its bias [{out}] of bfloat16")
    call = library.function("tiled_linear", 6, 3, torch.bfloat16)

    def multiply(x: Tensor, residual: Tensor | None = None) -> Tensor:
        rows, width = x.shape
        if width != channels or x.dtype is not torch.bfloat16 or not 0 < rows <= MOST_ROWS:
            raise ValueError(f"x {tuple(x.shape)} of {x.dtype} does not fit {tuple(weight.shape)} and bfloat16")
        if residual is not None and (residual.shape != (rows, out) or residual.dtype is not torch.bfloat16):
            raise ValueError(f"a residual {tuple(residual.shape)} of {residual.dtype} does not fit [{rows}, {out}]")
        x, residual = x.contiguous(), None if residual is None else residual.contiguous()
        y = torch.empty(rows, out, dtype=torch.bfloat16)
        scratch = torch.empty(-(-rows // SIDE) * SIDE, channels, dtype=torch.bfloat16)
        call(
            weight.data_ptr(), x.data_ptr(), None if bias is None else bias.data_ptr(),
            None if residual is None else residual.data_ptr(), y.data_ptr(), scratch.data_ptr(),
            rows, channels, out, torch.get_num_threads(),
        )  # fmt: skip
        return y

    return multiply


@cache
def _allowed() -> bool:
    """Whether the processor has tiles and the system lets this process use them."""
    return bool(library.library().tiled_linear_allowed())
