"""Attention probabilities on a CPU against float64: every storage, odd sizes, shared heads, windows, threads."""

from __future__ import annotations

import random
from typing import Any

import pytest
import torch
from torch import Tensor

from kernels.cpu.attention_maps import attention_maps
from kernels.cpu.kv_places import block_place, region_place, row_place
from kernels.errors import KernelUnavailableError

HALF_STEP = 2.0**-11
"""Half of float16's last place, relative to a normal number."""
SMALLEST = 2.0**-25
"""Half of its smallest number."""
FLOAT32 = 1e-5
"""What sums in float32 and the exponential may differ by, relatively."""
DTYPES = (torch.float32, torch.bfloat16)


def expected(q: Tensor, k: Tensor, first: int, heads: range, window: int | None) -> Tensor:
    """float64 [n, len(heads), first + n] of q [n, heads, head_dim], k [kv_heads, first + n, head_dim]."""
    shared = k.double().repeat_interleave(q.shape[1] // k.shape[0], 0)
    scores = torch.einsum("rhd,htd->rht", q.double(), shared) * q.shape[2] ** -0.5
    positions, keys = torch.arange(first, first + len(q))[:, None, None], torch.arange(k.shape[1])
    hidden = keys > positions
    if window is not None:
        hidden |= keys <= positions - window
    return scores.masked_fill(hidden, -torch.inf).softmax(-1)[:, list(heads)]


def assert_close(maps: Tensor, right: Tensor) -> None:
    assert maps.dtype is torch.float16
    assert bool(((maps.double() - right).abs() <= right * (HALF_STEP + FLOAT32) + SMALLEST).all())
    assert bool((maps[right == 0] == 0).all())


def case(seed: int) -> dict[str, Any]:
    drawn = random.Random(seed)
    kv_heads, group = drawn.choice([(1, 1), (2, 2), (3, 3), (2, 7), (1, 30)])
    all_heads = kv_heads * group
    head = drawn.randrange(all_heads)
    return {
        "kv_heads": kv_heads,
        "all_heads": all_heads,
        "head_dim": drawn.choice([8, 20, 32, 64, 80, 128]),
        "heads": drawn.choice([range(all_heads), range(head, head + 1), range(head, all_heads)]),
        "rows": drawn.choice([1, 1, 2, 5, 33, 100]),
        "first": drawn.choice([0, 1, 62, 63, 64, 500, 1000]),
        "window": drawn.choice([None, None, 1, 7, 64, 200]),
        "dtype": drawn.choice(DTYPES),
        "storage": drawn.choice(["region", "blocks", "rows"]),
    }


@pytest.mark.parametrize("seed", range(60))
def test_probabilities(seed: int) -> None:
    """All that must not be read is NaN."""
    given = case(seed)
    generator = torch.Generator().manual_seed(seed)
    rows, first, kv_heads, head_dim, dtype = (given[n] for n in ("rows", "first", "kv_heads", "head_dim", "dtype"))
    end = first + rows
    q = torch.randn(rows, given["all_heads"], head_dim, generator=generator).to(dtype) * 3
    k = torch.randn(kv_heads, end, head_dim, generator=generator).to(dtype)
    if given["storage"] == "region":
        held = torch.full((3, 2, kv_heads, end + 5, head_dim), torch.nan, dtype=dtype)
        held[1, 0, :, :end] = k
        place = region_place(held, 1)
    elif given["storage"] == "blocks":
        size = 16
        table = torch.randperm(end // size + 4, generator=generator)[: end // size + 1].int()
        held = torch.full((2, end // size + 4, size, kv_heads, head_dim), torch.nan, dtype=dtype)
        for position in range(end):
            held[0, int(table[position // size]), position % size] = k[:, position]
        place = block_place(held, table.data_ptr())
    else:
        held = torch.full((end + 3, kv_heads, head_dim), torch.nan, dtype=dtype)
        held[3:] = k.transpose(0, 1)
        place = row_place(held, held, 3)
    maps = attention_maps(q, place, first, given["heads"], kv_heads, given["window"])
    assert_close(maps, expected(q, k, first, given["heads"], given["window"]))


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_number_of_threads_changes_no_bit(dtype: torch.dtype) -> None:
    q, k = torch.randn(300, 6, 64).to(dtype), torch.randn(300, 2, 64).to(dtype)
    threads, found = torch.get_num_threads(), []
    try:
        for number in (1, 2, 5):
            torch.set_num_threads(number)
            found.append(attention_maps(q, row_place(k, k, 0), 0, range(6), 2))
    finally:
        torch.set_num_threads(threads)
    assert torch.equal(found[0], found[1])
    assert torch.equal(found[0], found[2])
    assert_close(found[0], expected(q, k.transpose(0, 1), 0, range(6), None))


def test_a_probability_is_rounded_once_to_the_nearest() -> None:
    """Two keys, whose scores differ by so much that the second's probability takes every size there is."""
    for apart in torch.linspace(0, 20, 4001).tolist():
        k = torch.zeros(2, 1, 16)
        k[1, 0, 0] = -4 * apart
        q = torch.zeros(1, 1, 16)
        q[0, 0, 0] = 1
        maps = attention_maps(q, row_place(k, k, 0), 1, range(1), 1)
        right = expected(q, k.transpose(0, 1), 1, range(1), None)
        assert_close(maps, right)
        if (right.half() != maps).any():  # only where float32 puts it on the other side of the middle
            middle = (right.half().double() + maps.double()) / 2
            assert bool(((right - middle).abs() <= right * FLOAT32).all())


def test_what_is_not_a_number_stays_so() -> None:
    k = torch.randn(70, 1, 16)
    k[3] = torch.nan
    maps = attention_maps(torch.randn(1, 1, 16), row_place(k, k, 0), 69, range(1), 1)
    assert bool(maps.isnan().all())


def test_heads_and_dtypes_that_do_not_fit_are_refused() -> None:
    q, k = torch.randn(1, 6, 16), torch.randn(1, 2, 16)
    place = row_place(k, k, 0)
    for heads, kv_heads in ((range(7), 2), (range(0), 2), (range(6), 4), (range(0, 6, 2), 2)):
        with pytest.raises(ValueError, match="heads"):
            attention_maps(q, place, 0, heads, kv_heads)
    with pytest.raises(KernelUnavailableError, match="float16"):
        attention_maps(q.half(), place, 0, range(6), 2)
