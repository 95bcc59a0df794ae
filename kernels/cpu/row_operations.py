"""What stands between the products of a layer, for the few rows of a decode step on a CPU: one call each.

The same from PyTorch's operations is three to eight calls of a few µs, several times that where the weights have just
pushed their code out of the caches: in a model of 24 layers of 896 they took a tenth of a step.
"""

from __future__ import annotations

import torch
from torch import Tensor

from kernels.cpu import library


def rms_norm(x: Tensor, weight: Tensor, eps: Tensor) -> Tensor:
    """x / sqrt(mean(x²) + eps) · weight over the last dimension, summed in float32 and rounded once.

    x [P, H] with weight [H], or x [P, heads, H] with a weight a head [heads, H], rows anywhere but each in one piece;
    eps float32 []. Raises KernelUnavailableError, ValueError where shapes do not fit.
    """
    width = x.shape[-1]
    kinds = x.shape[1] if x.dim() == 3 else 1
    if weight.shape != x.shape[1:] or not weight.is_contiguous() or weight.dtype != x.dtype:
        raise ValueError(f"a weight {tuple(weight.shape)} of {weight.dtype} does not fit x {tuple(x.shape)}")
    if x.stride(-1) != 1 or (x.dim() == 3 and x.stride(1) != width):
        x = x.contiguous()
    y = torch.empty(x.shape, dtype=x.dtype)
    library.function("rms_norm", 4, 5, x.dtype)(
        x.data_ptr(), weight.data_ptr(), y.data_ptr(), eps.data_ptr(),
        x.shape[0] * kinds, kinds, width, x.stride(0), kinds * width, torch.get_num_threads(),
    )  # fmt: skip
    return y


def rotate_(x: Tensor, rotation: Tensor) -> None:
    """Turn x [P, heads, head_dim] in place by rotation complex64 [P, 1, head_dim / 2]; neighbours are a pair.

    Rows stand anywhere, the heads of each one after another. Raises KernelUnavailableError, ValueError where shapes do
    not fit.
    """
    rows, heads, head_dim = x.shape
    if rotation.shape != (rows, 1, head_dim // 2) or rotation.dtype != torch.complex64:
        raise ValueError(f"a rotation {tuple(rotation.shape)} of {rotation.dtype} does not fit x {tuple(x.shape)}")
    if x.stride()[1:] != (head_dim, 1) or not rotation.is_contiguous():
        raise ValueError("heads must stand one after another, and rotations too")
    library.function("rotate", 2, 4, x.dtype)(
        x.data_ptr(), rotation.data_ptr(), rows, heads, head_dim // 2, x.stride(0), torch.get_num_threads()
    )


def swiglu(wide: Tensor) -> Tensor:
    """wide [P, 2 · ffn], gate then up, to silu(gate) · up [P, ffn], computed in float32 and rounded once.

    Raises KernelUnavailableError, ValueError for an odd width.
    """
    rows, both = wide.shape
    if both % 2:
        raise ValueError(f"wide {tuple(wide.shape)} must hold gate and up side by side")
    wide = wide.contiguous()
    y = torch.empty(rows, both // 2, dtype=wide.dtype)
    library.function("swiglu", 2, 2, wide.dtype)(
        wide.data_ptr(), y.data_ptr(), rows, both // 2, torch.get_num_threads()
    )
    return y
