"""The kernels of a step's small operations against float64: shared by the interpreter's tests and the GPU's."""

from __future__ import annotations

from itertools import product
from typing import Final

import torch
from torch import Tensor

from kernels.rmsnorm import add_rms_norm, rms_norm, rms_norm_reference
from kernels.rope_kv_write import rope_kv_write, rope_kv_write_reference
from kernels.swiglu import swiglu, swiglu_reference

BOUNDS: Final = {torch.float32: 1e-5, torch.bfloat16: 1e-2}
"""Largest error allowed, as a share of the largest true value."""
ROWS: Final = (1, 3, 17)
WIDTHS: Final = (1, 64, 80, 127, 896, 4096)
HEADS: Final = ((1, 1), (3, 1), (4, 2), (14, 2))
HEAD_DIMS: Final = (2, 24, 64, 80, 96, 128, 256)
GRID: Final = list(product(ROWS, WIDTHS, BOUNDS))
ROPE_GRID: Final = list(product(ROWS, HEADS, HEAD_DIMS, BOUNDS))


def random(shape: tuple[int, ...], dtype: torch.dtype, device: str, seed: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float32).to(dtype).to(device)


def poisoned(like: Tensor) -> Tensor:
    """Memory of a shape that is NaN until a kernel writes it."""
    return torch.full(like.shape, torch.nan, dtype=like.dtype, device=like.device)


def assert_close(got: Tensor, true: Tensor, dtype: torch.dtype) -> None:
    error = (got.double() - true).abs().max() / true.abs().max().clamp(min=1e-30)
    assert bool(error <= BOUNDS[dtype]), f"error {float(error):.2e}"  # NaN fails too


def check_rms_norm(rows: int, width: int, dtype: torch.dtype, device: str) -> None:
    wider = random((rows, width + 5), dtype, device, 1)
    x, weight = wider[:, :width], random((width,), dtype, device, 2)
    out = rms_norm(x, weight, 1e-5, out=poisoned(x))
    assert_close(out, rms_norm_reference(x.double(), weight.double(), 1e-5), dtype)

    delta = random((rows, width), dtype, device, 3)
    out, total = add_rms_norm(x, delta, weight, 1e-5, out=poisoned(x), total=poisoned(x))
    assert_close(total, x.double() + delta.double(), dtype)
    assert_close(out, rms_norm_reference(total.double(), weight.double(), 1e-5), dtype)  # of the stream as it goes on


def check_heads_norm(rows: int, heads: int, width: int, dtype: torch.dtype, device: str) -> None:
    """A weight a head, in place on a slice, as Qwen3 does with q and k."""
    qkv = random((rows, heads + 2, width), dtype, device, 4)
    x, weight = qkv[:, :heads], random((heads, width), dtype, device, 5)
    true, rest = rms_norm_reference(x.double(), weight.double(), 1e-6), qkv[:, heads:].clone()
    rms_norm(x, weight, 1e-6, out=x)
    assert_close(qkv[:, :heads], true, dtype)
    assert torch.equal(qkv[:, heads:], rest)


def check_swiglu(rows: int, width: int, dtype: torch.dtype, device: str) -> None:
    wide = random((rows, 2 * width), dtype, device, 6) * 4
    out = swiglu(wide, out=poisoned(wide[:, :width]))
    assert_close(out, swiglu_reference(wide.double()), dtype)


def check_rope(rows: int, heads: tuple[int, int], head_dim: int, dtype: torch.dtype, device: str) -> None:
    query_heads, kv_heads = heads
    qkv = random((rows, query_heads + 2 * kv_heads, head_dim), dtype, device, 7)
    angle = torch.rand(rows, 1, head_dim // 2, generator=torch.Generator().manual_seed(8)) * 1000
    rotation = torch.polar(torch.ones_like(angle), angle).to(device)
    slots = torch.randperm(rows + 4, generator=torch.Generator().manual_seed(9))[:rows]
    slots[rows // 2] = -1
    slots = slots.to(device)
    memory = torch.full((2, rows + 4, kv_heads, head_dim), torch.nan, dtype=dtype, device=device)
    true_qkv, true_memory = qkv.double(), memory.double()
    rope_kv_write_reference(true_qkv, rotation.to(torch.complex128), *true_memory, slots, query_heads)
    rope_kv_write(qkv, rotation, *memory, slots, query_heads)
    assert_close(qkv, true_qkv, dtype)
    assert torch.equal(memory.isnan(), true_memory.isnan())  # nothing else was written
    written = slots[slots >= 0]
    if len(written):
        assert_close(memory[:, written], true_memory[:, written], dtype)
