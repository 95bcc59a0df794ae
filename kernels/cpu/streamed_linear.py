"""x Wᵀ for the few rows of a decode step on a CPU, at the speed at which the weights can be read (streamed_linear.c).

PyTorch's own products of one or a few rows leave a tenth to a half of the memory's bandwidth unused, and none
multiplies float32 activations with weights that a checkpoint stores as bfloat16. With PyTorch the weights would have to
be widened first, and every step would read twice as many bytes. Here they stay as stored and are widened, exactly, in
registers.
"""

from __future__ import annotations

import ctypes
from typing import Final, Protocol

import torch
from torch import Tensor
from torch.nn import functional

from kernels.cpu import library
from kernels.cpu.kinds import KIND_OF, KINDS
from kernels.errors import KernelUnavailableError

ROWS_AT_ONCE: Final = 64
"""How many rows of x share one pass over the weights: more rows would not fit into the second-level cache."""
PAIRS: Final = (
    (torch.float32, torch.float32), (torch.bfloat16, torch.float32), (torch.bfloat16, torch.bfloat16),
    (torch.float16, torch.float32), (torch.float16, torch.bfloat16),
)  # fmt: skip
"""The pairs of (weight, activation) dtypes that have a C function."""


def unavailable(weight: Tensor, activation: torch.dtype) -> str | None:
    """Why a weight [out, in] cannot be streamed against activations of this dtype; None where it can."""
    if weight.device.type != "cpu":
        return f"it runs on a CPU, not on {weight.device}"
    if (weight.dtype, activation) not in PAIRS:
        return f"there is no kernel for {weight.dtype} weights and {activation} activations"
    return library.unavailable()


class Multiply(Protocol):
    """Maps x [P, in] to x Wᵀ + bias + residual [P, out], for one weight and bias."""

    def __call__(self, x: Tensor, residual: Tensor | None = None) -> Tensor:
        """Raises ValueError for shapes or dtypes that do not fit."""


def streamed(weight: Tensor, bias: Tensor | None, activation: torch.dtype) -> Multiply:
    """The product with a contiguous W [out, in], checked and bound once, because every step calls it.

    Sums are float32 and each result is rounded once; a row's result does not depend on the rows beside it. Bias,
    residual and result have the dtype `activation`. Raises KernelUnavailableError where `unavailable` has a reason,
    ValueError for a weight or bias that does not fit.
    """
    if reason := unavailable(weight, activation):
        raise KernelUnavailableError(f"This weight cannot be streamed: {reason}.")
    out, channels = weight.shape
    if not weight.is_contiguous() or (bias is not None and (bias.shape != (out,) or bias.dtype != activation)):
        raise ValueError(f"a weight {tuple(weight.shape)} must be contiguous, and its bias [{out}] of {activation}")
    call = library.function("streamed_linear", 5, 4, activation)
    call.restype = ctypes.c_int
    weight_at, bias_at = weight.data_ptr(), None if bias is None else bias.data_ptr()
    itemsize, kind = activation.itemsize, KINDS.index(KIND_OF[weight.dtype])

    # Few calls, because the weights of the product before have pushed the code of each call out of the caches.
    def multiply(x: Tensor, residual: Tensor | None = None) -> Tensor:
        rows, width = x.shape
        if width != channels or x.dtype is not activation:
            raise ValueError(f"x {tuple(x.shape)} of {x.dtype} does not fit {tuple(weight.shape)} and {activation}")
        if not x.is_contiguous():
            x = x.contiguous()
        y = torch.empty(rows, out, dtype=activation)
        x_at, y_at, residual_at = x.data_ptr(), y.data_ptr(), None
        if residual is not None:
            if residual.shape != y.shape or residual.dtype is not activation:
                raise ValueError(f"a residual {tuple(residual.shape)} of {residual.dtype} does not fit [{rows}, {out}]")
            if not residual.is_contiguous():
                residual = residual.contiguous()
            residual_at = residual.data_ptr()
        threads = torch.get_num_threads()
        for first in range(0, rows, ROWS_AT_ONCE):
            skip = first * out * itemsize
            if call(
                weight_at, x_at + first * channels * itemsize, bias_at,
                None if residual_at is None else residual_at + skip, y_at + skip,
                min(ROWS_AT_ONCE, rows - first), channels, out, kind, threads,
            ):  # fmt: skip
                raise MemoryError("There is no memory for a product.")
        return y

    return multiply


def streamed_linear(x: Tensor, weight: Tensor, bias: Tensor | None = None, residual: Tensor | None = None) -> Tensor:
    """x [P, in] Wᵀ + bias [out] + residual [P, out], for a single use (see `streamed`)."""
    return streamed(weight, bias, x.dtype)(x, residual)


def streamed_linear_reference(
    x: Tensor, weight: Tensor, bias: Tensor | None = None, residual: Tensor | None = None
) -> Tensor:
    """What `streamed_linear` computes, in the dtype of x."""
    y = functional.linear(x, weight.to(x.dtype), bias)
    return y if residual is None else y + residual
