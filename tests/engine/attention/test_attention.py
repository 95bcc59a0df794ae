"""All back ends compute the formula: grouped heads, windows, chunks, several requests, and they name their kernel."""

from __future__ import annotations

from dataclasses import replace

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from engine.attention.build import make_attention
from engine.attention.reference import causal_mask, reference_attention
from engine.cache.build import make_cache
from engine.core.batch import Batch
from engine.core.kv_cache import commit_batch
from engine.core.settings import Switches
from engine.model.config import ModelConfig
from tests.engine.attentions import ATTENTIONS

CONFIG = ModelConfig("x", 1, 32, 6, 2, 8, 8, 50, 128)


def by_hand(q: Tensor, k: Tensor, v: Tensor, first: int, window: int | None) -> Tensor:
    """One row, one head at a time, in float64: q [n, heads, d], k and v [kv_heads, T, d]."""
    out = torch.empty_like(q)
    group = q.shape[1] // k.shape[0]
    for row in range(q.shape[0]):
        end = first + row + 1
        start = 0 if window is None else max(0, end - window)
        for head in range(q.shape[1]):
            keys, values = k[head // group, start:end].double(), v[head // group, start:end].double()
            weights = torch.softmax(keys @ q[row, head].double() * q.shape[2] ** -0.5, 0)
            out[row, head] = (weights @ values).to(q.dtype)
    return out


def test_the_mask_shows_the_past_within_the_window() -> None:
    assert causal_mask(2, 4, None, torch.device("cpu")).tolist() == [[True] * 3 + [False], [True] * 4]
    assert causal_mask(2, 4, 2, torch.device("cpu")).int().tolist() == [[0, 1, 1, 0], [0, 0, 1, 1]]


def test_reference_is_the_formula() -> None:
    torch.manual_seed(0)
    q, k, v = torch.randn(3, 6, 8), torch.randn(2, 7, 8), torch.randn(2, 7, 8)
    for window in (None, 1, 3, 7):
        assert torch.allclose(reference_attention(q, k, v, window), by_hand(q, k, v, 4, window), atol=1e-6)


@settings(max_examples=60)
@given(
    lengths=st.lists(st.tuples(st.integers(0, 9), st.integers(1, 6)), min_size=1, max_size=4),
    window=st.none() | st.integers(1, 12),
    name=st.sampled_from([*ATTENTIONS, "triton"]),
    kv=st.sampled_from(["contiguous", "paged"]),
    kv_heads=st.sampled_from([1, 2, 3, 6]),
    seed=st.integers(0, 99),
)
def test_any_batch_is_the_formula(
    lengths: list[tuple[int, int]], window: int | None, name: str, kv: str, kv_heads: int, seed: int
) -> None:
    torch.manual_seed(seed)
    config = replace(CONFIG, kv_heads=kv_heads, sliding_window=window, window_layers=(0,))
    cache = make_cache(Switches().changed(kv=kv, block_size=4), config, torch.device("cpu"), torch.float32)
    attention = make_attention(name, config)
    history = [torch.randn(2, first, kv_heads, 8) for first, _ in lengths]
    new = [torch.randn(2, count, kv_heads, 8) for _, count in lengths]
    for number, (first, count) in enumerate(lengths):
        cache.admit(number, first + count)
    for part, parts in ((history, [(n, 0, [0] * f) for n, (f, _) in enumerate(lengths) if f]),
                        (new, [(n, f, [0] * c) for n, (f, c) in enumerate(lengths)])):  # fmt: skip
        if parts:
            batch = Batch.of(parts)
            kv = cache.begin(batch)
            k, v = torch.cat([part[number] for number, _, _ in parts], 1)
            kv.write(0, k, v)
            commit_batch(cache, batch)
    q = torch.randn(batch.token_ids.shape[0], 6, 8)
    out = attention(q, kv, 0, batch)
    assert out.shape == q.shape
    for span in batch.spans:
        k, v = torch.cat([history[span.request_id], new[span.request_id]], 1).transpose(1, 2)
        assert torch.allclose(out[span.rows], by_hand(q[span.rows], k, v, span.first, window), atol=1e-5)


def test_each_names_the_kernel_that_ran() -> None:
    cache = make_cache(Switches(kv="none"), CONFIG, torch.device("cpu"), torch.float32)
    batch = Batch.of([(0, 0, [1, 2, 3])])
    kv = cache.begin(batch)
    kv.write(0, torch.randn(3, 2, 8), torch.randn(3, 2, 8))
    reference, sdpa = make_attention("reference"), make_attention("sdpa")
    for attention in (reference, sdpa):
        attention(torch.randn(3, 6, 8), kv, 0, batch)
    assert reference.kernel == "reference"
    assert sdpa.kernel in ("sdpa:flash", "sdpa:math")
    assert (reference.name, sdpa.name) == ("reference", "sdpa")
