"""Whatever the cache: what was written is what is read, bytes are those of the formula, and limits hold."""

from __future__ import annotations

import math
import os
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from engine.cache.build import make_cache
from engine.cache.paged import PagedCache
from engine.core.batch import Batch
from engine.core.kv_cache import KVCache, OutOfKvMemory, commit_batch
from engine.core.positions import PADDING_REQUEST
from engine.core.settings import Switches
from engine.model.config import ModelConfig

LAYERS, KV_HEADS, HEAD_DIM = 3, 2, 4
CONFIG = ModelConfig("x", LAYERS, 16, 4, KV_HEADS, HEAD_DIM, 8, 50, 128)
FORMULA = 2 * KV_HEADS * HEAD_DIM * 4  # bytes of one position in one layer
HELD = ("contiguous", "paged")


def cache_of(kv: str, **switches: Any) -> KVCache:
    return make_cache(Switches().changed(kv=kv, block_size=4, **switches), CONFIG, torch.device("cpu"), torch.float32)


def rows_of(layer: int, parts: list[tuple[int, int, list[int]]], sign: int) -> Tensor:
    """K (sign 1) or V (sign -1) that tell layer, request, index and token apart, [P, kv_heads, head_dim]."""
    values = [
        sign * (layer * 1e6 + (request + 2) * 1e4 + index * 100 + token)
        for request, first, tokens in parts
        for index, token in enumerate(tokens, first)
    ]
    return torch.tensor(values)[:, None, None] + torch.arange(KV_HEADS * HEAD_DIM).view(KV_HEADS, HEAD_DIM) / 16


def compute(cache: KVCache, parts: list[tuple[int, int, list[int]]]) -> None:
    """One pass over the parts, checking in every layer that each span can read all of its indices."""
    batch = Batch.of(parts)
    kv = cache.begin(batch)
    for layer in range(LAYERS):
        kv.write(layer, rows_of(layer, parts, 1), rows_of(layer, parts, -1))
        for span in batch.spans:
            k, v = kv.keys_values(layer, span)
            assert k.shape == v.shape == (KV_HEADS, k.shape[1], HEAD_DIM)
            assert torch.equal(k[:, -span.length :], rows_of(layer, parts, 1)[span.rows].transpose(0, 1))
            assert torch.equal(v[:, -span.length :], rows_of(layer, parts, -1)[span.rows].transpose(0, 1))
            assert k.shape[1] == (span.length if span.request_id == PADDING_REQUEST else span.end)
    commit_batch(cache, batch)


def held(cache: KVCache, request: int, layer: int, length: int) -> Tensor:
    """K of a request's first `length` indices, read by computing one more."""
    batch = Batch.of([(request, length, [0])])
    kv = cache.begin(batch)
    for each in range(layer + 1):
        part = [(request, length, [0])]
        kv.write(each, rows_of(each, part, 1), rows_of(each, part, -1))
    k, _ = kv.keys_values(layer, batch.spans[0])
    return k[:, :length].clone()


def test_no_cache_holds_nothing() -> None:
    cache = cache_of("none")
    cache.admit(0, 20)
    compute(cache, [(0, 0, [1, 2, 3]), (PADDING_REQUEST, 0, [0, 0]), (1, 0, [4])])
    assert cache.length(0) == 0
    assert cache.layer_bytes() == [(0, 0)] * LAYERS
    assert (cache.evictable_bytes, cache.drain_events()) == (0, [])


@pytest.mark.parametrize("kv", HELD)
def test_bytes_are_those_of_the_formula_layer_by_layer(kv: str) -> None:
    cache = cache_of(kv)
    for request in (0, 1):
        cache.admit(request, 20)
    compute(cache, [(0, 0, [1, 2, 3, 4, 5])])
    for length in range(6, 12):
        used, reserved = zip(*cache.layer_bytes(), strict=True)
        assert used == (FORMULA * (length - 1),) * LAYERS
        assert all(u <= r for u, r in zip(used, reserved, strict=True))
        compute(cache, [(0, length - 1, [7])])
    compute(cache, [(0, 11, [1]), (PADDING_REQUEST, 0, [0, 0]), (1, 0, [9, 9])])
    assert [used for used, _ in cache.layer_bytes()] == [FORMULA * 14] * LAYERS
    cache.truncate(0, 5)
    assert [used for used, _ in cache.layer_bytes()] == [FORMULA * 7] * LAYERS
    cache.free(0)
    cache.free(1)
    assert [used for used, _ in cache.layer_bytes()] == [0] * LAYERS
    assert (cache.length(0), cache.length(1)) == (0, 0)


def test_contiguous_reserves_all_at_once_and_gives_it_back() -> None:
    cache = cache_of("contiguous")
    cache.admit(0, 20)
    assert cache.layer_bytes() == [(0, 20 * FORMULA)] * LAYERS
    cache.admit(1, 5)
    cache.free(0)
    assert cache.layer_bytes() == [(0, 5 * FORMULA)] * LAYERS


def test_paged_reserves_little_more_than_it_holds() -> None:
    cache = cache_of("paged")
    cache.admit(0, 1000)
    assert cache.layer_bytes() == [(0, 0)] * LAYERS
    compute(cache, [(0, 0, list(range(100)))])
    [(used, reserved), *_] = cache.layer_bytes()
    assert used == 100 * FORMULA
    assert reserved <= 1.3 * used


@pytest.mark.skipif(os.name != "posix", reason="address space counts as memory here")
def test_a_paged_pool_takes_memory_as_it_is_written_and_never_moves() -> None:
    """Moving some GB held up a step for a second."""
    cache = cache_of("paged")
    assert isinstance(cache, PagedCache)
    places = [cache.blocks_of(layer).data_ptr() for layer in range(LAYERS)]
    for request in range(50):
        cache.admit(request, 40)
        compute(cache, [(request, 0, [request % 50] * 33)])
    assert [cache.blocks_of(layer).data_ptr() for layer in range(LAYERS)] == places
    (used, reserved), *_ = cache.layer_bytes()
    assert used == 50 * 33 * FORMULA
    assert 50 * 36 * FORMULA <= reserved <= 1.25 * 50 * 36 * FORMULA


def test_a_paged_pool_moves_where_the_system_promises_no_more_memory_than_it_has(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    give = Tensor.new_empty

    def refuse(of: Tensor, *shape: int) -> Tensor:
        if math.prod(shape) > 2**20:
            raise RuntimeError("not enough memory")
        return give(of, *shape)

    monkeypatch.setattr(Tensor, "new_empty", refuse)
    cache = cache_of("paged")
    assert isinstance(cache, PagedCache)
    places = cache.blocks_of(0).data_ptr()
    for request in range(50):
        cache.admit(request, 40)
        compute(cache, [(request, 0, [request % 50] * 33)])
    assert cache.blocks_of(0).data_ptr() != places
    for request in range(50):
        assert torch.equal(
            held(cache, request, 1, 33), rows_of(1, [(request, 0, [request % 50] * 33)], 1).transpose(0, 1)
        )


def test_contiguous_refuses_what_passes_its_limit() -> None:
    cache = cache_of("contiguous", kv_memory=30 * FORMULA * LAYERS)
    cache.admit(0, 20)
    with pytest.raises(OutOfKvMemory, match="11 positions need 2112 bytes, and 1920 of 5760 are free"):
        cache.admit(1, 11)
    cache.admit(1, 10)


def test_paged_refuses_what_can_never_fit_and_what_does_not_fit_now() -> None:
    cache = cache_of("paged", kv_memory=12 * FORMULA * LAYERS)
    with pytest.raises(OutOfKvMemory, match="13 positions need 3072 bytes, and the limit is 2304"):
        cache.admit(0, 13)
    cache.admit(0, 12, [1] * 7)
    compute(cache, [(0, 0, [1] * 8)])
    with pytest.raises(OutOfKvMemory, match="no room for 4 tokens"):
        cache.admit(1, 8, [2] * 4)
    cache.admit(1, 8, [2] * 3)
    compute(cache, [(1, 0, [2] * 4)])
    with pytest.raises(OutOfKvMemory, match="needs 1 more blocks, and 0 are left"):
        compute(cache, [(1, 4, [2])])
    assert (cache.length(0), cache.length(1)) == (8, 4)
    assert cache.layer_bytes() == [(12 * FORMULA, 12 * FORMULA)] * LAYERS
    cache.free(0)
    compute(cache, [(1, 4, [2])])
    assert cache.length(1) == 5


def test_64_requests_hold_a_common_prefix_of_512_tokens_once() -> None:
    cache = cache_of("paged")
    prompt = [index % 50 for index in range(512)]
    cache.admit(0, 520, [*prompt, 0])
    compute(cache, [(0, 0, [*prompt, 0])])
    for request in range(1, 64):
        cache.admit(request, 520, [*prompt, request % 50])
        assert cache.length(request) == 512
    events = cache.drain_events()
    assert len([event for event in events if event.event == "share"]) == 63 * 128
    compute_parts = [(request, 512, [request % 50]) for request in range(1, 64)]
    batch = Batch.of(compute_parts)
    kv = cache.begin(batch)
    for layer in range(LAYERS):
        kv.write(layer, rows_of(layer, compute_parts, 1), rows_of(layer, compute_parts, -1))
    commit_batch(cache, batch)
    assert [used for used, _ in cache.layer_bytes()] == [FORMULA * (512 + 64)] * LAYERS
    k, _ = kv.keys_values(2, batch.spans[40])
    assert torch.equal(k[:, :512], rows_of(2, [(0, 0, prompt)], 1).transpose(0, 1))


def test_what_is_kept_for_reuse_is_told_apart_from_what_is_used() -> None:
    cache = cache_of("paged", kv_memory=16 * FORMULA * LAYERS)
    cache.admit(0, 12, [1])
    compute(cache, [(0, 0, list(range(10)))])
    cache.free(0)
    assert cache.evictable_bytes == 8 * FORMULA * LAYERS  # two full blocks; the third held two positions
    assert [used for used, _ in cache.layer_bytes()] == [0] * LAYERS
    cache.admit(1, 12, list(range(10)))
    assert cache.length(1) == 8
    assert cache.evictable_bytes == 0
    assert torch.equal(held(cache, 1, 2, 8), rows_of(2, [(0, 0, list(range(8)))], 1).transpose(0, 1))


@settings(max_examples=60)
@given(data=st.data(), kv=st.sampled_from(HELD))
def test_whatever_happens_each_request_reads_what_it_wrote(data: st.DataObject, kv: str) -> None:
    """Random steps over three requests: chunks, drafts rolled back, leaving and coming again with the same tokens."""
    cache = cache_of(kv)
    texts: dict[int, list[int]] = {}
    for number in range(3):
        cache.admit(number, 60)
        texts[number] = []
    fresh = 3
    for _ in range(data.draw(st.integers(1, 12))):
        chosen = data.draw(st.lists(st.sampled_from(sorted(texts)), min_size=1, max_size=3, unique=True))
        parts = []
        for number in chosen:
            new = data.draw(st.lists(st.integers(0, 9), min_size=1, max_size=6))
            if len(texts[number]) + len(new) < 60:
                parts.append((number, len(texts[number]), new))
                texts[number] += new
        if parts:
            compute(cache, [*parts, (PADDING_REQUEST, 0, [0])] if data.draw(st.booleans()) else parts)
        for number in chosen:
            if data.draw(st.booleans()):
                cache.truncate(number, data.draw(st.integers(0, len(texts[number]))))
                del texts[number][cache.length(number) :]
        assert {number: cache.length(number) for number in texts} == {n: len(text) for n, text in texts.items()}
        if data.draw(st.integers(0, 3)) == 0:
            leaver = chosen[0]
            cache.free(leaver)
            texts.pop(leaver)
            cache.admit(fresh, 60)
            texts[fresh] = []
            fresh += 1
    for number, text in texts.items():
        expected = rows_of(1, [(number, 0, text)], 1).transpose(0, 1)
        assert torch.equal(held(cache, number, 1, len(text)), expected)


@pytest.mark.parametrize("kind", ["contiguous", "paged"])
def test_nothing_is_held_before_it_is_committed(kind: str) -> None:
    cache = cache_of(kind)
    cache.admit(0, 8)
    parts = [(0, 0, [1, 2, 3, 4, 5])]
    kv = cache.begin(Batch.of(parts))
    for layer in range(LAYERS):
        kv.write(layer, rows_of(layer, parts, 1), rows_of(layer, parts, -1))
    assert cache.length(0) == 0
    assert cache.layer_bytes()[0][0] == 0
    cache.commit(0, [1, 2, 3, 4, 5])
    assert cache.length(0) == 5
    assert cache.layer_bytes()[0][0] == 5 * FORMULA


@pytest.mark.parametrize("kind", ["contiguous", "paged"])
def test_a_span_after_what_is_held_is_refused_and_changes_nothing(kind: str) -> None:
    cache = cache_of(kind)
    cache.admit(0, 12)
    cache.admit(1, 12)
    compute(cache, [(0, 0, [1] * 4), (1, 0, [2] * 4)])
    with pytest.raises(ValueError, match=r"indices \[6, 7\) do not follow the 4 that are held"):
        cache.begin(Batch.of([(1, 6, [2])]))
    assert (cache.length(0), cache.length(1)) == (4, 4)
