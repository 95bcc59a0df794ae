"""The sampler draws from the distribution it says it does.

χ² tests use fixed seeds and alarm at p < 1e-4: with other seeds one in ten thousand would alarm falsely.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import stats

from engine.core.request import stream_of
from engine.core.settings import Sampling
from engine.sampling.sampler import best_few, choices, distribution, draw, draw_rows, likeliest, sample

ALARM = 1e-4
LOGITS = torch.tensor([[2.0, 1.0, 0.5, 0.0, -1.0, -2.0, 1.0, -0.5]])


def probs_of(sampling: Sampling, logits: torch.Tensor = LOGITS) -> list[float]:
    values: list[float] = distribution(logits, [sampling] * len(logits))[0].tolist()
    return values


def softmax(values: list[float]) -> np.ndarray:
    return np.exp(values) / np.exp(values).sum()


def test_temperature_divides_the_logits() -> None:
    assert probs_of(Sampling(temperature=0.5)) == pytest.approx(softmax([2 * x for x in LOGITS[0].tolist()]))


def test_top_k_keeps_ties_with_the_kth() -> None:
    probs = probs_of(Sampling(temperature=1.0, top_k=2))
    assert [index for index, p in enumerate(probs) if p > 0] == [0, 1, 6]


def test_top_k_above_the_vocabulary_keeps_all() -> None:
    assert probs_of(Sampling(temperature=1.0, top_k=100)) == pytest.approx(probs_of(Sampling(temperature=1.0)))


def test_top_p_keeps_the_smallest_set_that_reaches_p() -> None:
    logits = torch.tensor([[0.5, 0.25, 0.125, 0.125]]).log()
    probs = probs_of(Sampling(temperature=1.0, top_p=0.7), logits)
    assert probs == pytest.approx([2 / 3, 1 / 3, 0, 0])


def test_top_p_always_keeps_the_best_token() -> None:
    probs = probs_of(Sampling(temperature=1.0, top_p=1e-9))
    assert probs[0] == pytest.approx(1.0)


def test_min_p_is_relative_to_the_best_token() -> None:
    logits = torch.tensor([[0.5, 0.26, 0.14, 0.1]]).log()
    assert probs_of(Sampling(temperature=1.0, min_p=0.5), logits) == pytest.approx([0.5 / 0.76, 0.26 / 0.76, 0, 0])


def test_filters_apply_in_order_temperature_min_p_top_k_top_p() -> None:
    # At temperature 1 min-p 0.3 would leave two tokens; at 4 it leaves all four, of which top-k keeps three and top-p
    # measures its mass among those three.
    base = np.array([0.6, 0.2, 0.12, 0.08])
    logits = torch.tensor([base.tolist()]).log()
    probs = probs_of(Sampling(temperature=4.0, min_p=0.3, top_k=3, top_p=0.66), logits)
    hot = base**0.25
    hot = hot[:3] / hot[:3].sum()
    assert hot[0] + hot[1] > 0.66 > hot[0]
    assert probs == pytest.approx([hot[0] / (hot[0] + hot[1]), hot[1] / (hot[0] + hot[1]), 0, 0])


def test_rows_keep_their_own_parameters() -> None:
    params = [
        Sampling(temperature=1.0),
        Sampling(temperature=1.0, top_k=1),
        Sampling(),
        Sampling(temperature=2.0, top_p=0.5, min_p=0.1),
        Sampling(temperature=0.7, top_k=3),
    ]
    together = distribution(LOGITS.expand(5, -1), params)
    for row, p in enumerate(params):
        alone = distribution(LOGITS, [p])[0]
        assert torch.allclose(together[row], alone, atol=1e-15)


def test_greedy_takes_the_best_whatever_the_filters() -> None:
    greedy = Sampling(temperature=9e-6, top_k=5, top_p=0.5)
    assert draw_rows(LOGITS, [greedy], [0.999]).tolist() == [0]
    assert probs_of(greedy) == [1.0, *[0.0] * 7]


@pytest.mark.parametrize(
    "sampling",
    [
        Sampling(temperature=1.0),
        Sampling(temperature=0.7, top_k=4),
        Sampling(temperature=1.3, top_p=0.8),
        Sampling(temperature=1.0, min_p=0.1),
        Sampling(temperature=1.5, min_p=0.05, top_k=6, top_p=0.9),
    ],
    ids=str,
)
def test_drawn_tokens_follow_the_distribution(sampling: Sampling) -> None:
    count = 40_000
    probs = np.array(probs_of(sampling))
    u = torch.tensor(stream_of(7, 0).random(count))
    tokens = draw(distribution(LOGITS, [sampling]).expand(count, -1), u)
    seen = np.bincount(tokens.numpy(), minlength=8)
    assert seen[probs == 0].sum() == 0
    kept = probs > 0
    assert stats.chisquare(seen[kept], count * probs[kept]).pvalue > ALARM


def test_the_last_uniform_below_one_draws_a_token_that_can_be() -> None:
    probs = torch.tensor([[0.25, 0.75, 0.0, 0.0]], dtype=torch.float64)
    u = torch.tensor([math.nextafter(1.0, 0.0)], dtype=torch.float64)
    assert draw(probs, u).tolist() == [1]
    assert draw(probs, torch.zeros(1, dtype=torch.float64)).tolist() == [0]
    assert draw(torch.tensor([[0.0, 1.0]], dtype=torch.float64), torch.zeros(1, dtype=torch.float64)).tolist() == [1]


def test_logprob_and_entropy_are_of_the_unfiltered_distribution() -> None:
    logits = torch.randn(3, 50, generator=torch.Generator().manual_seed(1))
    drawn = choices(sample(logits, [Sampling(temperature=0.3, top_k=2)] * 3, [0.1, 0.5, 0.9], 8))
    for row, choice in enumerate(drawn):
        p = softmax(logits[row].double().tolist())
        assert choice.logprob == pytest.approx(math.log(p[choice.token_id]), abs=1e-5)
        assert choice.entropy == pytest.approx(-(p * np.log(p)).sum(), abs=1e-5)
        ids = np.frombuffer(choice.alternatives[:32], np.int32)
        best = np.frombuffer(choice.alternatives[32:], np.float32)
        assert ids.tolist() == np.argsort(-p)[:8].tolist()
        assert best == pytest.approx(np.log(np.sort(p)[::-1][:8]), abs=1e-5)


def test_no_alternatives_where_none_are_wanted() -> None:
    assert choices(sample(LOGITS, [Sampling()], [0.0], 0))[0].alternatives == b""


def test_streams_differ_by_seed_and_by_request_and_repeat() -> None:
    first = stream_of(3, 1).random(8).tolist()
    assert stream_of(3, 1).random(8).tolist() == first
    assert stream_of(3, 2).random(8).tolist() != first
    assert stream_of(4, 1).random(8).tolist() != first


@pytest.mark.parametrize("columns", [9, 50_000])
def test_a_piece_of_a_prompt_draws_nothing(columns: int) -> None:
    """A step that computes no prompt to its end has no row to draw from, however wide rows are."""
    best, ids = best_few(torch.empty(0, columns), 8)
    assert best.shape == ids.shape == (0, 8)


@pytest.mark.parametrize("columns", [10, 16384, 16411, 151_936])
def test_the_best_few_of_a_row_however_wide(columns: int) -> None:
    values = torch.randn(3, columns, generator=torch.Generator().manual_seed(2))
    values[1, -3:] = torch.tensor([9.0, 11.0, 10.0])  # the best stand at the very end
    best, ids = best_few(values, 8)
    expected = values.topk(8, -1)
    assert torch.equal(best, expected.values)
    assert torch.equal(ids, expected.indices)


def test_the_likeliest_is_the_first_of_equals() -> None:
    assert likeliest(torch.tensor([[1.0, 3.0, 3.0], [2.0, 2.0, 0.0]])).tolist() == [1, 0]
