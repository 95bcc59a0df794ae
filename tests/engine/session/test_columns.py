"""Columns grow without losing a row, and old views stay what they were."""

from __future__ import annotations

import numpy as np

from engine.session.columns import Columns


def test_rows_survive_growth_whatever_the_width_of_a_column() -> None:
    table = Columns({"id": np.int64, "us": np.dtype((np.float32, (3,))), "text": np.object_}, capacity=2)
    for i in range(9):
        table.append((i, np.full(3, i), f"t{i}"))
    assert len(table) == 9
    assert table["id"].tolist() == list(range(9))
    assert table["us"].tolist() == [[i, i, i] for i in range(9)]
    assert table["text"].tolist() == [f"t{i}" for i in range(9)]


def test_a_view_taken_before_growth_keeps_its_values() -> None:
    table = Columns({"id": np.int64}, capacity=2)
    table.extend([(1,), (2,)])
    view = table["id"]
    table.extend([(3,), (4,), (5,)])
    assert view.tolist() == [1, 2]
    assert table["id"].tolist() == [1, 2, 3, 4, 5]


def test_whole_columns_are_appended_at_once() -> None:
    table = Columns({"id": np.int64, "value": np.float64}, capacity=1)
    table.extend_columns({"id": np.arange(1000), "value": np.linspace(0, 1, 1000)})
    assert len(table) == 1000
    assert table["value"][-1] == 1.0
