"""The attention grid: exact while it fits, maxima when it does not, whatever the order of the rows."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.models.attention_grid import UNKNOWN, AttentionGrid, pooled_by_two


def random_rows(count: int, seed: int) -> list[np.ndarray]:
    draw = np.random.default_rng(seed)
    return [draw.random(position + 1).astype(np.float32) for position in range(count)]


def pooled_by_hand(rows: list[np.ndarray], factor: int) -> np.ndarray:
    side = -(-len(rows) // factor)
    cells = np.full((side, side), UNKNOWN, np.float32)
    for query, row in enumerate(rows):
        for key, value in enumerate(row):
            cells[query // factor, key // factor] = max(cells[query // factor, key // factor], value)
    return cells


def test_a_map_that_fits_holds_every_probability() -> None:
    rows = random_rows(70, 0)
    grid = AttentionGrid(limit=128)
    for position, row in enumerate(rows):
        grid.add(position, row)
    assert grid.factor == 1
    assert grid.cells.shape == (70, 70)
    for position, row in enumerate(rows):
        np.testing.assert_array_equal(grid.cells[position, : position + 1], row)
        assert (grid.cells[position, position + 1 :] == UNKNOWN).all()


@given(st.integers(1, 90), st.integers(2, 16), st.randoms(use_true_random=False))
def test_a_pooled_map_holds_the_maxima_in_any_order(count: int, limit: int, order) -> None:  # type: ignore[no-untyped-def]
    rows = random_rows(count, count)
    positions = list(range(count))
    order.shuffle(positions)
    grid = AttentionGrid(limit=limit)
    for position in positions:
        grid.add(position, rows[position])
    assert grid.factor & (grid.factor - 1) == 0
    assert grid.size <= limit
    assert grid.factor == 1 or -(-count // (grid.factor // 2)) > limit
    np.testing.assert_array_equal(grid.cells, pooled_by_hand(rows, grid.factor))


def test_an_unpooled_row_that_comes_again_replaces_the_old_one() -> None:
    grid = AttentionGrid()
    grid.add(2, np.array([0.9, 0.05, 0.05], np.float32))
    grid.add(2, np.array([0.1, 0.2, 0.7], np.float32))
    assert grid.cells[2].tolist() == pytest.approx([0.1, 0.2, 0.7])


def test_a_row_that_was_never_recorded_stays_unknown() -> None:
    grid = AttentionGrid()
    grid.add(5, np.full(6, 1 / 6, np.float32))
    assert (grid.cells[:5] == UNKNOWN).all()


def test_pooling_by_two_pads_an_odd_side() -> None:
    cells = np.arange(9, dtype=np.float32).reshape(3, 3)
    np.testing.assert_array_equal(pooled_by_two(cells), [[4, 5], [7, 8]])
