"""Quantised weights on a CPU: laid out for the products (packed.h), multiplied as they are, or unpacked to float32.

A product reads the very bits of the file. x meets them as integers of 15 bits with a scale for each 32 of them, so that
the processor's products of bytes (VNNI) do the work; what that loses of x is a few millionths of the largest of 32.
"""

from __future__ import annotations

import ctypes
from functools import cache

import numpy as np
import torch
from torch import Tensor

from kernels.cpu import library
from kernels.cpu.kinds import KINDS, StoredRows
from kernels.errors import KernelUnavailableError


class PackedRows:
    """Rows of a quantised weight, laid out for the products; `data` uint8 holds SIDE rows after another."""

    def __init__(self, stored: StoredRows) -> None:
        """Raises KernelUnavailableError where this machine has no C kernels."""
        self.kind = stored.kind
        self.shape = stored.shape
        out, channels = self.shape
        functions = _functions()
        kind = KINDS.index(self.kind)
        self.data = torch.zeros(functions.packed_bytes(kind, channels, out), dtype=torch.uint8)
        rows = stored.bytes.contiguous()
        functions.pack_rows(kind, rows.data_ptr(), self.data.data_ptr(), 0, out, channels)

    @property
    def nbytes(self) -> int:
        """The memory that it takes, and what a product reads."""
        return self.data.nbytes


def packed_linear(x: Tensor, weight: PackedRows, bias: Tensor | None = None, residual: Tensor | None = None) -> Tensor:
    """x [P, in] Wᵀ + bias [out] + residual [P, out]; all of them float32, or bfloat16, as x is.

    Sums are float32, each result is rounded once, and a row's result does not depend on the rows beside it. Raises
    ValueError for shapes or dtypes that do not fit, KernelUnavailableError for other dtypes of x.
    """
    out, channels = weight.shape
    others = [one for one in (bias, residual) if one is not None]
    if x.shape[1] != channels or any(one.dtype is not x.dtype for one in others):
        raise ValueError(f"x {tuple(x.shape)} of {x.dtype}, its bias and its residual do not fit {weight.shape}")
    if (bias is not None and bias.shape != (out,)) or (residual is not None and residual.shape != (len(x), out)):
        raise ValueError(f"a bias or residual does not fit [{len(x)}, {out}]")
    call = library.function("streamed_linear", 5, 4, x.dtype)
    call.restype = ctypes.c_int
    x, residual = x.contiguous(), None if residual is None else residual.contiguous()
    y = torch.empty(len(x), out, dtype=x.dtype)
    if call(
        weight.data.data_ptr(), x.data_ptr(), None if bias is None else bias.data_ptr(),
        None if residual is None else residual.data_ptr(), y.data_ptr(), len(x), channels, out,
        KINDS.index(weight.kind), torch.get_num_threads(),
    ):  # fmt: skip
        raise MemoryError("There is no memory for a product.")
    return y


def packed_linear_reference(
    x: Tensor, weight: StoredRows, bias: Tensor | None = None, residual: Tensor | None = None
) -> Tensor:
    """What `packed_linear` computes, in the dtype of x, with the weights as the package gguf unpacks them."""
    y = torch.nn.functional.linear(x, unpacked_reference(weight).to(x.dtype), bias)
    return y if residual is None else y + residual


def unpacked(stored: StoredRows) -> Tensor:
    """The weights as float32 [out, in]; by the C kernel where there is one."""
    if library.unavailable():
        return unpacked_reference(stored)
    out, channels = stored.shape
    rows = stored.bytes.contiguous()
    values = torch.empty(out, channels)
    if out and _functions().unpacked(
        rows.data_ptr(), values.data_ptr(), out, channels, KINDS.index(stored.kind), torch.get_num_threads()
    ):
        raise MemoryError("There is no memory to unpack a weight.")
    return values


def unpacked_reference(stored: StoredRows) -> Tensor:
    """The weights as float32 [out, in], as the package gguf unpacks them."""
    return unpacked_by_gguf(stored.bytes, stored.kind)


def unpacked_by_gguf(rows: Tensor, kind: str) -> Tensor:
    """Rows of bytes uint8 [out, bytes of a row] as float32 [out, in], of any kind that the package gguf can unpack.

    Raises KernelUnavailableError for a kind that it cannot.
    """
    from gguf import GGMLQuantizationType  # noqa: PLC0415 - only files of that format need it
    from gguf.quants import dequantize  # noqa: PLC0415

    try:
        values = dequantize(rows.numpy(), GGMLQuantizationType[kind])
    except (KeyError, NotImplementedError) as error:
        raise KernelUnavailableError(f"Weights in {kind} cannot be unpacked.") from error
    return torch.from_numpy(np.ascontiguousarray(values, np.float32))


@cache
def _functions() -> ctypes.CDLL:
    """The library, with the types of the functions used here; raises KernelUnavailableError like `library`."""
    functions = library.library()
    size, pointer = ctypes.c_size_t, ctypes.c_void_p
    functions.packed_bytes.argtypes, functions.packed_bytes.restype = [size, size, size], size
    functions.pack_rows.argtypes, functions.pack_rows.restype = [size, pointer, pointer, size, size, size], None
    functions.unpacked.argtypes = [pointer, pointer, size, size, size, ctypes.c_int]
    functions.unpacked.restype = ctypes.c_int
    return functions
