"""Sampling in C against float64: every filter, ties, what is infinite, rows beside each other.

The distribution test has a fixed seed and alarms at p < 1e-4.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats
from torch import Tensor

from kernels.cpu.sampling import Proposed, Sampled, Wanted, draw, sample, verify

SIZES = (1, 7, 63, 64, 65, 4096, 49_152, 151_936)
ALARM = 1e-4
SETTINGS = (
    Wanted(0),
    Wanted(0, temperature=1.0),
    Wanted(0, temperature=0.7, top_k=40),
    Wanted(0, temperature=1.0, top_k=1000),
    Wanted(0, temperature=0.8, top_p=0.95),
    Wanted(0, temperature=2.5, top_p=0.9),
    Wanted(0, temperature=1.0, top_p=1e-9),
    Wanted(0, temperature=1.3, min_p=0.05),
    Wanted(0, temperature=1.5, min_p=0.01, top_k=60, top_p=0.8),
    Wanted(0, temperature=100.0, min_p=0.001, top_p=0.5),
    Wanted(0, temperature=1e-5, top_p=0.5),
)


def logits_of(*shape: int, seed: int = 1, scale: float = 3.0) -> Tensor:
    return scale * torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def true_distribution(row: Tensor, wanted: Wanted) -> NDArray[np.float64]:
    """What `draw` draws from for one row, by sorting, in float64."""
    x = row.double().numpy()
    order = np.argsort(-x, kind="stable")  # best first, of equal ones the lower ids
    if wanted.temperature == 0:
        return np.asarray(np.arange(len(x)) == order[0], np.float64)
    scaled = x / wanted.temperature
    if wanted.min_p > 0:
        scaled[scaled - scaled.max() < math.log(wanted.min_p)] = -np.inf
    if 0 < wanted.top_k < len(x):
        scaled[scaled < scaled[order[int(wanted.top_k) - 1]]] = -np.inf
    p = np.exp(scaled - scaled.max())
    p /= p.sum()
    before = p[order].cumsum() - p[order]
    before[0] = -1.0
    p[order[before >= (wanted.top_p if wanted.top_p < 1 else 2)]] = 0
    return np.asarray(p / p.sum())


def distribution(logits: Tensor, wanted: Sequence[Wanted]) -> Tensor:
    """The distributions, checked to come with the tokens that `sample` draws."""
    drawn, probs = draw(logits, wanted)
    assert drawn == [got[0] for got in sample(logits, wanted, 0)]
    return probs


def one(logits: Tensor, wanted: Wanted, alternatives: int = 0) -> Sampled:
    [sampled] = sample(logits, [wanted], alternatives)
    return sampled


def read(alternatives: bytes) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    half = len(alternatives) // 2
    return np.frombuffer(alternatives[:half], np.int32), np.frombuffer(alternatives[half:], np.float32)


def tokens(logits: Tensor, wanted: Wanted, uniforms: Sequence[float]) -> list[int]:
    return [got[0] for got in sample(logits, [wanted._replace(uniform=u) for u in uniforms], 0)]


@pytest.mark.parametrize("scale", [0.01, 3.0, 30.0])
@pytest.mark.parametrize("vocab", SIZES)
def test_tokens_are_described_as_in_float64(vocab: int, scale: float) -> None:
    logits = logits_of(2, vocab, scale=scale)
    asked = (vocab - 1, vocab // 2)
    for row, got in enumerate(sample(logits, [Wanted(row, token) for row, token in enumerate(asked)], 8)):
        logprobs = torch.log_softmax(logits[row].double(), -1)
        assert got[0] == asked[row]
        assert got[1] == pytest.approx(float(logprobs[asked[row]]), rel=1e-6, abs=1e-7)
        assert got[2] == pytest.approx(float(-(logprobs.exp() * logprobs).sum()), rel=1e-6, abs=1e-7)
        ids, best = read(got[3])
        expected = np.argsort(-logits[row].numpy(), kind="stable")[:8]
        assert ids.tolist() == expected.tolist()
        assert best == pytest.approx(logprobs[torch.tensor(expected)].numpy(), rel=1e-6, abs=1e-7)


@pytest.mark.parametrize("vocab", SIZES)
@pytest.mark.parametrize("wanted", SETTINGS, ids=str)
def test_distributions_and_draws_are_those_of_float64(wanted: Wanted, vocab: int) -> None:
    logits = logits_of(1, vocab, seed=vocab)
    true = true_distribution(logits[0], wanted)
    got = distribution(logits, [wanted])[0].numpy()
    assert ((got > 0) == (true > 1e-37)).all()
    np.testing.assert_allclose(got, true, rtol=1e-5, atol=1e-37)
    uniforms = [0.0, 1e-9, *torch.rand(20, dtype=torch.float64).tolist(), math.nextafter(1.0, 0.0)]
    mass = true.cumsum()
    for u, token in zip(uniforms, tokens(logits, wanted, uniforms), strict=True):
        assert got[token] > 0
        assert mass[token] >= (u - 1e-6) * mass[-1]
        assert mass[token] - true[token] <= (u + 1e-6) * mass[-1]


@given(
    values=st.lists(st.sampled_from([0.0, 1.0, 1.0000001, -2.0, 5.0, -torch.inf]), min_size=1, max_size=200),
    temperature=st.sampled_from([0.0, 0.5, 1.0]),
    min_p=st.sampled_from([0.0, 0.03, 0.5]),
    top_k=st.sampled_from([0, 1, 2, 7, 70]),
    top_p=st.sampled_from([1.0, 0.99, 0.61, 0.303]),
)
def test_ties_are_kept_by_top_k_and_cut_by_id_by_top_p(
    values: list[float], temperature: float, min_p: float, top_k: int, top_p: float
) -> None:
    logits = torch.tensor([[*values, 1.0]])
    wanted = Wanted(0, temperature=temperature, min_p=min_p, top_k=top_k, top_p=top_p)
    true = true_distribution(logits[0], wanted)
    got = distribution(logits, [wanted])[0].numpy()
    order = np.argsort(-logits[0].numpy(), kind="stable")
    np.testing.assert_allclose(got, true, rtol=1e-5, atol=1e-12)
    sampled = one(logits, wanted._replace(uniform=0.5), 8)
    assert got[sampled[0]] > 0
    assert read(sampled[3])[0].tolist() == order[:8].tolist()


def test_of_equal_logits_the_lower_ids_come_first() -> None:
    logits = torch.ones(1, 1000)
    assert one(logits, Wanted(0))[0] == 0
    assert read(one(logits, Wanted(0), 8)[3])[0].tolist() == list(range(8))
    assert distribution(logits, [Wanted(0, temperature=1.0, top_k=3)])[0].tolist() == pytest.approx([1e-3] * 1000)
    half = distribution(logits, [Wanted(0, temperature=1.0, top_p=0.4995)])[0]
    assert half.tolist() == pytest.approx([1 / 500] * 500 + [0] * 500)


def test_tokens_with_a_logit_of_minus_infinity_are_never_drawn_and_change_no_entropy() -> None:
    logits = logits_of(1, 5000)
    left = logits[0, ::50].clone()
    logits[0] = -torch.inf
    logits[0, ::50] = left
    alone = left[None]
    assert one(logits, Wanted(0, 50))[2] == pytest.approx(one(alone, Wanted(0, 1))[2])
    assert one(logits, Wanted(0, 1))[1] == -torch.inf
    uniforms = [0.0, 0.2, 0.5, 0.9, math.nextafter(1.0, 0.0)]
    for wanted in SETTINGS:
        assert tokens(logits, wanted, uniforms) == [50 * token for token in tokens(alone, wanted, uniforms)]
    only = torch.full((1, 100), -torch.inf)
    only[0, 99] = -7.0
    for wanted in SETTINGS:
        got = one(only, wanted._replace(uniform=0.7), 8)
        assert got[:3] == (99, 0.0, 0.0)
        assert sorted(read(got[3])[0].tolist()) == [*range(7), 99]


@pytest.mark.parametrize("vocab", [3, 64, 5001])
@pytest.mark.parametrize("wrong", [torch.nan, torch.inf])
def test_what_is_no_number_is_told_by_the_logprob(wrong: float, vocab: int) -> None:
    logits = logits_of(1, vocab)
    for place in (0, vocab // 2, vocab - 1):
        bad = logits.clone()
        bad[0, place] = wrong
        for wanted in (*SETTINGS, Wanted(0, 0), Wanted(0, vocab - 1)):
            got = one(bad, wanted._replace(uniform=0.5), 8)
            assert math.isnan(got[1])
            assert math.isnan(got[2])
            assert 0 <= got[0] < vocab
        assert bool(distribution(bad, [SETTINGS[4]])[0].isnan().any())


def test_a_row_of_nothing_but_minus_infinity_is_no_distribution() -> None:
    got = one(torch.full((1, 70), -torch.inf), SETTINGS[4], 8)
    assert math.isnan(got[1])
    assert 0 <= got[0] < 70


def test_logits_as_far_apart_as_float32_allows() -> None:
    logits = torch.tensor([[-3e38, 3e38, -1e30, 1.0, 0.0, 2.9999e38]]).repeat(1, 40)
    for wanted in SETTINGS:
        got = distribution(logits, [wanted])[0].numpy()
        np.testing.assert_allclose(got, true_distribution(logits[0], wanted), atol=1e-12)
    masked = logits_of(1, 3000)
    masked[0, 1::2] = -3.4e38  # as a mask that must stay finite
    for wanted in SETTINGS:
        got = distribution(masked, [wanted])[0].numpy()
        np.testing.assert_allclose(got, true_distribution(masked[0], wanted), rtol=1e-5, atol=1e-37)


@pytest.mark.parametrize(
    "wanted",
    [
        Wanted(0, temperature=1.0),
        Wanted(0, temperature=0.7, top_k=4),
        Wanted(0, temperature=1.3, top_p=0.8),
        Wanted(0, temperature=1.0, min_p=0.1),
        Wanted(0, temperature=1.5, min_p=0.05, top_k=30, top_p=0.9),
    ],
    ids=str,
)
def test_drawn_tokens_follow_the_distribution(wanted: Wanted) -> None:
    count = 40_000
    logits = logits_of(1, 100, scale=1.0)
    probs = true_distribution(logits[0], wanted)
    uniforms = np.random.Generator(np.random.Philox(5)).random(count).tolist()
    seen = np.bincount(tokens(logits, wanted, uniforms), minlength=100)
    kept = probs > 0
    assert seen[~kept].sum() == 0
    assert stats.chisquare(seen[kept], count * probs[kept]).pvalue > ALARM


def test_a_row_does_not_depend_on_the_rows_beside_it_or_on_the_threads() -> None:
    wide = logits_of(9, 6000)
    logits = wide[:, 500:]  # rows that stand apart
    assert sample(logits.t().contiguous().t(), [Wanted(3)], 8) == sample(logits, [Wanted(3)], 8)
    asked = [SETTINGS[index % len(SETTINGS)]._replace(row=index * 4 % 9, uniform=index / 30) for index in range(30)]
    alone = [one(logits.contiguous(), wanted, 8) for wanted in asked]
    for threads in (1, 2, 3):
        torch.set_num_threads(threads)
        assert sample(logits, asked, 8) == alone
        together = distribution(logits, asked)
        for row, wanted in enumerate(asked):
            assert torch.equal(together[row], distribution(logits, [wanted])[0])


def certain(row: int, drafts: Sequence[int], uniforms: Sequence[float]) -> Proposed:
    """Drafts that were not drawn, against rows from `row` on at temperature 1."""
    rows = [Wanted(row + i, draft, 1.0, u) for i, (draft, u) in enumerate(zip((*drafts, -1), uniforms, strict=True))]
    return Proposed(rows, None)


def test_drafts_pass_where_their_number_is_below_their_chance() -> None:
    logits = torch.tensor([[0.5, 0.3, 0.2], [0.1, 0.9, 0.0]]).log()
    assert verify(logits, [certain(0, [0], [0.49, 0.05])]) == [(1, 0)]
    assert verify(logits, [certain(0, [0], [0.49, 0.5]), certain(0, [0], [0.51, 0.7])]) == [(1, 1), (0, 2)]
    assert verify(logits, [certain(1, [], [0.99])]) == [(0, 1)]
    q = torch.tensor([[0.8, 0.1, 0.1]], dtype=torch.float64)  # residual: 0.2 and 0.1 of tokens 1 and 2
    for u, expected in ((0.62, (1, 1)), (0.63, (0, 2))):
        assert verify(logits, [Proposed(certain(0, [0], [u, 0.7]).rows, q)]) == [expected]


def test_a_residual_with_nothing_left_is_the_target_itself() -> None:
    logits = torch.tensor([[0.25, 0.75], [0.5, 0.5]]).log()
    _, q = draw(logits[:1], [Wanted(0, temperature=1.0)])
    rows = certain(0, [0], [math.nextafter(1.0, 0.0), 0.3]).rows
    assert verify(logits, [Proposed(rows, q)]) == [(1, 0)]
    assert verify(logits, [Proposed(rows, torch.tensor([[1.0, 1.0]], dtype=torch.float64))]) == [(0, 1)]


def test_what_is_no_number_passes_no_draft() -> None:
    logits = torch.tensor([[0.0, torch.nan, 1.0], [0.0, 0.0, 0.0]])
    [(accepted, token)] = verify(logits, [certain(0, [2], [0.0, 0.5])])
    assert accepted == 0
    assert 0 <= token < 3


def test_no_more_alternatives_than_tokens_and_no_rows() -> None:
    logits = logits_of(1, 5)
    assert len(one(logits, Wanted(0), 8)[3]) == 5 * 8
    assert one(logits, Wanted(0), 0)[3] == b""
    assert sample(logits, [], 8) == []
    assert distribution(logits, []).shape == (0, 5)
    assert verify(logits, []) == []


def test_what_does_not_fit_is_refused() -> None:
    logits = torch.zeros(2, 6)
    with pytest.raises(ValueError, match="must be float32, not"):
        sample(logits.double(), [Wanted(0)], 8)
    with pytest.raises(ValueError, match="is not in logits"):
        verify(logits, [certain(0, [0, 0], [0.0, 0.0, 0.0])])
    with pytest.raises(ValueError, match="is not in logits"):
        sample(torch.zeros(2, 0), [Wanted(0, 0)], 8)
    for wanted in (Wanted(2), Wanted(-1), Wanted(0, 6)):
        with pytest.raises(ValueError, match="is not in logits"):
            distribution(logits, [wanted])
    rows = [Wanted(0, 1), Wanted(1)]
    for q in (torch.zeros(2, 6, dtype=torch.float64), torch.zeros(1, 5, dtype=torch.float64), torch.zeros(1, 6)):
        with pytest.raises(ValueError, match="probs"):
            verify(logits, [Proposed(rows, q)])
