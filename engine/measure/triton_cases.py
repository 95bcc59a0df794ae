"""The operations of the Triton kernels at the sizes of a GPU, and PyTorch's own forms of the same operations.

One list has three uses: `bench --suite kernels` times it, `tests/kernels/compiled_table.py` compiles it without a GPU,
and `tests/kernels/full_size.py` compares it with float64. Tensors have the engine's layout: q (and, without a cache, k
and v) are slices of the projection's output, K and V are in a pool of blocks or in one memory per request.
On the device `meta` nothing is allocated, which is enough to compile.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

import torch
from torch import Tensor
from torch.nn import functional

from engine.measure.kernel_case import Case, Run
from engine.model.rope import rotate_

if TYPE_CHECKING:
    from kernels.kv import KV

EPS: Final = 1e-5
BLOCK_SIZE: Final = 16
PROBED_ROWS: Final = 512
"""Rows of a prompt that the attention map requests at once."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """The sizes of the cases: for a GPU, or small enough for a CPU to compute in a second."""

    rows: tuple[int, ...]
    hidden: int
    ffn: int
    heads: int
    kv_heads: int
    head_dim: int
    prompt: int
    decode: tuple[tuple[int, int], ...]
    """(batch, context)."""
    name: str = ""
    verified: int = 5
    """Rows per request in a step that verifies drafts: the last token and four drafts."""


GPU: Final = Sizes((1, 64, 8192), 4096, 14336, 32, 8, 128, 8192, ((1, 4096), (64, 4096)), "8 B")
SEVEN_BILLION: Final = Sizes((1, 64, 8192), 4096, 11008, 32, 32, 128, 8192, ((1, 4096), (64, 4096)), "7 B")
HALF_BILLION: Final = Sizes((1, 64, 8192), 896, 4864, 14, 2, 64, 8192, ((1, 4096), (64, 4096)), "0.5 B")
DEMO: Final = Sizes((1, 64, 1024), 256, 688, 8, 4, 32, 1024, ((1, 1024), (64, 1024)), "demo")
CPU: Final = Sizes((1, 64), 1024, 2816, 8, 2, 64, 512, ((1, 1024), (8, 512)))

CHECKED: Final = (
    (GPU, torch.bfloat16), (SEVEN_BILLION, torch.bfloat16), (HALF_BILLION, torch.bfloat16),
    (GPU, torch.float32), (DEMO, torch.float32),
)  # fmt: skip
"""Sizes and dtypes that are checked on a GPU; greedy tokens are compared in float32."""


class Problem(Protocol):
    """One operation at one size: its inputs, and the tensors that its kernel writes."""

    @property
    def kernel(self) -> str: ...

    @property
    def shape(self) -> str: ...

    @property
    def moved(self) -> int:
        """Bytes that must go through memory."""

    @property
    def flops(self) -> int: ...

    @property
    def outputs(self) -> tuple[Tensor, ...]:
        """The tensors that the kernel writes and does not read."""

    def ours(self) -> Run:
        """The kernel's launch; all preparation is done before."""

    def peer(self) -> tuple[str, Run]:
        """The name of PyTorch's form, and the call of it."""


@dataclass(frozen=True, slots=True)
class Norm:
    """RMSNorm of x [P, H], or of x + delta, by weight [H]; or of x [P, heads, head_dim] by one weight per head."""

    kernel: str
    x: Tensor
    delta: Tensor | None
    weight: Tensor
    out: Tensor
    total: Tensor | None

    @property
    def shape(self) -> str:
        return " × ".join(str(size) for size in self.x.shape)

    @property
    def moved(self) -> int:
        return (2 if self.delta is None else 4) * self.x.numel() * self.x.itemsize

    @property
    def flops(self) -> int:
        return (4 if self.delta is None else 5) * self.x.numel()

    @property
    def outputs(self) -> tuple[Tensor, ...]:
        return (self.out,) if self.total is None else (self.out, self.total)

    def ours(self) -> Run:
        from kernels.rmsnorm import add_rms_norm, rms_norm  # noqa: PLC0415 - Triton exists where these kernels run

        delta, total = self.delta, self.total
        if delta is None:
            return lambda: rms_norm(self.x, self.weight, EPS, out=self.out)
        return lambda: add_rms_norm(self.x, delta, self.weight, EPS, out=self.out, total=total)

    def peer(self) -> tuple[str, Run]:
        x, delta, weight = self.x, self.delta, self.weight
        if delta is not None:
            return "add, rms_norm", lambda: functional.rms_norm(x + delta, weight.shape, weight, EPS)
        if x.dim() == 3:
            return "rms_norm, product", lambda: functional.rms_norm(x, x.shape[2:], None, EPS) * weight
        return "rms_norm", lambda: functional.rms_norm(x, weight.shape, weight, EPS)


@dataclass(frozen=True, slots=True)
class Rope:
    """Rotates qkv [P, heads + 2 · kv_heads, head_dim] in place; k and v go to memory [2, P, kv_heads, head_dim]."""

    qkv: Tensor
    rotation: Tensor
    memory: Tensor
    slots: Tensor
    heads: int
    kernel: str = "rope_kv_write"

    @property
    def kv_heads(self) -> int:
        return self.memory.shape[2]

    @property
    def shape(self) -> str:
        return f"{self.qkv.shape[0]} × {self.heads}+{self.kv_heads} heads of {self.qkv.shape[2]}"

    @property
    def moved(self) -> int:
        rows, _, head_dim = self.qkv.shape
        return rows * head_dim * ((2 * self.heads + 5 * self.kv_heads) * self.qkv.itemsize + 4)

    @property
    def flops(self) -> int:
        return 3 * self.qkv.shape[0] * (self.heads + self.kv_heads) * self.qkv.shape[2]

    @property
    def outputs(self) -> tuple[Tensor, ...]:
        return (self.memory,)

    def ours(self) -> Run:
        from kernels.rope_kv_write import rope_kv_write  # noqa: PLC0415 - Triton exists where these kernels run

        k, v = self.memory.unbind(0)
        return lambda: rope_kv_write(self.qkv, self.rotation, k, v, self.slots, self.heads)

    def peer(self) -> tuple[str, Run]:
        turning = self.heads + self.kv_heads

        def rotate_and_copy() -> None:
            rotate_(self.qkv, self.rotation, turning)
            self.memory[0].index_copy_(0, self.slots, self.qkv[:, self.heads : turning])
            self.memory[1].index_copy_(0, self.slots, self.qkv[:, turning:])

        return "complex product, index_copy", rotate_and_copy


@dataclass(frozen=True, slots=True)
class Swiglu:
    """wide [P, 2 · ffn] to out [P, ffn]."""

    wide: Tensor
    out: Tensor
    kernel: str = "swiglu"

    @property
    def shape(self) -> str:
        return " × ".join(str(size) for size in self.out.shape)

    @property
    def moved(self) -> int:
        return 3 * self.out.numel() * self.out.itemsize

    @property
    def flops(self) -> int:
        return 5 * self.out.numel()

    @property
    def outputs(self) -> tuple[Tensor, ...]:
        return (self.out,)

    def ours(self) -> Run:
        from kernels.swiglu import swiglu  # noqa: PLC0415 - Triton exists where these kernels run

        return lambda: swiglu(self.wide, out=self.out)

    def peer(self) -> tuple[str, Run]:
        def gate_and_multiply() -> Tensor:
            gate, up = self.wide.chunk(2, -1)
            return functional.silu(gate) * up

        return "silu, product", gate_and_multiply


@dataclass(frozen=True, slots=True)
class Attention:
    """The last `rows` positions of each of `batch` requests over `context` positions.

    q [batch · rows, heads, head_dim]; memory holds K and V: paged [2, blocks, block_size, kv_heads, head_dim] with
    the block tables int32 [batch, n], contiguous [batch, 1, 2, kv_heads, context, head_dim], packed [batch · context,
    2 · kv_heads, head_dim]. For `attention_row`, lse is an input and out [batch · rows, heads, context].
    """

    kernel: str
    where: str
    q: Tensor
    memory: Tensor
    tables: Tensor
    starts: Tensor
    lengths: Tensor
    rows: int
    context: int
    kv_heads: int
    out: Tensor
    lse: Tensor

    @property
    def batch(self) -> int:
        return self.lengths.shape[0]

    @property
    def pairs(self) -> int:
        """The number of pairs of a row and a position that it sees, for one head."""
        n = self.rows
        return self.batch * (n * self.context - n * (n - 1) // 2)

    @property
    def shape(self) -> str:
        size = f"batch {self.batch}, context {self.context}"
        if self.rows == self.context:
            size = f"{self.rows} positions"
        elif self.rows > 1:
            size += f", {self.rows} rows"
        return f"{size}, {self.q.shape[1]} on {self.kv_heads} heads of {self.q.shape[2]}, {self.where}"

    @property
    def moved(self) -> int:
        q_bytes, heads = self.q.numel() * self.q.itemsize, self.q.shape[1]
        k_bytes = self.batch * self.context * self.kv_heads * self.q.shape[2] * self.q.itemsize
        if self.kernel == "attention_row":
            return q_bytes + k_bytes + self.out.numel() * self.out.itemsize
        return 2 * q_bytes + 2 * k_bytes + 4 * self.q.shape[0] * heads

    @property
    def flops(self) -> int:
        each = 2 if self.kernel == "attention_row" else 4
        return each * self.q.shape[1] * self.q.shape[2] * self.pairs

    @property
    def outputs(self) -> tuple[Tensor, ...]:
        return (self.out,) if self.kernel == "attention_row" else (self.out, self.lse)

    def kv(self) -> KV:
        """K and V as the kernels take them."""
        from kernels.kv import ContiguousKV, PackedKV, PagedKV  # noqa: PLC0415 - Triton exists where these kernels run

        if self.where == "paged":
            return PagedKV(self.memory, self.tables)
        if self.where == "contiguous":
            return ContiguousKV.layers_of(self.memory.unbind(0))[0]
        first = torch.arange(self.batch, dtype=torch.int32, device=self.q.device) * self.context
        return PackedKV(self.memory[:, : self.kv_heads], self.memory[:, self.kv_heads :], first)

    def keys_values(self, sequence: int) -> Tensor:
        """K and V of one request, [2, kv_heads, context, head_dim]."""
        if self.where == "paged":
            found = self.memory[:, self.tables[sequence].long()].flatten(1, 2)[:, : self.context]
            return found.transpose(1, 2)
        if self.where == "contiguous":
            return self.memory[sequence, 0]
        mine = self.memory[sequence * self.context : (sequence + 1) * self.context]  # [context, 2 · kv_heads, head_dim]
        return torch.stack([mine[:, : self.kv_heads], mine[:, self.kv_heads :]]).transpose(1, 2)

    def ours(self) -> Run:
        q, kv, starts, lengths, rows = self.q, self.kv(), self.starts, self.lengths, self.rows
        if self.kernel == "prefill_attention":
            from kernels.prefill_attention import prefill_attention  # noqa: PLC0415 - Triton exists where this runs

            return lambda: prefill_attention(q, kv, starts, lengths, max_rows=rows, out=self.out, lse=self.lse)
        if self.kernel == "decode_attention":
            from kernels.decode_attention import decode_attention  # noqa: PLC0415

            return lambda: decode_attention(
                q, kv, starts, lengths, max_rows=rows, max_length=self.context, out=self.out, lse=self.lse
            )
        from kernels.attention_row import attention_row  # noqa: PLC0415

        return lambda: attention_row(
            q, kv, self.lse, starts, lengths, max_rows=rows, max_length=self.context, out=self.out
        )

    def peer(self) -> tuple[str, Run]:
        batch, rows, (_, heads, head_dim) = self.batch, self.rows, self.q.shape
        q = self.q.reshape(batch, rows, heads, head_dim).transpose(1, 2)  # [batch, heads, rows, head_dim]
        k, v = torch.stack([self.keys_values(one) for one in range(batch)], 1)  # [batch, kv_heads, T, head_dim]
        if self.kernel == "prefill_attention":
            return "scaled_dot_product_attention", lambda: functional.scaled_dot_product_attention(
                q, k, v, is_causal=True, enable_gqa=True
            )
        last = torch.arange(self.context - rows, self.context, device=q.device)[:, None]  # [rows, 1]
        seen = torch.arange(self.context, device=q.device) <= last  # [rows, T]
        if self.kernel == "decode_attention":
            mask = None if rows == 1 else seen

            def attend() -> Tensor:
                mixed = functional.scaled_dot_product_attention(q, k, v, mask, enable_gqa=True)
                return mixed.transpose(1, 2).reshape(batch * rows, heads, head_dim)

            return "scaled_dot_product_attention", attend
        lse = self.lse.view(batch, rows, heads, 1).transpose(1, 2)  # [batch, heads, rows, 1]

        def probabilities() -> Tensor:
            grouped = q.reshape(batch, self.kv_heads, -1, rows, head_dim)  # [batch, kv_heads, group, rows, head_dim]
            scores = (grouped @ k.unsqueeze(2).transpose(3, 4)).flatten(1, 2).float() * head_dim**-0.5
            probs = torch.where(seen, (scores - lse).exp(), 0.0)  # [batch, heads, rows, T]
            return probs.transpose(1, 2).flatten(0, 1).to(self.out.dtype)

        return "product, exp", probabilities


Random = Callable[..., Tensor]


def cases(sizes: Sizes, device: torch.device, dtype: torch.dtype, kernels: bool) -> Iterator[Case]:
    """Every problem with both ways to compute it; without `kernels` each size once, as the peers read one storage."""
    for problem in problems(sizes, device, dtype, every_storage=kernels):
        name, theirs = problem.peer()
        ours = problem.ours() if kernels else None
        yield Case(problem.kernel, problem.shape, problem.moved, problem.flops, ours, theirs, name)


def problems(
    sizes: Sizes, device: torch.device, dtype: torch.dtype, every_storage: bool = True, attention_only: bool = False
) -> Iterator[Problem]:
    """Every kernel at its sizes; problems are made one after another, so that only one needs memory at a time."""
    make = None if device.type == "meta" else torch.Generator(device=device).manual_seed(0)

    def random(*shape: int) -> Tensor:
        return torch.randn(*shape, device=device, dtype=dtype, generator=make)

    for rows in () if attention_only else sizes.rows:
        yield from row_problems(sizes, rows, random)
    for where in ("paged", "contiguous", "packed") if every_storage else ("packed",):
        yield attention(sizes, "prefill_attention", where, (1, sizes.prompt, sizes.prompt), random)
    for batch, context in sizes.decode:
        for rows in (1, sizes.verified):
            for where in ("paged", "contiguous") if every_storage else ("paged",):
                yield attention(sizes, "decode_attention", where, (batch, rows, context), random)
    probed = (1, 1, sizes.decode[0][1]), (1, min(PROBED_ROWS, sizes.prompt), sizes.prompt)
    for shape in probed:
        for where in ("paged", "packed") if every_storage else ("packed",):
            yield attention(sizes, "attention_row", where, shape, random)


def row_problems(sizes: Sizes, rows: int, random: Random) -> Iterator[Problem]:
    """Norms, rotation with the write to the cache, and SwiGLU over so many rows."""
    hidden, heads, kv_heads, head_dim = sizes.hidden, sizes.heads, sizes.kv_heads, sizes.head_dim
    x, delta, weight = random(rows, hidden), random(rows, hidden), random(hidden)
    yield Norm("rmsnorm", x, None, weight, torch.empty_like(x), None)
    yield Norm("rmsnorm + residual", x, delta, weight, torch.empty_like(x), torch.empty_like(x))
    del x, delta
    qkv = random(rows, heads + 2 * kv_heads, head_dim)
    turning = qkv[:, : heads + kv_heads]
    yield Norm("rmsnorm of heads", turning, None, random(heads + kv_heads, head_dim), torch.empty_like(turning), None)
    memory = random(2, rows, kv_heads, head_dim)
    frequency = 10_000.0 ** -torch.linspace(0, 1, head_dim // 2, device=qkv.device)
    angle = torch.arange(rows, device=qkv.device)[:, None, None] * frequency  # [rows, 1, head_dim / 2]
    slots = torch.randperm(rows, device=qkv.device)
    yield Rope(qkv, torch.polar(torch.ones_like(angle), angle), memory, slots, heads)
    del qkv, turning, memory
    wide = random(rows, 2 * sizes.ffn)
    yield Swiglu(wide, torch.empty_like(wide[:, : sizes.ffn]))


def attention(
    sizes: Sizes, kernel: str, where: str, batch_rows_context: tuple[int, int, int], random: Random
) -> Attention:
    """The last `rows` positions of each of `batch` requests over `context` positions, stored as `where` says."""
    batch, rows, context = batch_rows_context
    heads, kv_heads, head_dim = sizes.heads, sizes.kv_heads, sizes.head_dim
    qkv = random(batch * rows, heads + 2 * kv_heads, head_dim)
    q, device = qkv[:, :heads], qkv.device
    tables = torch.empty(0, dtype=torch.int32, device=device)
    if where == "paged":
        blocks = -(-context // BLOCK_SIZE)
        memory = random(2, batch * blocks, BLOCK_SIZE, kv_heads, head_dim)
        tables = torch.randperm(batch * blocks, device=device).to(torch.int32).view(batch, blocks)
    elif where == "contiguous":
        memory = random(batch, 1, 2, kv_heads, context, head_dim)
    else:  # the step's own rows; with fewer rows than context, a slice of a step that computed all
        memory = (qkv if rows == context else random(batch * context, heads + 2 * kv_heads, head_dim))[:, heads:]
    starts = torch.arange(batch + 1, dtype=torch.int32, device=device) * rows
    lengths = torch.full_like(starts[1:], context)
    out = torch.empty_like(q, memory_format=torch.contiguous_format)
    lse = torch.empty(q.shape[:2], dtype=torch.float32, device=device)
    if kernel == "attention_row":
        kept = torch.float32 if q.dtype == torch.float32 else torch.float16
        out = torch.empty(batch * rows, heads, context, dtype=kept, device=device)
        lse.fill_(math.log(context))  # any value is good enough to time it; the check sets the true ones
    return Attention(kernel, where, q, memory, tables, starts, lengths, rows, context, kv_heads, out, lse)
