"""The figures of a header: fewer of them in a narrow panel, and each one whole."""

from __future__ import annotations

import pytest
from pytestqt.qtbot import QtBot

from app.widgets.whole_parts import WholeParts

TEXT = "2 368 198 computed · 942 819 new · 1 197 600 recomputed (50.6 %) ●"


@pytest.mark.parametrize(
    "shown", [TEXT, "2 368 198 computed · 942 819 new", "2 368 198 computed"], ids=["all", "two", "one"]
)
def test_a_figure_is_shown_whole_or_not_at_all(qtbot: QtBot, shown: str) -> None:
    label = WholeParts()
    qtbot.addWidget(label)
    label.setText(TEXT)
    label.resize(label.fontMetrics().horizontalAdvance(shown) + 4, 20)
    assert label.shown() == shown


def test_only_a_figure_wider_than_the_label_is_cut(qtbot: QtBot) -> None:
    label = WholeParts()
    qtbot.addWidget(label)
    label.setText(TEXT)
    label.resize(label.fontMetrics().horizontalAdvance("2 368 198"), 20)
    assert label.shown().startswith("2 368")
    assert label.shown().endswith("…")
    assert label.minimumSizeHint().width() == 0
