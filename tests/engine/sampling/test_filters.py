"""A filter that is added to FILTERS is applied by the eager and by the captured draw."""

from __future__ import annotations

from dataclasses import dataclass, fields

import pytest
import torch
from torch import Tensor

from engine.core.ranges import check_range
from engine.core.sampling import FILTERS, KINDS, Filter, MinP, Ranks, Sampling, TopK, TopP
from engine.graphs import sampling as captured
from engine.sampling import sampler as eager
from engine.sampling.ranks import SharedSort, SortedRanks
from tests.engine.sampling.filter_values import VALUES

MIN_P, TOP_K, TOP_P = MinP(), TopK(), TopP()
UNIFORMS = [0.0, 0.3, 0.7, 0.99]


class TopA(Filter):
    """Keeps what has `top_a` times the square of the best token's probability."""

    name = "top_a"
    metavar = "A"
    neutral = 0.0
    after_softmax = True

    def check(self, value: float) -> None:
        check_range(self.name, value, 0.0, 1.0)

    def rule_out(self, values: Tensor, ranks: Ranks) -> Tensor:
        return values.masked_fill(values < ranks.limits * values.amax(-1, keepdim=True) ** 2, 0.0)


class Best(Filter):
    """Keeps the `best` largest logits."""

    name = "best"
    metavar = "N"
    neutral = 0

    def check(self, value: float) -> None:
        check_range(self.name, value, 0, 100)

    def rule_out(self, values: Tensor, ranks: Ranks) -> Tensor:
        return values.masked_fill(values < ranks.nth_best(values), float("-inf"))


@dataclass(frozen=True, slots=True)
class MoreSampling(Sampling):
    top_a: float = 0.0
    best: int = 0


def add(monkeypatch: pytest.MonkeyPatch, *filters: Filter) -> None:
    for module in (eager, captured):
        monkeypatch.setattr(module, "FILTERS", filters)


def drawn_by_both(logits: Tensor, sampling: Sampling) -> tuple[set[int], set[int]]:
    """The tokens that the eager and the captured draw give for numbers all over [0, 1)."""
    count = 200
    rows, params = logits.expand(count, -1), [sampling] * count
    uniforms = [one / count for one in range(count)]
    columns = torch.tensor(captured.columns_of(params, uniforms), dtype=torch.float64)
    return (
        set(eager.draw_rows(rows, params, uniforms).tolist()),
        set(captured.draw_columns(rows, columns).tolist()),
    )


@pytest.mark.parametrize(
    "filters",
    [(MIN_P, TOP_K, TOP_P, TopA()), (MIN_P, TOP_K, TopA(), TOP_P), (TopA(),)],
    ids=["last", "before top-p", "alone"],
)
def test_an_added_filter_of_probabilities_is_applied(
    monkeypatch: pytest.MonkeyPatch, filters: tuple[Filter, ...]
) -> None:
    add(monkeypatch, *filters)
    logits = torch.tensor([[0.5, 0.26, 0.14, 0.1]]).log()  # 0.6 · 0.5² = 0.15
    sampling = MoreSampling(temperature=1.0, top_a=0.6)
    assert eager.distribution(logits, [sampling])[0].tolist() == pytest.approx([0.5 / 0.76, 0.26 / 0.76, 0, 0])
    assert drawn_by_both(logits, sampling) == ({0, 1}, {0, 1})
    assert drawn_by_both(logits, MoreSampling(temperature=1.0)) == ({0, 1, 2, 3}, {0, 1, 2, 3})


def test_a_filter_after_top_p_sees_the_probabilities_of_what_top_p_left(monkeypatch: pytest.MonkeyPatch) -> None:
    add(monkeypatch, MIN_P, TOP_K, TOP_P, TopA())
    logits = torch.tensor([[0.3, 0.25, 0.13, 0.11, 0.11, 0.1]]).log()
    sampling = MoreSampling(temperature=1.0, top_p=0.6, top_a=0.9)  # 0.3, 0.25, 0.13 of 0.68: 0.19 < 0.9 · 0.44² < 0.36
    assert drawn_by_both(logits, sampling) == ({0, 1, 2}, {0, 1, 2})
    sampling = MoreSampling(temperature=1.0, top_p=0.5, top_a=1.0)  # 0.3, 0.25 of 0.55: 0.45 > 0.55² = 0.30
    assert drawn_by_both(logits, sampling) == ({0, 1}, {0, 1})


def test_an_added_filter_may_ask_for_the_nth_best_after_another_has(monkeypatch: pytest.MonkeyPatch) -> None:
    add(monkeypatch, MIN_P, TOP_K, Best(), TOP_P)
    logits = torch.tensor([[2.0, 1.0, 0.5, 1.5, -1.0]])
    for sampling, kept in (
        (MoreSampling(temperature=1.0, top_k=3), {0, 1, 3}),
        (MoreSampling(temperature=1.0, best=2), {0, 3}),
        (MoreSampling(temperature=1.0, top_k=3, best=4), {0, 1, 3}),
        (MoreSampling(temperature=1.0, top_k=3, best=2, top_p=0.3), {0}),
    ):
        assert drawn_by_both(logits, sampling) == (kept, kept)


def test_rows_that_use_an_added_filter_leave_the_others_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    add(monkeypatch, MIN_P, TOP_K, TOP_P, TopA())
    logits = torch.randn(4, 60, generator=torch.Generator().manual_seed(1))
    params = [
        MoreSampling(temperature=1.0),
        MoreSampling(temperature=0.8, top_a=0.5),
        MoreSampling(),
        MoreSampling(temperature=1.2, top_k=9, top_a=0.1),
    ]
    together = eager.distribution(logits, params)
    for row, one in enumerate(params):
        torch.testing.assert_close(together[row], eager.distribution(logits[row : row + 1], [one])[0])
    columns = torch.tensor(captured.columns_of(params, UNIFORMS), dtype=torch.float64)
    assert captured.draw_columns(logits, columns).tolist() == eager.draw_rows(logits, params, UNIFORMS).tolist()


def test_a_captured_step_sorts_once_and_only_for_a_filter_that_asks_for_an_order(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sorts = []
    real = Tensor.sort
    monkeypatch.setattr(Tensor, "sort", lambda self, *args, **named: sorts.append(self) or real(self, *args, **named))
    params = [Sampling(1.0, 5, 0.9, 0.1)] * 4
    columns = torch.tensor(captured.columns_of(params, UNIFORMS), dtype=torch.float64)
    captured.draw_columns(torch.randn(4, 30), columns)
    assert len(sorts) == 1
    params = [Sampling(1.0, min_p=0.1), Sampling(0.5), Sampling()]
    assert not captured.needs_order(params)
    columns = torch.tensor(captured.columns_of(params, UNIFORMS[:3]), dtype=torch.float64)
    captured.draw_columns(torch.randn(3, 30), columns, ordered=False)
    assert len(sorts) == 1
    assert captured.needs_order([*params, Sampling(1.0, 5)])
    assert captured.needs_order([*params, Sampling(1.0, top_p=0.9)])


def test_ranks_of_other_values_are_sorted_anew() -> None:
    ranks = SortedRanks(torch.tensor([[2.0]]), SharedSort())
    assert ranks.nth_best(torch.tensor([[3.0, 2.0, 1.0]])).tolist() == [[2.0]]
    assert ranks.nth_best(torch.tensor([[3.0, -torch.inf, 1.0]])).tolist() == [[1.0]]


def test_every_filter_is_a_setting_that_is_off_unless_given() -> None:
    assert list(KINDS) == [one.name for one in fields(Sampling)]
    assert {one.name for one in FILTERS} == KINDS.keys() - {"temperature", "seed"}
    assert not any(one.used_by(Sampling(temperature=1.0)) for one in FILTERS)
    stages = [one.after_softmax for one in FILTERS]
    assert stages == sorted(stages)


def test_random_tests_draw_from_every_filter() -> None:
    assert set(VALUES) == {one.name for one in FILTERS}
    assert all(one.neutral in VALUES[one.name] for one in FILTERS)
