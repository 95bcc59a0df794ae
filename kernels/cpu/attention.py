"""Causal attention on a CPU that reads K and V where a cache keeps them (attention.c).

PyTorch's fused kernel takes one request after another, wants its blocks gathered first, and reads K and V once for each
query head that shares them. Here a whole batch is one call for each layer, cut into chunks that threads share unevenly.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from torch import Tensor

from kernels.cpu import library
from kernels.cpu.kv_places import PLACE
from kernels.errors import KernelUnavailableError


class _Span(ctypes.Structure):
    _fields_ = [("row", ctypes.c_size_t), ("count", ctypes.c_size_t), ("first", ctypes.c_size_t)]


class _Plan(ctypes.Structure):
    _fields_ = [("chunks", ctypes.c_size_t), ("own_bytes", ctypes.c_size_t), ("partial_bytes", ctypes.c_size_t)]


class _Work(ctypes.Structure):
    _fields_ = [
        ("q", ctypes.c_void_p), ("mixed", ctypes.c_void_p), ("q_stride", ctypes.c_size_t),
        ("mixed_stride", ctypes.c_size_t), ("spans", ctypes.c_void_p),
        ("places", ctypes.c_void_p), ("plan", ctypes.c_void_p), ("partials", ctypes.c_void_p),
        ("heads", ctypes.c_size_t), ("kv_heads", ctypes.c_size_t), ("head_dim", ctypes.c_size_t),
        ("window", ctypes.c_size_t), ("scale", ctypes.c_float), ("half", ctypes.c_int), ("half_rows", ctypes.c_int),
    ]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Shape:
    """What q, K and V of all layers have in common."""

    heads: int
    kv_heads: int
    head_dim: int
    dtype: torch.dtype


class BatchAttention:
    """The attention of one batch: its spans are cut into chunks once for each window, then each layer is one call."""

    def __init__(self, spans: Sequence[tuple[int, int, int]], shape: Shape, scale: float | None = None) -> None:
        """`spans` are (first row, rows, position of the first row); `scale` None is 1 / √head_dim.

        Raises KernelUnavailableError where this machine has no C kernels or none for the dtype, ValueError for heads
        that cannot be shared.
        """
        if reason := library.unavailable():
            raise KernelUnavailableError(reason)
        if shape.dtype not in library.DTYPES:
            raise KernelUnavailableError(f"attention was not written for {shape.dtype}.")
        if shape.heads % shape.kv_heads:
            raise ValueError(f"{shape.heads} heads cannot share {shape.kv_heads} heads of K and V")
        self.shape = shape
        self._count = len(spans)
        self._rows = max((row + count for row, count, _ in spans), default=0)
        self._spans = (_Span * self._count)(*(_Span(*span) for span in spans))
        self._scale = shape.head_dim**-0.5 if scale is None else scale
        self._call = _functions().attention
        self._works: dict[int | None, tuple[_Work, Any]] = {}

    def __call__(self, q: Tensor, places: Tensor, window: int | None = None) -> Tensor:
        """q [P, heads, head_dim] to the same; rows that belong to no span stay as they are allocated.

        places int64 [spans, PLACE], contiguous, are those of this layer, and what they point to must outlive the call.
        `window` is how many positions a row sees, itself included. Sums are float32, and each result is rounded once.
        Raises ValueError where q or places do not fit.
        """
        shape = self.shape
        rows, heads, head_dim = q.shape
        if (heads, head_dim, q.dtype) != (shape.heads, shape.head_dim, shape.dtype) or rows < self._rows:
            raise ValueError(f"q {tuple(q.shape)} of {q.dtype} does not fit {self._rows} rows of {shape}")
        if places.shape != (self._count, PLACE) or places.dtype is not torch.int64 or not places.is_contiguous():
            raise ValueError(f"places {tuple(places.shape)} must be contiguous int64 [{self._count}, {PLACE}]")
        apart, *inner = q.stride()
        if inner != [head_dim, 1]:
            q = q.contiguous()
            apart = heads * head_dim
        out = torch.empty(rows, heads, head_dim, dtype=q.dtype)
        known = self._works.get(window)
        if known is None:
            known = self._works[window] = self._work(window)
        work = known[0]
        work.q, work.q_stride, work.mixed, work.places = q.data_ptr(), apart, out.data_ptr(), places.data_ptr()
        if self._call(ctypes.byref(work), torch.get_num_threads()):
            raise MemoryError("There is no memory for the sums of attention.")
        return out

    @property
    def own_bytes(self) -> int:
        """What each thread takes for its tiles during a call; 0 before the first call."""
        return max((_Plan.from_address(work.plan).own_bytes for work, _ in self._works.values()), default=0)

    def _work(self, window: int | None) -> tuple[_Work, Any]:
        """The arguments of all layers with this window, and what must live as long as they do."""
        shape, functions = self.shape, _functions()
        sizes = shape.heads, shape.kv_heads
        size = functions.attention_plan_bytes(self._spans, self._count, *sizes, window or 0)
        plan = torch.empty(size, dtype=torch.uint8)
        functions.attention_plan(plan.data_ptr(), self._spans, self._count, *sizes, shape.head_dim, window or 0)
        partials = torch.empty(_Plan.from_address(plan.data_ptr()).partial_bytes, dtype=torch.uint8)
        functions.attention_begin(plan.data_ptr(), partials.data_ptr())
        half = shape.dtype is torch.bfloat16
        work = _Work(
            spans=ctypes.addressof(self._spans), plan=plan.data_ptr(), partials=partials.data_ptr(), heads=shape.heads,
            kv_heads=shape.kv_heads, head_dim=shape.head_dim, mixed_stride=shape.heads * shape.head_dim,
            window=window or 0, scale=self._scale, half=half, half_rows=half,
        )  # fmt: skip
        return work, (plan, partials)


def attention_reference(q: Tensor, k: Tensor, v: Tensor, window: int | None = None) -> Tensor:
    """What one span gets, in the dtype of q: q [n, heads, head_dim] of the last n of T positions.

    k and v [kv_heads, T, head_dim] to [n, heads, head_dim].
    """
    rows, heads, head_dim = q.shape
    kv_heads, length, _ = k.shape
    k, v = (both.repeat_interleave(heads // kv_heads, 0) for both in (k, v))  # [heads, T, head_dim]
    positions, keys = torch.arange(length - rows, length).unsqueeze(1), torch.arange(length)
    hidden = keys > positions
    if window is not None:
        hidden |= keys <= positions - window
    scores = torch.einsum("rhd,htd->hrt", q, k) * head_dim**-0.5
    return torch.einsum("hrt,htd->rhd", scores.masked_fill(hidden, -torch.inf).softmax(-1), v)


@cache
def _functions() -> ctypes.CDLL:
    """The library, whose functions for attention have their argument types set."""
    found, pointer, size = library.library(), ctypes.c_void_p, ctypes.c_size_t
    found.attention_plan_bytes.argtypes = [pointer, size, size, size, size]
    found.attention_plan_bytes.restype = size
    found.attention_plan.argtypes = [pointer, pointer, size, size, size, size, size]
    found.attention_plan.restype = None
    found.attention_begin.argtypes = [pointer, pointer]
    found.attention_begin.restype = None
    found.attention.argtypes = [pointer, ctypes.c_int]
    found.attention.restype = ctypes.c_int
    return found
