"""The scale of bars of times: a lasting effect keeps its height, lonely outliers are cut and counted."""

from __future__ import annotations

import numpy as np
import pytest

from app.models.bar_scale import BarScale, bar_scale


def test_the_bars_decide_where_nothing_is_far_above_the_rest() -> None:
    scale = bar_scale(np.array([1.0, 2.0, 4.0, 3.0, 2.0]), log=False)
    assert (scale.bottom, scale.top, scale.cut) == (0.0, 4.0, 0)
    assert scale.shares(np.array([0.0, 1.0, 4.0])).tolist() == [0.0, 0.25, 1.0]


def test_a_lasting_effect_is_never_cut_however_short_it_is() -> None:
    """`kv=none` for five of 300 steps: under the 95th percentile, and what the user wanted to see."""
    values = np.full(300, 2.0)
    values[100:105] = np.linspace(60, 80, 5)
    scale = bar_scale(values, log=False)
    assert (scale.top, scale.cut) == (80.0, 0)


def test_a_moment_of_a_long_run_does_not_flatten_all_the_rest() -> None:
    """`kv=none` for 150 of 70 000 steps: three columns of the strip."""
    values = np.full(1400, 4.0)
    values[600:603] = 770.0
    assert bar_scale(values, log=False).cut == 3
    values[600:614] = 770.0
    assert bar_scale(values, log=False).cut == 0


def test_lonely_outliers_are_cut_counted_and_their_height_is_known() -> None:
    values = np.full(300, 2.0)
    values[[10, 50, 51]] = 70.0, 500.0, 90.0
    scale = bar_scale(values, log=False, margin=1.06)
    assert scale.top == pytest.approx(2.0 * 1.25 * 1.06)
    assert (scale.cut, scale.highest) == (3, 500.0)
    assert scale.share(500.0) == 1.0


@pytest.mark.parametrize("values", [[1.0, 2.0, 1e9], [3.0], [5.0, 5.0]])
def test_a_few_bars_are_shown_whole(values: list[float]) -> None:
    assert bar_scale(np.array(values), log=False).top == max(values)


def test_a_logarithmic_scale_cuts_nothing_and_shows_the_shortest() -> None:
    values = np.array([0.02, 2.0, 2.0, 2.0, 2.0, 500.0])
    scale = bar_scale(values, log=True)
    assert scale.cut == 0
    assert (scale.bottom, scale.top) == (pytest.approx(0.01), 500.0)
    shares = scale.shares(values)
    assert (shares[0] > 0, shares[-1]) == (True, 1.0)
    assert np.all(np.diff(shares) >= 0)
    assert scale.ticks(3) == pytest.approx([0.01, 1.0, 100.0])


@pytest.mark.parametrize("log", [False, True])
@pytest.mark.parametrize("values", [[], [0.0, 0.0]])
def test_without_a_time_there_is_a_scale_too(values: list[float], log: bool) -> None:
    scale = bar_scale(np.array(values), log)
    assert scale == BarScale(0.0, 1.0, 0, 0.0, False)
    assert scale.ticks(3)


def test_ticks_lie_on_the_axis() -> None:
    for log in (False, True):
        scale = bar_scale(np.array([3.0, 20.0, 21.0, 22.0]), log)
        assert all(scale.bottom - 1e-9 <= tick <= scale.top + 1e-9 for tick in scale.ticks(4))
