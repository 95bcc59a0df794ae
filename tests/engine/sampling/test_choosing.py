"""On a CPU tokens come from C, and are those that PyTorch's operations give; without a compiler these give them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from engine.core.sampling import FILTERS, Filter, Sampling, TopK
from engine.core.scheduled_chunk import Proposal
from engine.core.timing import NoTimer
from engine.sampling import choosing, native, sampler, speculation
from engine.sampling.sampler import Choice
from engine.sampling.speculation import DraftTest
from kernels.cpu import library, sampling
from kernels.errors import KernelUnavailableError
from tests.engine.sampling.filter_values import samplings

needs_c = pytest.mark.skipif(library.unavailable() is not None, reason=f"{library.unavailable()}")
LOGITS = 3 * torch.randn(4, 5000, generator=torch.Generator().manual_seed(3))
PARAMS = [Sampling(), Sampling(0.8, 40, 0.95, 0.02), Sampling(1.0), Sampling(1.2, 0, 0.9)]
UNIFORMS = [0.0, 0.3, 0.7, 0.99]
TIMER = NoTimer()


@pytest.fixture
def without_c(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine without a compiler."""
    monkeypatch.setattr(library, "unavailable", lambda: "There is no C compiler.")

    def refuse() -> None:
        raise KernelUnavailableError("There is no C compiler.")

    monkeypatch.setattr(library, "library", refuse)
    library.function.cache_clear()
    sampling._function.cache_clear()
    yield
    library.function.cache_clear()
    sampling._function.cache_clear()


def assert_alike(got: list[Choice], expected: list[Choice]) -> None:
    for one, other in zip(got, expected, strict=True):
        assert one.token_id == other.token_id
        assert one.logprob == pytest.approx(other.logprob, abs=1e-5)
        assert one.entropy == pytest.approx(other.entropy, abs=1e-5)
        half = len(other.alternatives) // 2
        assert one.alternatives[:half] == other.alternatives[:half]
        np.testing.assert_allclose(
            np.frombuffer(one.alternatives[half:], np.float32),
            np.frombuffer(other.alternatives[half:], np.float32),
            atol=1e-5,
        )


@needs_c
@given(seed=st.integers(0, 2**31), vocab=st.sampled_from([1, 2, 97, 4096]), params=st.lists(samplings(), max_size=6))
def test_c_draws_what_pytorch_draws(seed: int, vocab: int, params: list[Sampling]) -> None:
    generator = torch.Generator().manual_seed(seed)
    logits = 3 * torch.randn(len(params), vocab, generator=generator)
    uniforms = torch.rand(len(params), generator=generator, dtype=torch.float64).tolist()
    assert native.serves(logits, params)
    reference = sampler.choices(sampler.sample(logits, params, uniforms, 8))
    assert_alike(choosing.drawn(logits, params, uniforms, 8, TIMER), reference)
    tokens, probs = choosing.drafted(logits, params, uniforms)
    assert tokens == [choice.token_id for choice in reference]
    torch.testing.assert_close(probs, sampler.distribution(logits, params), rtol=1e-5, atol=1e-12)


def draft_tests(seed: int, vocab: int, params: Sequence[Sampling]) -> list[DraftTest]:
    """A proposal of three drafts for each of `params`: drawn from something near the target's, or certain."""
    generator = torch.Generator().manual_seed(seed)
    tests = []
    for index, p in enumerate(params):
        uniforms = torch.rand(4, generator=generator, dtype=torch.float64).tolist()
        near = torch.randn(3, vocab, generator=generator)
        drafts, probs = choosing.drafted(near, [p] * 3, uniforms[:3])
        tests.append(DraftTest(p, Proposal(tuple(drafts), None if index % 2 or p.greedy else probs), uniforms[::-1]))
    return tests


@needs_c
@given(seed=st.integers(0, 2**31), vocab=st.sampled_from([1, 2, 97, 4096]), params=st.lists(samplings(), max_size=6))
def test_c_accepts_what_pytorch_accepts(seed: int, vocab: int, params: list[Sampling]) -> None:
    tests = draft_tests(seed, vocab, params)
    generator = torch.Generator().manual_seed(seed)
    rows = [torch.randn(4, vocab, generator=generator) for _ in params]
    for one, test in zip(rows, tests, strict=True):
        for index, draft in enumerate(test.proposal.tokens):
            one[index, draft] += 4  # so that some pass
    logits = torch.cat([*rows, torch.empty(0, vocab)])
    assert native.verify(logits, tests) == speculation.verify(logits, tests)


@needs_c
def test_of_equal_tokens_both_keep_those_with_the_lower_ids() -> None:
    logits, params = torch.zeros(1, 1000), [Sampling(1.0, top_p=0.4995)]
    _, probs = choosing.drafted(logits, params, [0.5])
    assert probs.nonzero()[:, 1].tolist() == list(range(500))
    assert sampler.distribution(logits, params).nonzero()[:, 1].tolist() == list(range(500))


@needs_c
def test_tokens_that_are_given_are_described_in_their_rows() -> None:
    rows, tokens = [0, 3, 3, 1], [4999, 0, 17, 2500]
    reference = sampler.choices(sampler.describe(LOGITS[rows], torch.tensor(tokens), 8))
    assert_alike(choosing.described(LOGITS, rows, tokens, 8, TIMER), reference)


@pytest.mark.usefixtures("without_c")
def test_without_a_compiler_pytorch_draws() -> None:
    assert not native.serves(LOGITS, PARAMS)
    reference = sampler.choices(sampler.sample(LOGITS, PARAMS, UNIFORMS, 8))
    assert choosing.drawn(LOGITS, PARAMS, UNIFORMS, 8, TIMER) == reference
    tokens = [one.token_id for one in reference]
    assert choosing.described(LOGITS, range(4), tokens, 8, TIMER) == reference
    drafted, probs = choosing.drafted(LOGITS, PARAMS, UNIFORMS)
    assert drafted == tokens
    assert torch.equal(probs, sampler.distribution(LOGITS, PARAMS))
    tests = draft_tests(5, LOGITS.shape[1], PARAMS[1:2])
    assert choosing.verify(LOGITS, tests) == speculation.verify(LOGITS, tests)


@needs_c
def test_a_row_with_no_number_is_told_and_still_gives_a_token() -> None:
    bad = LOGITS.clone()
    bad[1, 7] = torch.nan
    bad[3, 9] = torch.inf
    for choice, wrong in zip(choosing.drawn(bad, PARAMS, UNIFORMS, 8, TIMER), (False, True, False, True), strict=True):
        assert math.isnan(choice.logprob) is wrong
        assert 0 <= choice.token_id < 5000


def test_every_filter_is_known_in_c_and_in_the_order_in_which_it_is_applied() -> None:
    """A filter that C was not taught is drawn by PyTorch, far more slowly: teach `kernels/cpu/sampling.c`."""
    assert tuple(one.name for one in FILTERS) == sampling.FILTERS
    assert native.UNKNOWN == ()


@needs_c
def test_rows_with_a_filter_that_c_does_not_know_are_left_to_pytorch(monkeypatch: pytest.MonkeyPatch) -> None:
    unknown: Filter = TopK()
    monkeypatch.setattr(native, "UNKNOWN", (unknown,))
    assert not native.serves(LOGITS, PARAMS)
    assert native.serves(LOGITS, [Sampling(0.5, 0, 0.9)])
    reference = sampler.choices(sampler.sample(LOGITS, PARAMS, UNIFORMS, 8))
    assert choosing.drawn(LOGITS, PARAMS, UNIFORMS, 8, TIMER) == reference
