"""The C kernels of a CPU at the sizes of a model of half a billion weights, and PyTorch's own forms beside them."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from gguf import GGMLQuantizationType
from gguf.quants import quantize
from torch.nn import functional

from engine.measure.kernel_case import Case
from engine.model.rope import rotate_
from kernels.cpu import row_operations, tiled_linear
from kernels.cpu.kinds import StoredRows
from kernels.cpu.packed import PackedRows, packed_linear, unpacked
from kernels.cpu.streamed_linear import PAIRS, streamed

ROWS = (1, 4, 16)
TILED_ROWS = (16, 64)
QUANTISED = ("Q8_0", "Q4_0", "Q4_1")
SHAPES = ((9728, 896), (896, 4864))
"""[out, in] of a feed-forward's two products."""


def cpu_cases() -> Iterator[Case]:
    """Streamed products, on the tile unit where there is one, quantised ones, and the row operations between them."""
    for weight_dtype, dtype in PAIRS:
        for shape in SHAPES:
            for rows in ROWS:
                yield product_case(shape, rows, weight_dtype, dtype)
    if tiled_linear.unavailable(torch.zeros(16, 32, dtype=torch.bfloat16), torch.bfloat16) is None:
        for shape in SHAPES:
            for rows in TILED_ROWS:
                yield tiled_case(shape, rows)
    for kind in QUANTISED:
        for shape in SHAPES:
            for rows in ROWS:
                yield packed_case(shape, rows, kind)
    yield from row_cases(1, 896, 4864, 14, 2, 64)


def product_case(shape: tuple[int, int], rows: int, weight_dtype: torch.dtype, dtype: torch.dtype) -> Case:
    """x Wᵀ; the peer multiplies by the weight in x's dtype, as PyTorch requires."""
    out, channels = shape
    weight, x = torch.randn(shape).to(weight_dtype), torch.randn(rows, channels).to(dtype)
    held, multiply = weight.to(dtype), streamed(weight, None, dtype)
    names = " × ".join(str(each).removeprefix("torch.") for each in (weight_dtype, dtype))
    return Case(
        "streamed_linear", f"{rows} × {channels} to {out}, {names}",
        weight.nbytes + x.nbytes + rows * out * x.itemsize, 2 * rows * out * channels,
        lambda: multiply(x), lambda: functional.linear(x, held), "linear",
    )  # fmt: skip


def packed_case(shape: tuple[int, int], rows: int, kind: str) -> Case:
    """x Wᵀ for a quantised W; the peer multiplies by what it is unpacked to, in float32."""
    out, channels = shape
    packed = quantize(torch.randn(shape).numpy(), GGMLQuantizationType[kind])
    stored, x = StoredRows(kind, channels, torch.from_numpy(packed)), torch.randn(rows, channels)
    held, weight = unpacked(stored), PackedRows(stored)
    return Case(
        "packed_linear", f"{rows} × {channels} to {out}, {kind} × float32",
        weight.nbytes + x.nbytes + rows * out * x.itemsize, 2 * rows * out * channels,
        lambda: packed_linear(x, weight), lambda: functional.linear(x, held), "linear in float32",
    )  # fmt: skip


def tiled_case(shape: tuple[int, int], rows: int) -> Case:
    """x Wᵀ in bfloat16 on the tile unit."""
    out, channels = shape
    weight, x = torch.randn(shape).bfloat16(), torch.randn(rows, channels).bfloat16()
    multiply = tiled_linear.tiled(weight, None)
    return Case(
        "tiled_linear", f"{rows} × {channels} to {out}, bfloat16",
        weight.nbytes + x.nbytes + rows * out * x.itemsize, 2 * rows * out * channels,
        lambda: multiply(x), lambda: functional.linear(x, weight), "linear",
    )  # fmt: skip


def row_cases(rows: int, hidden: int, ffn: int, heads: int, kv_heads: int, head_dim: int) -> Iterator[Case]:
    """Norm, rotation and SwiGLU of so many rows in float32."""
    x, weight, wide = torch.randn(rows, hidden), torch.randn(hidden), torch.randn(rows, 2 * ffn)
    turning, norm = heads + kv_heads, row_operations.rms_norm(weight, 1e-5)
    qkv = torch.randn(rows, turning + kv_heads, head_dim)
    angle = torch.rand(rows, 1, head_dim // 2)
    rotation = torch.polar(torch.ones_like(angle), angle)

    def gate_and_multiply() -> torch.Tensor:
        gate, up = wide.chunk(2, -1)
        return functional.silu(gate) * up

    yield Case("rms_norm", f"{rows} × {hidden}", 2 * x.nbytes + weight.nbytes, 4 * x.numel(),
               lambda: norm(x),
               lambda: functional.rms_norm(x, (hidden,), weight, 1e-5), "rms_norm")  # fmt: skip
    yield Case("rotate", f"{rows} × {turning} heads of {head_dim}", 2 * rows * turning * head_dim * 4 + rotation.nbytes,
               3 * rows * turning * head_dim, lambda: row_operations.rotate_(qkv, rotation, turning),
               lambda: rotate_(qkv, rotation, turning), "complex product")  # fmt: skip
    yield Case("swiglu", f"{rows} × {ffn}", 12 * rows * ffn, 5 * rows * ffn,
               lambda: row_operations.swiglu(wide), gate_and_multiply, "silu, product")  # fmt: skip
