"""The axis that counts things: whole numbers in the middle of their cells, names where there is room."""

from __future__ import annotations

import pytest
from pytestqt.qtbot import QtBot

from app.widgets.axes import CountAxis, round_step


@pytest.mark.parametrize(("least", "step"), [(0.2, 1), (1, 1), (1.1, 2), (3, 5), (6, 10), (12, 20), (300, 500)])
def test_steps_are_round_whole_numbers(least: float, step: int) -> None:
    assert round_step(least) == step


def test_few_things_get_their_names(qtbot: QtBot) -> None:
    axis = CountAxis("bottom")
    axis.set_names(["a", "b", "a long name"])
    ((spacing, values),) = axis.tickValues(0, 3, 300)
    assert values == [0.5, 1.5, 2.5]
    assert axis.tickStrings(values, 1.0, spacing) == ["a", "b", "a long…"]


def test_many_things_get_numbers_at_the_middle_of_their_cells(qtbot: QtBot) -> None:
    axis = CountAxis("left")
    axis.set_names([str(i) for i in range(1000)])
    ((spacing, values),) = axis.tickValues(0, 1000, 200)
    assert spacing in (100, 200)
    assert values[:2] == [0.5, spacing + 0.5]
    assert axis.tickStrings(values[:2], 1.0, spacing) == ["0", str(spacing)]
    assert axis.tickValues(5, 5, 100) == []
