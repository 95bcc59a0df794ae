"""Rows of a name, a bar and a number: names are whole where bars have room enough."""

from __future__ import annotations

from PySide6.QtGui import QFontMetrics
from pytestqt.qtbot import QtBot

from app.look.theme import CAPTION_SCALE, GRID, ui_font
from app.widgets.bar_list import LEAST_BAR, Bar, BarList

NAME = "reused from the cache"


def test_names_are_whole_as_long_as_the_bars_keep_their_least(qtbot: QtBot) -> None:
    bars = BarList("Positions")
    qtbot.addWidget(bars)
    bars.show_bars([Bar(NAME, 1.0, "121", "#000000")], "")
    wanted = QFontMetrics(ui_font(CAPTION_SCALE)).horizontalAdvance(NAME) + 2 * GRID
    bars.resize(wanted + LEAST_BAR + bars.widths()[1], 60)
    assert bars.widths()[0] == wanted
    bars.resize(bars.width() - 20, 60)
    assert bars.widths()[0] == wanted - 20
