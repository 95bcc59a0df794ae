"""Which steps are drawn where there are more of them than columns."""

from __future__ import annotations

import numpy as np
import pytest

from app.models.latency import slowest_of_each


@pytest.mark.parametrize("columns", [1, 7, 100, 1000])
def test_each_column_shows_its_slowest_step(columns: int) -> None:
    totals = np.random.default_rng(1).random(1000)
    chosen, stride = slowest_of_each(totals, columns)
    assert len(chosen) <= columns
    for column, index in enumerate(chosen):
        part = totals[column * stride : (column + 1) * stride]
        assert totals[index] == part.max()
