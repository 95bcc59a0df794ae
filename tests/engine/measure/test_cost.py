"""FLOPs and bytes, against counts made the long way."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from engine.measure.cost import CostModel, attended_pairs
from engine.model.config import ModelConfig
from engine.session.weight_reads import WeightReads

CONFIG = ModelConfig(
    architecture="LlamaForCausalLM",
    layers=3,
    hidden=32,
    heads=4,
    kv_heads=2,
    head_dim=8,
    ffn=48,
    vocab=100,
    max_positions=64,
)
READS = WeightReads(position=64, norm=790, qkv=12_300, attn_out=6_200, ffn=27_700, final_norm=132, lm_head=6_400)
KV = 2 * 2 * 8 * 2
"""Bytes of K and V of one position in one layer: 2 heads of 8, bfloat16."""


@given(st.integers(0, 40), st.integers(1, 40), st.one_of(st.none(), st.integers(1, 30)))
def test_attended_pairs_equal_a_counted_mask(first: int, length: int, window: int | None) -> None:
    rows = range(first, first + length)
    counted = sum(min(row + 1, window or row + 1) for row in rows)
    assert attended_pairs(first, first + length, window) == counted


def test_flops_of_a_prefill_by_hand() -> None:
    flops, _ = CostModel(CONFIG, READS).of([(0, 5)], 1, KV)
    linear = 2 * 5 * (32 * 32 + 2 * 32 * 16 + 32 * 32 + 3 * 32 * 48)  # q, k and v, o, gate·up·down
    attention = sum(2 * 2 * 4 * 8 * (row + 1) for row in range(5))  # q·k and p·v, 4 heads of 8
    assert flops == 3 * (linear + attention) + 2 * 32 * 100


def test_bytes_of_a_decode_step_by_hand() -> None:
    _, moved = CostModel(CONFIG, READS).of([(9, 10), (4, 5)], 2, KV)
    weights = 790 + 12_300 + 6_200 + 27_700 + 132 + 6_400
    assert moved == weights + 2 * 64 + 3 * ((10 + 5) + 2) * KV  # K and V of each layer are read, then written


def test_a_window_bounds_what_is_read_of_keys_and_values() -> None:
    windowed = replace(CONFIG, sliding_window=4, window_layers=(0, 2))
    _, moved = CostModel(windowed, READS).of([(9, 10)], 1, KV)
    assert CostModel(CONFIG, READS).of([(9, 10)], 1, KV)[1] - moved == 2 * (10 - 4) * KV


def test_a_pass_without_logits_reads_no_head_and_no_norm_before_it() -> None:
    cost = CostModel(CONFIG, READS)
    assert cost.of([(0, 5)], 1, KV)[1] - cost.of([(0, 5)], 0, KV)[1] == 132 + 6_400
