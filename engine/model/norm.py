"""RMSNorm and LayerNorm, in the form that costs least for the few rows of a decode step."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional

from kernels.cpu import library, row_operations


class Norm(Protocol):
    """Normalises the last dimension, shape and dtype unchanged."""

    def __call__(self, x: Tensor, delta: Tensor | None = None, /) -> tuple[Tensor, Tensor]:
        """(norm of x + delta, x + delta): the residual stream, and what a projection left to be added to it."""


def rms_norm(weight: Tensor, eps: float, kernels: bool = False) -> Norm:
    """x / sqrt(mean(x²) + eps) · weight, over the last dimension (Zhang and Sennrich 2019).

    With `kernels` it is this project's own (kernels/rmsnorm.py), the sum included; so it is on a CPU where a C compiler
    is at hand (kernels/cpu).
    """
    if kernels:
        return _kernel_rms_norm(weight, eps)
    if library.serves(weight.device, weight.dtype):
        return _c_rms_norm(weight, eps)
    shape = (weight.shape[-1],)
    if weight.device.type != "cpu" or weight.dtype != torch.float32 or weight.dim() > 1:

        def plain(x: Tensor, delta: Tensor | None = None) -> tuple[Tensor, Tensor]:
            total = x if delta is None else x + delta
            return functional.rms_norm(total, shape, None, eps).mul_(weight), total

        return plain

    # On a CPU `rms_norm` costs 8 µs for one row, this 5 µs: the mean of squares, plus eps, is one `addmm`.
    averaging = torch.full((*shape, 1), 1.0 / shape[0])  # [hidden, 1]
    epsilon = torch.full((1, 1), eps)

    def norm(x: Tensor, delta: Tensor | None = None) -> tuple[Tensor, Tensor]:  # [P, hidden]
        total = x if delta is None else x + delta
        mean_square = torch.addmm(epsilon, total * total, averaging)  # [P, 1]
        return (total * mean_square.rsqrt_()).mul_(weight), total

    return norm


def layer_norm(weight: Tensor, bias: Tensor, eps: float) -> Norm:
    """(x − mean) / sqrt(variance + eps) · weight + bias, over the last dimension (Ba et al. 2016)."""
    shape = (weight.shape[-1],)

    def norm(x: Tensor, delta: Tensor | None = None) -> tuple[Tensor, Tensor]:
        total = x if delta is None else x + delta
        return functional.layer_norm(total, shape, weight, bias, eps), total

    return norm


def _c_rms_norm(weight: Tensor, eps: float) -> Norm:
    normalised = row_operations.rms_norm(weight, eps)

    def norm(x: Tensor, delta: Tensor | None = None) -> tuple[Tensor, Tensor]:
        total = x if delta is None else x + delta
        return normalised(total), total

    return norm


def _kernel_rms_norm(weight: Tensor, eps: float) -> Norm:
    from kernels import rmsnorm  # noqa: PLC0415 - Triton exists where these kernels run

    def norm(x: Tensor, delta: Tensor | None = None) -> tuple[Tensor, Tensor]:
        if delta is None:
            return rmsnorm.rms_norm(x, weight, eps), x
        return rmsnorm.add_rms_norm(x, delta, weight, eps)

    return norm
