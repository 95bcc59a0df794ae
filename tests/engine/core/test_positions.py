"""Classes of positions: each computed position is exactly one of new, recomputed, padding, rejected."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from engine.core.positions import Computed, PositionCount, count_positions, padding_of, work_of
from engine.session.schema import Work


def generate(tokens: int, cached: bool) -> PositionCount:
    """What a request of one prompt token and `tokens` generated ones computes."""
    work, computed = [], Computed()
    for step in range(tokens):
        known = 1 + step
        work += work_of(step, 0, 0, (known - 1 if cached else 0, known), computed)
    return count_positions(work)


def computed_of(*runs: tuple[int, int]) -> Computed:
    computed = Computed()
    for first, end in runs:
        computed.add(first, end)
    return computed


def test_without_a_cache_every_step_recomputes_its_history() -> None:
    assert generate(64, cached=False) == PositionCount(new=64, recomputed=2016, reused=0)
    assert generate(64, cached=False).computed == 2080 == 64 * 65 // 2


def test_with_a_cache_each_position_is_computed_once() -> None:
    assert generate(64, cached=True) == PositionCount(new=64, recomputed=0, reused=2016)


def test_rejected_positions_are_no_new_ones() -> None:
    computed = computed_of((0, 10))
    work = work_of(0, 0, 0, (10, 15), computed, rejected=3)
    assert count_positions(work) == PositionCount(new=2, rejected=3, reused=10)
    assert computed.end == 12


def test_rejected_positions_of_a_recomputed_history() -> None:
    (work,) = work_of(0, 0, 0, (0, 15), computed_of((0, 10)), rejected=3)
    assert (work.first, work.new_from, work.end, work.rejected) == (0, 10, 15, 3)
    assert count_positions([work]) == PositionCount(new=2, recomputed=10, rejected=3)


def test_a_shared_prefix_that_is_computed_after_all_is_new() -> None:
    computed = Computed()
    assert work_of(0, 0, 0, (32, 40), computed) == [Work(0, 0, 0, 32, 32, 40, 0, 32)]
    work = work_of(1, 0, 0, (16, 44), computed)
    assert work == [Work(1, 0, 0, 16, 16, 32, 0, 16), Work(1, 0, 0, 32, 40, 44, 0, 0)]
    assert count_positions(work) == PositionCount(new=20, recomputed=8, reused=16)
    assert work_of(2, 0, 0, (0, 45), computed) == [Work(2, 0, 0, 0, 0, 16, 0, 0), Work(2, 0, 0, 16, 44, 45, 0, 0)]


def test_padding_belongs_to_no_request() -> None:
    assert count_positions([padding_of(0, 3, 17)]) == PositionCount(padding=17)


SPANS = st.tuples(st.integers(0, 60), st.integers(1, 30), st.integers(0, 30))


@given(st.lists(SPANS, max_size=8), st.integers(0, 9))
def test_the_classes_add_up_and_each_index_is_new_once(spans: list[tuple[int, int, int]], padding: int) -> None:
    computed, seen = Computed(), set[int]()
    for first, length, wrong in spans:
        rejected = min(wrong, length)
        work = work_of(0, 0, 0, (first, first + length), computed, rejected=rejected)
        kept = set(range(first, first + length - rejected))
        count = count_positions([*work, padding_of(0, 1, padding)])
        assert count == PositionCount(len(kept - seen), len(kept & seen), padding, rejected, first)
        assert count.computed == length + padding
        assert [row.first for row in work[1:]] == [row.end for row in work[:-1]]
        new = [index for row in work for index in range(row.new_from, row.end - row.rejected)]
        assert set(new) == kept - seen
        seen |= kept
