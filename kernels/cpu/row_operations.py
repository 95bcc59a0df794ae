"""The operations between the products of a layer, for the few rows of a decode step on a CPU: one call each.

With PyTorch's operations each takes three to eight calls of a few µs, and several times as long where the weights have
just pushed the operations' code out of the caches. In a model of 24 layers of 896 they took a tenth of a step.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Final

import torch
from torch import Tensor

from kernels.cpu import library

FEW: Final = 4
"""Up to this many rows, one thread finishes before a second one starts."""


def rms_norm(weight: Tensor, eps: float) -> Callable[[Tensor], Tensor]:
    """x to x / sqrt(mean(x²) + eps) · weight over the last dimension, summed in float32 and rounded once.

    weight [H] for x [P, H], or one weight per head [heads, H] for x [P, heads, H]. The returned function raises
    ValueError where x does not fit; `rms_norm` itself raises KernelUnavailableError. Heads that are adjacent within
    each row are read in place, any other x that is not contiguous is copied.
    """
    weight = weight.contiguous()
    tail, dtype, width = weight.shape, weight.dtype, weight.shape[-1]
    kinds = tail[0] if weight.dim() == 2 else 1
    call = library.function("rms_norm", 4, 5, dtype)
    weight_at, epsilon_at = weight.data_ptr(), ctypes.byref(ctypes.c_float(eps))

    def norm(x: Tensor) -> Tensor:
        shape = x.shape
        if shape[1:] != tail or x.dtype is not dtype:
            raise ValueError(f"a weight {tuple(weight.shape)} of {dtype} does not fit x {tuple(shape)} of {x.dtype}")
        apart = kinds * width
        if not x.is_contiguous():
            if x.dim() == 3 and x.stride()[1:] == (width, 1):
                apart = x.stride(0)
            else:
                x = x.contiguous()
        y = torch.empty(shape, dtype=dtype)
        rows = shape[0] * kinds
        threads = torch.get_num_threads() if rows > FEW else 1
        call(x.data_ptr(), weight_at, y.data_ptr(), epsilon_at, rows, kinds, width, apart, kinds * width, threads)
        return y

    return norm


def rotate_(qkv: Tensor, rotation: Tensor, heads: int) -> None:
    """Rotate the first `heads` heads of qkv [P, all, head_dim] in place by rotation complex64 [P, 1, head_dim / 2].

    Adjacent channels are a pair. Rows may have any stride; the heads of a row are adjacent. Raises
    KernelUnavailableError, and ValueError where shapes do not fit.
    """
    rows, there, head_dim = qkv.shape
    if rotation.shape != (rows, 1, head_dim // 2) or rotation.dtype is not torch.complex64 or heads > there:
        raise ValueError(f"a rotation {tuple(rotation.shape)} of {rotation.dtype} does not fit {tuple(qkv.shape)}")
    apart, *inner = qkv.stride()
    if inner != [head_dim, 1] or not rotation.is_contiguous():
        raise ValueError("heads must stand one after another, and rotations too")
    call = library.function("rotate", 2, 4, qkv.dtype)
    threads = torch.get_num_threads() if rows > FEW else 1
    call(qkv.data_ptr(), rotation.data_ptr(), rows, heads, head_dim // 2, apart, threads)


def swiglu(wide: Tensor) -> Tensor:
    """wide [P, 2 · ffn], gate then up, to silu(gate) · up [P, ffn], computed in float32 and rounded once.

    Raises KernelUnavailableError, and ValueError for an odd width.
    """
    rows, both = wide.shape
    if both % 2:
        raise ValueError(f"wide {tuple(wide.shape)} must hold gate and up side by side")
    if not wide.is_contiguous():
        wide = wide.contiguous()
    y = torch.empty(rows, both // 2, dtype=wide.dtype)
    call = library.function("swiglu", 2, 2, wide.dtype)
    call(wide.data_ptr(), y.data_ptr(), rows, both // 2, torch.get_num_threads() if rows > FEW else 1)
    return y
