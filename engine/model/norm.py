"""RMSNorm and LayerNorm, in the form that costs least for the few rows of a decode step."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional

from kernels.cpu import library, row_operations


class Norm(Protocol):
    """Normalises the last dimension, shape and dtype unchanged. `bytes` is the memory of its weights.

    With a bias it is a LayerNorm, otherwise an RMSNorm.
    """

    bytes: int
    weight: Tensor
    bias: Tensor | None

    def __call__(self, x: Tensor, delta: Tensor | None = None, /) -> tuple[Tensor, Tensor]:
        """(norm of x + delta, x + delta); x is the residual stream, delta a projection's output to be added to it."""


def rms_norm(weight: Tensor, eps: float, kernels: bool = False) -> Norm:
    """x / sqrt(mean(x²) + eps) · weight, over the last dimension (Zhang and Sennrich 2019).

    With `kernels` it is this project's Triton kernel (kernels/rmsnorm.py), which also adds. On a CPU it is the C kernel
    (kernels/cpu) where a C compiler is installed.
    """
    if kernels:
        return KernelRmsNorm(weight, eps)
    if library.serves(weight.device, weight.dtype):
        return CRmsNorm(weight, eps)
    if weight.device.type != "cpu" or weight.dtype != torch.float32 or weight.dim() > 1:
        return PlainRmsNorm(weight, eps)
    return AveragingRmsNorm(weight, eps)


def layer_norm(weight: Tensor, bias: Tensor, eps: float) -> Norm:
    """(x − mean) / sqrt(variance + eps) · weight + bias, over the last dimension (Ba et al. 2016)."""
    return PlainLayerNorm(weight, bias, eps)


class PlainRmsNorm:
    """PyTorch's `rms_norm`."""

    def __init__(self, weight: Tensor, eps: float) -> None:
        self.weight = weight
        self.bias: Tensor | None = None
        self._shape = (weight.shape[-1],)
        self._eps = eps
        self.bytes = weight.nbytes

    def __call__(self, x: Tensor, delta: Tensor | None = None, /) -> tuple[Tensor, Tensor]:
        total = x if delta is None else x + delta
        return functional.rms_norm(total, self._shape, None, self._eps).mul_(self.weight), total


class AveragingRmsNorm:
    """On a CPU this costs 5 µs for one row, `rms_norm` 8 µs: one `addmm` gives the mean of squares plus eps."""

    def __init__(self, weight: Tensor, eps: float) -> None:
        self.weight = weight
        self.bias: Tensor | None = None
        self._averaging = torch.full((weight.shape[-1], 1), 1.0 / weight.shape[-1])  # [hidden, 1]
        self._epsilon = torch.full((1, 1), eps)
        self.bytes = weight.nbytes

    def __call__(self, x: Tensor, delta: Tensor | None = None, /) -> tuple[Tensor, Tensor]:
        total = x if delta is None else x + delta  # [P, hidden]
        mean_square = torch.addmm(self._epsilon, total * total, self._averaging)  # [P, 1]
        return (total * mean_square.rsqrt_()).mul_(self.weight), total


class CRmsNorm:
    """The C kernel (kernels/cpu)."""

    def __init__(self, weight: Tensor, eps: float) -> None:
        self.weight = weight
        self.bias: Tensor | None = None
        self._normalised = row_operations.rms_norm(weight, eps)
        self.bytes = weight.nbytes

    def __call__(self, x: Tensor, delta: Tensor | None = None, /) -> tuple[Tensor, Tensor]:
        total = x if delta is None else x + delta
        return self._normalised(total), total


class KernelRmsNorm:
    """The Triton kernel, which adds delta in the same launch."""

    def __init__(self, weight: Tensor, eps: float) -> None:
        from kernels import rmsnorm  # noqa: PLC0415 - Triton exists where these kernels run

        self._alone, self._adding = rmsnorm.rms_norm, rmsnorm.add_rms_norm
        self.weight = weight
        self.bias: Tensor | None = None
        self._eps = eps
        self.bytes = weight.nbytes

    def __call__(self, x: Tensor, delta: Tensor | None = None, /) -> tuple[Tensor, Tensor]:
        if delta is None:
            return self._alone(x, self.weight, self._eps), x
        return self._adding(x, delta, self.weight, self._eps)


class PlainLayerNorm:
    """PyTorch's `layer_norm`, with a bias."""

    def __init__(self, weight: Tensor, bias: Tensor, eps: float) -> None:
        self.weight = weight
        self.bias: Tensor | None = bias
        self._shape = (weight.shape[-1],)
        self._eps = eps
        self.bytes = weight.nbytes + bias.nbytes

    def __call__(self, x: Tensor, delta: Tensor | None = None, /) -> tuple[Tensor, Tensor]:
        total = x if delta is None else x + delta
        return functional.layer_norm(total, self._shape, self.weight, self.bias, self._eps), total
