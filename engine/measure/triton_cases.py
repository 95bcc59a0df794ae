"""The Triton kernels at the sizes of a GPU, and PyTorch's own forms of the same operations."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import torch
from torch.nn import functional

from engine.measure.kernel_case import Case, Run
from engine.model.rope import rotate_


@dataclass(frozen=True, slots=True)
class Sizes:
    """How large the cases are: a GPU's, or what a CPU does in a second."""

    rows: tuple[int, ...]
    hidden: int
    ffn: int
    heads: int
    kv_heads: int
    head_dim: int
    prompt: int
    decode: tuple[tuple[int, int], ...]
    """(batch, context)."""


GPU: Final = Sizes((1, 64, 8192), 4096, 14336, 32, 8, 128, 8192, ((1, 4096), (64, 4096)))
CPU: Final = Sizes((1, 64), 1024, 2816, 8, 2, 64, 512, ((1, 1024), (8, 512)))


def cases(sizes: Sizes, device: torch.device, dtype: torch.dtype, kernels: bool) -> Iterator[Case]:
    """Every kernel at its sizes, made one after another so that memory is needed for one alone."""
    make = torch.Generator(device=device).manual_seed(0)

    def random(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, device=device, dtype=dtype, generator=make)

    for rows in sizes.rows:
        yield from small_cases(sizes, rows, random, kernels)
    yield prefill_case(sizes, random, kernels)
    for batch, context in sizes.decode:
        yield decode_case(sizes, batch, context, random, kernels)


def small_cases(sizes: Sizes, rows: int, random: Callable[..., torch.Tensor], kernels: bool) -> Iterator[Case]:
    """Norm, rotation with the cache's write, and SwiGLU over so many rows."""
    hidden, heads, kv_heads, head_dim = sizes.hidden, sizes.heads, sizes.kv_heads, sizes.head_dim
    x, delta, weight, wide = random(rows, hidden), random(rows, hidden), random(hidden), random(rows, 2 * sizes.ffn)
    qkv, memory = random(rows, heads + 2 * kv_heads, head_dim), random(2, rows, kv_heads, head_dim)
    angle = torch.rand(rows, 1, head_dim // 2, device=x.device)
    rotation, slots = torch.polar(torch.ones_like(angle), angle), torch.arange(rows, device=x.device)
    ours: dict[str, Run] = {}
    if kernels:
        from kernels.rmsnorm import add_rms_norm, rms_norm  # noqa: PLC0415 - Triton exists where these kernels run
        from kernels.rope_kv_write import rope_kv_write  # noqa: PLC0415
        from kernels.swiglu import swiglu  # noqa: PLC0415

        ours = {
            "rmsnorm": lambda: rms_norm(x, weight, 1e-5),
            "rmsnorm + residual": lambda: add_rms_norm(x, delta, weight, 1e-5),
            "rope_kv_write": lambda: rope_kv_write(qkv, rotation, memory[0], memory[1], slots, heads),
            "swiglu": lambda: swiglu(wide),
        }

    def rotate_and_copy() -> None:
        rotate_(qkv, rotation, heads + kv_heads)
        memory[0].index_copy_(0, slots, qkv[:, heads : heads + kv_heads])
        memory[1].index_copy_(0, slots, qkv[:, heads + kv_heads :])

    def gate_and_multiply() -> torch.Tensor:
        gate, up = wide.chunk(2, -1)
        return functional.silu(gate) * up

    size, shape = x.itemsize, f"{rows} × {hidden}"
    yield Case("rmsnorm", shape, 2 * x.nbytes, 4 * x.numel(), ours.get("rmsnorm"),
               lambda: functional.rms_norm(x, (hidden,), weight, 1e-5), "rms_norm")  # fmt: skip
    yield Case("rmsnorm + residual", shape, 4 * x.nbytes, 5 * x.numel(), ours.get("rmsnorm + residual"),
               lambda: functional.rms_norm(x + delta, (hidden,), weight, 1e-5), "add, rms_norm")  # fmt: skip
    moved = rows * head_dim * ((2 * heads + 5 * kv_heads) * size + 4)
    yield Case("rope_kv_write", f"{rows} × {heads}+{kv_heads} heads of {head_dim}", moved,
               3 * rows * (heads + kv_heads) * head_dim, ours.get("rope_kv_write"), rotate_and_copy,
               "complex product, index_copy")  # fmt: skip
    yield Case("swiglu", f"{rows} × {sizes.ffn}", 3 * rows * sizes.ffn * size, 5 * rows * sizes.ffn,
               ours.get("swiglu"), gate_and_multiply, "silu, product")  # fmt: skip


def prefill_case(sizes: Sizes, random: Callable[..., torch.Tensor], kernels: bool) -> Case:
    """Causal attention of one long prompt."""
    n, heads, kv_heads, head_dim = sizes.prompt, sizes.heads, sizes.kv_heads, sizes.head_dim
    q, k, v = random(n, heads, head_dim), random(n, kv_heads, head_dim), random(n, kv_heads, head_dim)
    ours: Run | None = None
    if kernels:
        from kernels.kv import PackedKV  # noqa: PLC0415 - Triton exists where these kernels run
        from kernels.prefill_attention import prefill_attention  # noqa: PLC0415

        starts = torch.tensor([0, n], dtype=torch.int32, device=q.device)
        kv, lengths = PackedKV(k, v, starts), starts[1:]
        ours = lambda: prefill_attention(q, kv, starts, lengths, max_rows=n)  # noqa: E731
    q4, k4, v4 = (tensor.transpose(0, 1).unsqueeze(0) for tensor in (q, k, v))
    return Case(
        "prefill_attention", f"{n} positions, {heads} on {kv_heads} heads of {head_dim}",
        2 * q.nbytes + 2 * k.nbytes, 4 * heads * head_dim * n * (n + 1) // 2, ours,
        lambda: functional.scaled_dot_product_attention(q4, k4, v4, is_causal=True, enable_gqa=True),
        "scaled_dot_product_attention",
    )  # fmt: skip


def decode_case(sizes: Sizes, batch: int, context: int, random: Callable[..., torch.Tensor], kernels: bool) -> Case:
    """One new position of each of `batch` requests over a paged cache; the peer reads a contiguous one."""
    heads, kv_heads, head_dim, block = sizes.heads, sizes.kv_heads, sizes.head_dim, 16
    q, pool = random(batch, heads, head_dim), random(2, batch * context // block, block, kv_heads, head_dim)
    ours: Run | None = None
    held = pool
    if kernels:
        from kernels.decode_attention import decode_attention  # noqa: PLC0415 - Triton exists where these kernels run
        from kernels.kv import PagedKV  # noqa: PLC0415

        tables = torch.randperm(batch * context // block, device=q.device).to(torch.int32).view(batch, -1)
        starts = torch.arange(batch + 1, dtype=torch.int32, device=q.device)
        held = pool[:, tables.flatten().long()]  # what the peer reads, in order
        lengths, kv = torch.full_like(starts[1:], context), PagedKV(pool, tables)
        ours = lambda: decode_attention(q, kv, starts, lengths, max_rows=1, max_length=context)  # noqa: E731
    k, v = held.view(2, batch, context, kv_heads, head_dim).transpose(2, 3).unbind(0)
    return Case(
        "decode_attention", f"batch {batch}, context {context}, {heads} on {kv_heads} heads of {head_dim}",
        pool.nbytes + 2 * q.nbytes, 4 * batch * heads * head_dim * context, ours,
        lambda: functional.scaled_dot_product_attention(q.unsqueeze(2), k, v, enable_gqa=True),
        "scaled_dot_product_attention",
    )  # fmt: skip
