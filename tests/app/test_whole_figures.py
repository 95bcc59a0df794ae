"""An elided text shows a figure whole, with its unit, or not at all."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QFontMetrics
from PySide6.QtWidgets import QStyleOptionViewItem
from pytestqt.qtbot import QtBot

from app.look.theme import ui_font
from app.look.units import THIN_SPACE, seconds
from app.widgets.elided_label import ElidedLabel
from app.widgets.figure_table import FigureTable
from app.widgets.themed_label import ThemedLabel
from app.widgets.themed_table import Cell
from app.widgets.whole_figures import FIGURE, whole_figures
from app.widgets.whole_parts import first_parts

TIME = seconds(0.00565)
FACTS = f"demo · 6.85{THIN_SPACE}M parameters · {TIME} ● · 12{THIN_SPACE}345 steps · float32"


@pytest.mark.parametrize("text", [FACTS, TIME, f"{TIME} ●", f"命中 {TIME} ● · 权重"])
def test_no_width_cuts_a_figure(qtbot: QtBot, text: str) -> None:
    metrics = QFontMetrics(ui_font())
    whole = set(FIGURE.findall(text))
    for width in range(metrics.horizontalAdvance(text) + 4):
        for shown in (whole_figures(text, metrics, width), first_parts(text, metrics, width)):
            assert set(FIGURE.findall(shown)) <= whole, (width, shown)
            assert metrics.horizontalAdvance(shown) <= max(width, metrics.horizontalAdvance("…"))
    assert whole_figures(text, metrics, metrics.horizontalAdvance(text)) == text


def test_no_word_is_left_without_its_figure(qtbot: QtBot) -> None:
    metrics = QFontMetrics(ui_font())
    text = f"all 68{THIN_SPACE}970 steps · 419{THIN_SPACE}600 tokens"
    assert first_parts(text, metrics, metrics.horizontalAdvance("all 68…")) == ""
    width = metrics.horizontalAdvance("nothing t")
    assert first_parts("nothing to see", metrics, width) == whole_figures("nothing to see", metrics, width) != ""


def test_words_are_elided_as_ever(qtbot: QtBot) -> None:
    metrics = QFontMetrics(ui_font())
    width = metrics.horizontalAdvance("nothing to se")
    shown = whole_figures("nothing to see here", metrics, width)
    assert shown == metrics.elidedText("nothing to see here", Qt.TextElideMode.ElideRight, width)
    assert len(shown) > 8


@pytest.mark.parametrize("label", ["elided", "themed"])
def test_labels(qtbot: QtBot, label: str) -> None:
    shown = ElidedLabel() if label == "elided" else ThemedLabel()
    qtbot.addWidget(shown)
    shown.setText(f"a token {TIME} and more")
    shown.resize(QFontMetrics(ui_font()).horizontalAdvance("a token 5.65 …"), 20)
    assert shown.shown() == "a token…"


def test_a_cell_too_narrow_for_its_figure_shows_an_ellipsis(qtbot: QtBot) -> None:
    table = FigureTable("figures")
    qtbot.addWidget(table)
    table.show_rows([("Time ●", "a time")], [[Cell(TIME)]])
    index = table.model().index(0, 0)
    for width in range(20, 140):
        option = QStyleOptionViewItem()
        option.initFrom(table)
        option.widget = table
        option.rect = option.rect.adjusted(0, 0, width - option.rect.width(), 0)
        table.itemDelegate().initStyleOption(option, index)
        assert option.text in (TIME, "…", "")
