"""The attention probabilities of a span's rows in one layer, from K where a cache keeps it (attention_maps.c)."""

from __future__ import annotations

import ctypes
from functools import cache

import torch
from torch import Tensor

from kernels.cpu import library
from kernels.cpu.kv_places import PLACE, Place
from kernels.errors import KernelUnavailableError


class _Span(ctypes.Structure):
    _fields_ = [
        ("row", ctypes.c_size_t), ("count", ctypes.c_size_t), ("first", ctypes.c_size_t), ("place", ctypes.c_void_p),
        ("maps", ctypes.c_void_p),
    ]  # fmt: skip


class _Work(ctypes.Structure):
    _fields_ = [
        ("q", ctypes.c_void_p), ("q_stride", ctypes.c_size_t), ("span", ctypes.c_void_p),
        *((name, ctypes.c_size_t) for name in ("spans", "head", "heads", "group", "head_dim", "window")),
        ("scale", ctypes.c_float), ("half", ctypes.c_int), ("half_rows", ctypes.c_int),
    ]  # fmt: skip


def attention_maps(
    q: Tensor, place: Place, first: int, heads: range, kv_heads: int, window: int | None = None
) -> Tensor:
    """softmax(q · kᵀ / √head_dim) as float16 [n, len(heads), first + n]; 0 where a row does not see a position.

    q [n, heads, head_dim], float32 or bfloat16, are the rotated rows of the positions from `first` on. `place` is where
    their span's K, of the same dtype, lies in the layer; what it points to must outlive the call. `heads` are adjacent.
    Sums are float32, and each probability is rounded once. `window` is how many positions a row sees, itself included.

    Raises KernelUnavailableError where this machine has no C kernels or none for the dtype, ValueError for heads that q
    does not have or that cannot be shared, and MemoryError.
    """
    rows, all_heads, head_dim = q.shape
    if all_heads % kv_heads or not 0 <= heads.start < heads.stop <= all_heads or heads.step != 1:
        raise ValueError(f"heads {heads} of q {tuple(q.shape)} with {kv_heads} heads of K")
    if q.dtype not in library.DTYPES:
        raise KernelUnavailableError(f"attention was not written for {q.dtype}.")
    apart, *inner = q.stride()
    if inner != [head_dim, 1]:
        q = q.contiguous()
        apart = all_heads * head_dim
    maps = torch.empty(rows, len(heads), first + rows, dtype=torch.float16)
    numbers = (ctypes.c_int64 * PLACE)(*place)
    span = _Span(0, rows, first, ctypes.addressof(numbers), maps.data_ptr())
    half = q.dtype is torch.bfloat16
    work = _Work(
        q.data_ptr(), apart, ctypes.addressof(span), 1, heads.start, len(heads), all_heads // kv_heads, head_dim,
        window or 0, head_dim**-0.5, half, half,
    )  # fmt: skip
    if _function()(ctypes.byref(work), torch.get_num_threads()):
        raise MemoryError("There is no memory for the attention probabilities.")
    return maps


@cache
def _function() -> ctypes._NamedFuncPointer:
    found = library.library().attention_maps
    found.argtypes, found.restype = [ctypes.c_void_p, ctypes.c_int], ctypes.c_int
    return found
