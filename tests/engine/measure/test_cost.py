"""FLOPs and bytes, against counts made the long way."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from engine.measure.cost import CostModel, attended_pairs
from engine.model.config import ModelConfig

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


@given(st.integers(0, 40), st.integers(1, 40), st.one_of(st.none(), st.integers(1, 30)))
def test_attended_pairs_equal_a_counted_mask(first: int, length: int, window: int | None) -> None:
    rows = range(first, first + length)
    counted = sum(min(row + 1, window or row + 1) for row in rows)
    assert attended_pairs(first, first + length, window) == counted


def test_flops_of_a_prefill_by_hand() -> None:
    flops, _ = CostModel(CONFIG, 4).of([(0, 5)], logits_rows=1)
    linear = 2 * 5 * (32 * 32 + 2 * 32 * 16 + 32 * 32 + 3 * 32 * 48)  # q, k and v, o, gate·up·down
    attention = sum(2 * 2 * 4 * 8 * (row + 1) for row in range(5))  # q·k and p·v, 4 heads of 8
    assert flops == 3 * (linear + attention) + 2 * 32 * 100


def test_bytes_of_a_decode_step_by_hand() -> None:
    _, moved = CostModel(CONFIG, 2).of([(9, 10), (4, 5)], logits_rows=2)
    weights = 3 * (2 * 32 + 32 * (2 * 32 + 2 * 16) + 3 * 32 * 48) + 32 * 100  # norms, attention, MLP; LM head
    embedded = 2 * 32
    kv = 3 * 2 * 2 * 8 * ((10 + 5) + 2)  # read, then written
    assert moved == 2 * (weights + embedded + kv)


def test_a_pass_without_logits_reads_no_head() -> None:
    cost = CostModel(CONFIG, 4)
    assert cost.of([(0, 5)], 1)[1] - cost.of([(0, 5)], 0)[1] == 32 * 100 * 4
