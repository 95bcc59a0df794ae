"""Attention of a batch on a CPU against float64: every storage, odd sizes, splits, windows, any number of threads."""

from __future__ import annotations

import ctypes
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import pytest
import torch
from torch import Tensor

from kernels.cpu import library
from kernels.cpu.attention import (
    BatchAttention,
    Shape,
    attention_reference,
)
from kernels.cpu.kv_places import PLACE, block_places, region_places, row_places
from kernels.errors import KernelUnavailableError
from tests.kernels.step_cases import BOUNDS, assert_close

PLAIN: Final = Shape(4, 2, 64, torch.float32)
HEAD_DIMS: Final = (8, 20, 32, 64, 80, 96, 128, 256)
HEADS: Final = ((1, 1), (3, 1), (4, 2), (8, 8), (9, 3), (14, 2), (16, 1), (100, 1))
SPLITS: Final = (1, 2, 63, 64, 65, 511, 512, 513, 1024, 1025, 1536)
"""Contexts around the ends of tiles and splits."""
BESIDE: Final = 5
"""Rows between spans that belong to none."""


@dataclass(frozen=True)
class Case:
    """Spans of (position of the first row, rows); `blocks` 0: a memory each, -1: the rows of the batch themselves."""

    spans: tuple[tuple[int, int], ...]
    shape: Shape = PLAIN
    blocks: int = 0
    window: int | None = None


@dataclass(frozen=True)
class Inputs:
    """What a case is made of: all that must not be read is NaN."""

    q: Tensor
    places: Tensor
    spans: tuple[tuple[int, int, int], ...]
    keys_values: tuple[Tensor, ...]
    """Of each span, [2, kv_heads, length, head_dim]."""
    kept: tuple[Tensor, ...]


def make(case: Case, seed: int = 0) -> Inputs:
    generator = torch.Generator().manual_seed(seed)
    shape = case.shape

    def drawn(*sizes: int) -> Tensor:
        return torch.randn(*sizes, generator=generator).to(shape.dtype)

    spans, rows = [], 0
    for first, count in case.spans:
        spans.append((rows, count, first))
        rows += count + BESIDE
    qkv = drawn(rows, shape.heads + 2 * shape.kv_heads, shape.head_dim)
    q, k, v = qkv.split([shape.heads, shape.kv_heads, shape.kv_heads], 1)
    if case.blocks < 0:
        held = tuple(
            torch.stack([k[row : row + count], v[row : row + count]]).transpose(1, 2) for row, count, _ in spans
        )
        return Inputs(q, row_places(k, v, [row for row, _, _ in spans]), tuple(spans), held, (qkv,))
    held = tuple(drawn(2, shape.kv_heads, first + count, shape.head_dim) for first, count in case.spans)
    if not case.blocks:
        memories = [torch.full((3, 2, shape.kv_heads, kv.shape[2] + 3, shape.head_dim), torch.nan) for kv in held]
        memories = [memory.to(shape.dtype) for memory in memories]
        for memory, kv in zip(memories, held, strict=True):
            memory[1, :, :, : kv.shape[2]] = kv
        places = region_places(memories)
        places[:, 0] += 2 * places[:, 1]  # of layer 1
        return Inputs(q, places, tuple(spans), held, tuple(memories))
    size = case.blocks
    width = max(-(-kv.shape[2] // size) for kv in held)
    tables = torch.randperm(len(held) * width, generator=generator).view(len(held), width) + 1
    pool = torch.full((2, len(held) * width + 1, size, shape.kv_heads, shape.head_dim), torch.nan).to(shape.dtype)
    for table, kv in zip(tables, held, strict=True):
        for position in range(kv.shape[2]):
            pool[:, table[position // size], position % size] = kv[:, :, position]
    numbers = tables.int()
    return Inputs(q, block_places(pool, numbers), tuple(spans), held, (pool, numbers))


def check(case: Case, seed: int = 0) -> Tensor:
    """Every span is right, and rows of no span are not written; returns the result."""
    inputs = make(case, seed)
    got = BatchAttention(inputs.spans, case.shape)(inputs.q, inputs.places, case.window)
    assert got.dtype == case.shape.dtype
    left = torch.ones(len(got), dtype=torch.bool)
    for (row, count, _), kv in zip(inputs.spans, inputs.keys_values, strict=True):
        rows = slice(row, row + count)
        left[rows] = False
        true = attention_reference(inputs.q[rows].double(), *kv.double(), case.window)
        assert_close(got[rows], true, case.shape.dtype)
    assert got[left].isnan().all()
    return got


@pytest.mark.parametrize("dtype", BOUNDS, ids=str)
@pytest.mark.parametrize("head_dim", HEAD_DIMS)
def test_every_width_and_group(head_dim: int, dtype: torch.dtype) -> None:
    for heads, kv_heads in HEADS:
        for blocks in (0, -1, 16):
            spans = ((0, 5), (0, 70)) if blocks < 0 else ((69, 1), (0, 37), (30, 4), (0, 1))
            check(Case(spans, Shape(heads, kv_heads, head_dim, dtype), blocks))


@pytest.mark.parametrize("blocks", [0, 1, 16, 48])
@pytest.mark.parametrize("rows", [1, 2, 5, 17])
def test_contexts_around_the_ends_of_tiles_and_splits(rows: int, blocks: int) -> None:
    spans = tuple((max(0, length - rows), rows) for length in SPLITS)
    for dtype in BOUNDS:
        check(Case(spans, Shape(6, 2, 32, dtype), blocks))


@pytest.mark.parametrize("dtype", BOUNDS, ids=str)
def test_a_long_prompt_after_a_long_prefix_is_split_between_chunks(dtype: torch.dtype) -> None:
    check(Case(((2500, 130), (9000, 33)), Shape(3, 1, 32, dtype), 16))
    check(Case(((0, 300),), Shape(2, 2, 64, dtype)))


@pytest.mark.parametrize("window", [1, 2, 63, 64, 65, 100, 600, 4000])
def test_a_window_hides_what_is_before_it(window: int) -> None:
    for blocks in (0, 16):
        check(Case(((0, 150), (700, 1), (300, 7), (1300, 40)), Shape(6, 2, 24, torch.float32), blocks, window))


def test_a_window_of_one_position_gives_its_value() -> None:
    case = Case(((10, 1), (0, 40)), window=1)
    inputs, got = make(case), check(case)
    for (row, count, first), kv in zip(inputs.spans, inputs.keys_values, strict=True):
        assert torch.equal(got[row : row + count], kv[1, :, first:].transpose(0, 1).repeat_interleave(2, 1))


def test_thousands_of_blocks_of_one_position() -> None:
    check(Case(((4321, 1), (3000, 3)), Shape(2, 1, 16, torch.bfloat16), 1))


@pytest.mark.parametrize("seed", range(20))
def test_any_batch_on_any_number_of_threads_and_alone(seed: int) -> None:
    rng = random.Random(seed)
    heads, kv_heads = rng.choice(HEADS)
    count = rng.randint(1, 5)
    spans = tuple((rng.choice([0, 0, 3, 64, 500, 1100]), rng.choice([1, 1, 2, 9, 33, 120])) for _ in range(count))
    shape = Shape(heads, kv_heads, rng.choice(HEAD_DIMS[:5]), rng.choice(list(BOUNDS)))
    case = Case(spans, shape, rng.choice([0, 3, 16]), rng.choice([None, None, 5, 90, 700]))
    torch.set_num_threads(1)
    got = check(case, seed)
    inputs = make(case, seed)
    torch.set_num_threads(3)
    together = BatchAttention(inputs.spans, case.shape)
    for _ in range(3):
        assert torch.equal(together(inputs.q, inputs.places, case.window).nan_to_num(9), got.nan_to_num(9))
    for number, (row, count, first) in enumerate(inputs.spans):
        alone = BatchAttention([(0, count, first)], case.shape)
        rows = slice(row, row + count)
        assert torch.equal(alone(inputs.q[rows], inputs.places[number : number + 1], case.window), got[rows])


def test_chunks_may_be_computed_twice_and_committed_in_any_order() -> None:
    case = Case(((2000, 1), (0, 100), (1600, 30)), Shape(6, 2, 32, torch.float32))
    inputs, true = make(case), check(case)
    batch = BatchAttention(inputs.spans, case.shape)
    out = batch(inputs.q, inputs.places)
    work, (plan, partials) = batch._work(None)
    work.q, work.q_stride = inputs.q.data_ptr(), inputs.q.stride(0)
    work.mixed, work.places = out.data_ptr(), inputs.places.data_ptr()
    functions = ctypes.CDLL(library.library()._name)
    functions.attention_compute.argtypes = functions.attention_commit.argtypes = [
        ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p,
    ]  # fmt: skip
    chunks, own_bytes, _ = plan.view(torch.int64)[:3].tolist()
    for seed in range(3):
        out.fill_(torch.nan)
        order = list(range(chunks))
        random.Random(seed).shuffle(order)
        for chunk in order:
            own = torch.full((own_bytes // 4,), torch.nan)
            for _ in range(2):
                functions.attention_compute(ctypes.addressof(work), chunk, own.data_ptr())
            functions.attention_commit(ctypes.addressof(work), chunk, own.data_ptr())
        assert torch.equal(out.nan_to_num(9), true.nan_to_num(9))
    assert partials.numel() > 0


def test_great_scores_and_equal_ones() -> None:
    for size in (0.0, 1e3, 1e5):
        shape = Shape(4, 2, 32, torch.float32)
        inputs = make(Case(((600, 1), (0, 70)), shape))
        q = inputs.q * size
        got = BatchAttention(inputs.spans, shape)(q, inputs.places)
        for (row, count, _), kv in zip(inputs.spans, inputs.keys_values, strict=True):
            rows = slice(row, row + count)
            true = attention_reference(q[rows].double(), *kv.double())
            # the products' rounding, which the exponent magnifies
            assert bool((got[rows] - true).abs().max() <= 1e-5 + 1e-6 * size)


def refused(call: BatchAttention, q: Tensor, places: Tensor, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        call(q, places)


def test_what_does_not_fit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    inputs = make(Case(((3, 2),)))
    call, good = BatchAttention(inputs.spans, PLAIN), inputs.places
    for wrong in (inputs.q[:1], inputs.q[:, :3], inputs.q[..., :32], inputs.q.bfloat16()):
        refused(call, wrong, inputs.places, "does not fit 2 rows of")
    for places in (good.int(), good[:, :6], good.repeat(2, 1), good.repeat(1, 2)[:, ::2]):
        refused(call, inputs.q, places, "must be contiguous int64")
    with pytest.raises(ValueError, match="4 heads cannot share 3"):
        BatchAttention(inputs.spans, replace(PLAIN, kv_heads=3))
    with pytest.raises(ValueError, match="the same strides"):
        row_places(torch.zeros(3, 2, 8), torch.zeros(3, 2, 16)[..., :8], [0])
    with pytest.raises(KernelUnavailableError, match=r"not written for torch\.float16"):
        BatchAttention(inputs.spans, replace(PLAIN, dtype=torch.float16))
    monkeypatch.setattr(library, "unavailable", lambda: "There is no C compiler.")
    with pytest.raises(KernelUnavailableError, match="There is no C compiler"):
        BatchAttention(inputs.spans, PLAIN)


def test_q_of_any_strides_is_read() -> None:
    inputs = make(Case(((70, 3),)))
    call = BatchAttention(inputs.spans, PLAIN)
    plain = call(inputs.q.contiguous(), inputs.places)
    turned = inputs.q.transpose(1, 2).contiguous().transpose(1, 2)
    for q in (inputs.q, turned):
        assert torch.equal(call(q, inputs.places).nan_to_num(9), plain.nan_to_num(9))


def empty(spans: Sequence[tuple[int, int, int]]) -> Tensor:
    call = BatchAttention(spans, PLAIN)
    return call(torch.zeros(2, 4, 64), torch.zeros(len(spans), PLACE, dtype=torch.int64))


def test_a_batch_without_rows_computes_nothing() -> None:
    assert empty([]).isnan().all()
    assert empty([(0, 0, 7), (1, 0, 0)]).isnan().all()
