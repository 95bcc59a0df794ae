"""The attention kernels against float64, over a grid of odd sizes: shared by the interpreter's tests and the GPU's."""

from __future__ import annotations

import random
from dataclasses import dataclass
from itertools import product
from typing import Final

import torch
from torch import Tensor

from kernels.attention_row import attention_row, attention_row_reference
from kernels.decode_attention import DecodeWorkspace, decode_attention
from kernels.kv import KV, ContiguousKV, PackedKV, PagedKV
from kernels.prefill_attention import Tiles, prefill_attention, prefill_reference

BOUNDS: Final = {torch.float32: 1e-5, torch.bfloat16: 1e-2}
"""Largest error allowed, as a share of the largest true value."""
SCORE_BOUNDS: Final = {torch.float32: 1e-5, torch.bfloat16: 1e-4}
"""The same for lse and probabilities: float32, of products that tensor cores add up with fewer bits."""


@dataclass(frozen=True)
class Case:
    """Sequences of (length, rows): the last `rows` of `length` positions are computed."""

    sequences: tuple[tuple[int, int], ...]
    heads: tuple[int, int] = (4, 2)
    head_dim: int = 64
    block_size: int = 16
    """0: contiguous; -1: packed (every row is computed, as without a cache)."""
    window: int | None = None
    dtype: torch.dtype = torch.float32
    splits: int | None = None

    def __str__(self) -> str:
        where = f"paged{self.block_size}" if self.block_size > 0 else ("contiguous", "packed")[self.block_size]
        sequences = "+".join(f"{length}x{rows}" for length, rows in self.sequences)
        heads = f"{self.heads[0]}on{self.heads[1]}"
        name = f"{sequences}-{heads}-d{self.head_dim}-{where}-{str(self.dtype).removeprefix('torch.')}"
        name += "" if self.window is None else f"-w{self.window}"
        return name + ("" if self.splits is None else f"-s{self.splits}")


@dataclass(frozen=True)
class Inputs:
    """What a case is made of, and the truth about it in float64."""

    q: Tensor
    kv: KV
    starts: Tensor
    lengths: Tensor
    sequences: list[tuple[Tensor, Tensor]]
    true_out: Tensor
    true_lse: Tensor


def make_inputs(case: Case, device: str, seed: int = 0) -> Inputs:
    """Random q, K and V; whatever no kernel may read is NaN, blocks lie in no order, q is a slice of a wider tensor."""
    generator = torch.Generator().manual_seed(seed)
    heads, kv_heads = case.heads

    def random(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator).to(case.dtype)

    starts = [0]
    for _, rows in case.sequences:
        starts.append(starts[-1] + rows)
    q = random(starts[-1], heads + 2 * kv_heads, case.head_dim)[:, :heads]
    memory = []  # of each sequence: K and V [2, kv_heads, length + 3, head_dim], NaN behind the end
    for length, _ in case.sequences:
        both = torch.full((2, kv_heads, length + 3, case.head_dim), torch.nan, dtype=case.dtype)
        both[:, :, :length] = random(2, kv_heads, length, case.head_dim)
        memory.append(both.to(device))
    sequences = [(both[0, :, :n], both[1, :, :n]) for both, (n, _) in zip(memory, case.sequences, strict=True)]
    wide = [(k.double().cpu(), v.double().cpu()) for k, v in sequences]
    true_out, true_lse = prefill_reference(q.double(), wide, starts, window=case.window)
    lengths = torch.tensor([length for length, _ in case.sequences], dtype=torch.int32, device=device)
    placed = torch.tensor(starts, dtype=torch.int32, device=device)
    kv: KV
    if case.block_size > 0:
        kv = paged(sequences, case.block_size, generator)
    elif case.block_size == 0:
        kv = ContiguousKV.of(*zip(*sequences, strict=True))
    else:
        kv = packed(sequences)
    on_device = q._base.to(device)[:, :heads] if q._base is not None else q.to(device)
    return Inputs(on_device, kv, placed, lengths, sequences, true_out, true_lse)


def paged(sequences: list[tuple[Tensor, Tensor]], size: int, generator: torch.Generator) -> PagedKV:
    """The same K and V in shuffled blocks; free slots are NaN, free table entries lie outside the pool."""
    first = sequences[0][0]
    needed = [-(-k.shape[1] // size) for k, _ in sequences]
    pool = first.new_full((2, sum(needed) + 2, size, first.shape[0], first.shape[2]), torch.nan)
    free = torch.randperm(pool.shape[1], generator=generator).tolist()
    tables = torch.full((len(sequences), max(needed) + 1), 2**30, dtype=torch.int32)
    for number, (k, v) in enumerate(sequences):
        for index in range(needed[number]):
            block = tables[number, index] = free.pop()
            part = slice(index * size, min((index + 1) * size, k.shape[1]))
            pool[0, block, : part.stop - part.start] = k[:, part].transpose(0, 1)
            pool[1, block, : part.stop - part.start] = v[:, part].transpose(0, 1)
    return PagedKV(pool, tables.to(first.device))


def packed(sequences: list[tuple[Tensor, Tensor]]) -> PackedKV:
    """The same K and V one behind another, side by side in one tensor as a projection leaves them, NaN around them."""
    k, v = (torch.cat([pair[which] for pair in sequences], 1).transpose(0, 1) for which in (0, 1))
    around = k.new_full((k.shape[0] + 4, 2 * k.shape[1] + 1, k.shape[2]), torch.nan)
    around[2:-2, : k.shape[1]], around[2:-2, k.shape[1] : -1] = k, v
    starts = torch.tensor([0, *(pair[0].shape[1] for pair in sequences)]).cumsum(0)[:-1] + 2
    heads = slice(0, k.shape[1]), slice(k.shape[1], -1)
    return PackedKV(around[:, heads[0]], around[:, heads[1]], starts.int().to(k.device))


def check(case: Case, device: str, kernel: str, tiles: Tiles | None = None) -> None:
    """Run `kernel` ("prefill" or "decode") and the row kernel after it; outputs are poisoned before."""
    inputs = make_inputs(case, device)
    q = inputs.q
    bound = BOUNDS[case.dtype]
    out = torch.full(q.shape, torch.nan, dtype=q.dtype, device=device)
    lse = torch.full(q.shape[:2], torch.nan, device=device)
    max_rows, max_length = max(rows for _, rows in case.sequences), max(length for length, _ in case.sequences)
    if kernel == "prefill":
        got = prefill_attention(
            q, inputs.kv, inputs.starts, inputs.lengths, max_rows=max_rows, window=case.window, out=out, lse=lse,
            tiles=tiles,
        )  # fmt: skip
    else:
        workspace = DecodeWorkspace.of(case.splits or 64, q)
        workspace.o.fill_(torch.nan)
        workspace.lse.fill_(torch.nan)
        got = decode_attention(
            q, inputs.kv, inputs.starts, inputs.lengths, max_rows=max_rows, max_length=max_length, window=case.window,
            out=out, lse=lse, splits=case.splits, workspace=workspace, tiles=tiles,
        )  # fmt: skip
    assert got is out
    assert relative(out, inputs.true_out) <= bound
    seen = inputs.true_lse > -torch.inf
    assert torch.equal(lse.cpu() > -torch.inf, seen)
    assert not bool(lse.isnan().any())
    if bool(seen.any()):
        assert relative(lse.cpu()[seen], inputs.true_lse[seen]) <= SCORE_BOUNDS[case.dtype]
    check_row(case, inputs, lse, max_rows, max_length)


def check_row(case: Case, inputs: Inputs, lse: Tensor, max_rows: int, max_length: int) -> None:
    """Probabilities of the last two heads, from the lse that the kernel left."""
    heads = range(max(0, case.heads[0] - 2), case.heads[0])
    probs = torch.full((inputs.q.shape[0], len(heads), max_length), torch.nan, device=inputs.q.device)
    attention_row(
        inputs.q, inputs.kv, lse, inputs.starts, inputs.lengths, max_rows=max_rows, max_length=max_length, heads=heads,
        window=case.window, out=probs,
    )  # fmt: skip
    true = attention_row_reference(
        inputs.q.double().cpu(), [k.double().cpu() for k, _ in inputs.sequences], inputs.true_lse,
        inputs.starts.tolist(), max_length, heads, window=case.window,
    )  # fmt: skip
    assert relative(probs, true) <= SCORE_BOUNDS[case.dtype]
    sums = probs.double().cpu().sum(-1)
    assert torch.allclose(
        sums, torch.isfinite(inputs.true_lse[:, heads.start :]).double(), atol=SCORE_BOUNDS[case.dtype]
    )


def relative(got: Tensor, true: Tensor) -> float:
    """The largest error as a share of the largest true value (NaN fails every comparison)."""
    return float((got.double().cpu() - true).abs().max() / true.abs().max().clamp_min(1e-30))


def batch_of(count: int, length: int, rows: int) -> tuple[tuple[int, int], ...]:
    """`count` sequences, the others of other lengths than the first; where there are many, the third is empty."""
    others = [(max(1, length // 2), 1), (0, 1), (length + 5, min(rows, 2))]
    return ((length, rows), *(others[index % 3] for index in range(count - 1)))


HEADS: Final = ((4, 2), (3, 1), (4, 4), (8, 1))
HEAD_DIMS: Final = (64, 80, 96, 128, 256, 24, 33)
LENGTHS: Final = (1, 15, 16, 17, 63, 64, 65, 129)
BATCHES: Final = (1, 3, 17)
BLOCK_SIZES: Final = (16, 0, -1, 5, 1)


def prefill_grid() -> list[Case]:
    """Every length with every head_dim and dtype; heads, storage, window and batch are drawn, the same ones each time.

    Nearly each case is compiled for itself on a GPU, so not every product is there.
    """
    draw = random.Random(1)
    cases = []
    for length, head_dim, dtype in product(LENGTHS, HEAD_DIMS, BOUNDS):
        batch, window = draw.choice(BATCHES), draw.choice((None, None, 1, 7, 40))
        rows = max(1, length - draw.choice((0, 7)))  # some continue what was computed before
        where = draw.choice(BLOCK_SIZES)
        cases.append(Case(batch_of(batch, length, rows), draw.choice(HEADS), head_dim, where, window, dtype))
    return cases


def decode_grid() -> list[Case]:
    """One row and verification's rows, one split and many (some of them empty)."""
    draw = random.Random(2)
    cases = []
    for length, head_dim, dtype, rows in product((*LENGTHS, 700), HEAD_DIMS, BOUNDS, (1, 5)):
        sequences = batch_of(draw.choice(BATCHES), length, min(rows, length))
        window, splits = draw.choice((None, None, 3, 40)), draw.choice((None, 1, 2, 5, 16))
        where = draw.choice(BLOCK_SIZES)
        cases.append(Case(sequences, draw.choice(HEADS), head_dim, where, window, dtype, splits))
    return cases
