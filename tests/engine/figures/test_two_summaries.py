"""The figures of two sessions beside each other: their names, their ratio, what one side does not tell."""

from __future__ import annotations

import pytest

from engine.figures.metrics import summarise
from engine.figures.two_summaries import TwoFigures, changed_settings, percentile, two_summaries
from tests.engine.figures.served import recorded, session_of
from tests.engine.session.synthetic import synthetic_session


def test_every_figure_is_once_in_the_list() -> None:
    summary = summarise(synthetic_session(6, requests=2))
    rows = two_summaries(summary, summary)
    assert len({row.name for row in rows}) == len(rows)
    assert {row.ratio for row in rows} <= {1.0, None}


def test_what_one_side_does_not_tell_has_no_ratio() -> None:
    rows = two_summaries(summarise(synthetic_session(6)), summarise(session_of(recorded())))
    [padding] = [row for row in rows if row.name == "positions padding"]
    assert (padding.a, padding.b, padding.ratio) == (0, None, None)
    [attention] = [row for row in rows if row.name == "time: attention"]
    assert attention.a is not None
    assert attention.b is None


def test_a_ratio_is_of_b_to_a() -> None:
    assert TwoFigures("wall time", 2.0, 3.0, "seconds").ratio == 1.5
    assert TwoFigures("wall time", 0.0, 3.0, "seconds").ratio is None


def test_percentiles_interpolate_and_are_unknown_of_nothing() -> None:
    assert percentile([1.0, 2.0], 50) == pytest.approx(1.5)
    assert percentile([], 50) is None


def test_settings_that_differ_are_named() -> None:
    a, b = (summarise(synthetic_session(4, kv=kv)) for kv in ("contiguous", "none"))
    assert changed_settings(a, b)["kv"] == ["contiguous", "none"]
    assert changed_settings(a, a) == {}
