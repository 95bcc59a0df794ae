"""The stationary bootstrap: lengths of runs, draws, and Student's t against scipy."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from engine.figures import resampling, student


@pytest.mark.parametrize("freedom", [1.0, 2.5, 4.0, 9.0, 60.0, 1e5])
@pytest.mark.parametrize("t", [0.1, 1.0, 2.5, 6.0, 40.0])
def test_tails_are_those_of_scipy(t: float, freedom: float) -> None:
    assert student.tails(t, freedom) == pytest.approx(2 * stats.t.sf(t, freedom), rel=1e-8, abs=1e-300)


@pytest.mark.parametrize("freedom", [1.0, 4.0, 30.0, 1e6])
def test_quantiles_are_those_of_scipy(freedom: float) -> None:
    assert student.quantile(0.95, freedom) == pytest.approx(stats.t.ppf(0.975, freedom), rel=1e-6)
    assert student.tails(0.0, freedom) == 1.0
    assert student.tails(math.inf, freedom) == 0.0


def ar1(random: np.random.Generator, count: int, phi: float) -> np.ndarray:
    noise = random.normal(size=count)
    found = np.empty(count)
    found[0] = noise[0] / math.sqrt(1 - phi**2)
    for place in range(1, count):
        found[place] = phi * found[place - 1] + noise[place]
    return found


def test_runs_are_longer_where_neighbours_are_alike() -> None:
    random = np.random.default_rng(5)
    lengths = {
        phi: float(np.median([resampling.block_length(ar1(random, 800, phi)) for _ in range(40)]))
        for phi in (0.0, 0.5, 0.9)
    }
    assert lengths[0.0] < 3 < lengths[0.5] < 15 < lengths[0.9] < 90
    assert resampling.block_length(np.ones(100)) == 1.0


def test_each_draw_has_as_many_cells_as_there_are() -> None:
    counts = resampling.drawn_counts(120, 7.0)
    assert counts.shape == (resampling.DRAWS, 120)
    assert (counts.sum(axis=1) == 120).all()
    assert (counts == resampling.drawn_counts(120, 7.0)).all()
    assert counts.mean(axis=0).std() < 0.2  # no place is drawn more often than others, the ends neither


def test_draws_vary_as_independent_ones_where_runs_are_single_steps() -> None:
    counts = resampling.drawn_counts(400, 1.0)
    assert counts.var() == pytest.approx(1.0, abs=0.05)


def test_long_series_are_put_into_cells() -> None:
    assert resampling.cells_of(100) == (100, 1)
    assert resampling.cells_of(100_000) == (1021, 98)
    values = np.arange(100_000.0)
    assert resampling.in_cells(values).sum() == values.sum()
    assert len(resampling.in_cells(np.ones((3000, 2)))) == 1000
