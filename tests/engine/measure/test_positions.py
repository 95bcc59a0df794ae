"""Classes of positions: each computed position is exactly one of new, recomputed, padding, rejected."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from engine.measure.positions import PositionCount, count_positions, padding_of, work_of


def generate(tokens: int, cached: bool) -> PositionCount:
    """What a request of one prompt token and `tokens` generated ones computes."""
    work, seen = [], 0
    for step in range(tokens):
        known = 1 + step
        work.append(work_of(step, 0, 0, (known - 1 if cached else 0, known), seen))
        seen = known
    return count_positions(work)


def test_without_a_cache_every_step_recomputes_its_history() -> None:
    assert generate(64, cached=False) == PositionCount(new=64, recomputed=2016, reused=0)
    assert generate(64, cached=False).computed == 2080 == 64 * 65 // 2


def test_with_a_cache_each_position_is_computed_once() -> None:
    assert generate(64, cached=True) == PositionCount(new=64, recomputed=0, reused=2016)


def test_rejected_positions_are_no_new_ones() -> None:
    work = work_of(0, 0, 0, (10, 15), 10, rejected=3)
    assert count_positions([work]) == PositionCount(new=2, rejected=3, reused=10)


def test_rejected_positions_of_a_recomputed_history() -> None:
    work = work_of(0, 0, 0, (0, 15), 10, rejected=3)
    assert (work.first, work.new_from, work.end, work.rejected) == (0, 10, 15, 3)
    assert count_positions([work]) == PositionCount(new=2, recomputed=10, rejected=3)


def test_padding_belongs_to_no_request() -> None:
    assert count_positions([padding_of(0, 3, 17)]) == PositionCount(padding=17)


@given(st.integers(0, 50), st.integers(1, 50), st.integers(0, 120), st.integers(0, 50), st.integers(0, 9))
def test_the_classes_add_up(first: int, length: int, seen: int, rejected: int, padding: int) -> None:
    rejected = min(rejected, length)
    work = [work_of(0, 0, 0, (first, first + length), seen, rejected=rejected), padding_of(0, 1, padding)]
    count = count_positions(work)
    assert count.computed == length + padding
    assert min(count.new, count.recomputed, count.padding, count.rejected) >= 0
    assert count.reused == first
