"""Titles of charts are drawn whole in every script: glyphs of a fallback font can be higher than a line of the font."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from PySide6.QtCore import QPointF
from PySide6.QtGui import QColor, QPainter, QPixmap
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from app.look.theme import CAPTION_SCALE, GRID, theme, ui_font
from app.widgets.factor_chart import FactorChart
from app.widgets.layer_strip import LayerStrip
from app.widgets.painted import caption_height
from app.widgets.roofline_chart import RooflineChart
from engine.session.schema import PHASES
from tests.app.pictures import pixels

TITLE = "教科书所说的范围以带状表示国"


def factors() -> QWidget:
    chart = FactorChart()
    chart.title = TITLE
    return chart


def strip() -> QWidget:
    chart = LayerStrip()
    chart.show_step(np.ones((4, len(PHASES)), np.float32), TITLE)
    return chart


def roofline() -> QWidget:
    chart = RooflineChart()
    chart.y_title = TITLE
    return chart


def rows_with_ink(picture: QPixmap, bottom: int) -> int:
    """How many rows of pixels above `bottom` differ from the ground."""
    rows = pixels(picture.toImage())[:bottom]
    return int((rows != rows[0, -1]).any(axis=(1, 2)).sum())


@pytest.mark.parametrize("make", [factors, strip, roofline])
def test_a_chinese_title_is_drawn_whole(qtbot: QtBot, make: Callable[[], QWidget]) -> None:
    chart = make()
    qtbot.addWidget(chart)
    chart.resize(900, 300)
    whole = QPixmap(900, 60)
    whole.fill(QColor(theme().panel))
    painter = QPainter(whole)
    painter.setFont(ui_font(CAPTION_SCALE))
    painter.setPen(QColor(theme().muted))
    painter.drawText(QPointF(2 * GRID, 30), TITLE)
    painter.end()
    head = round(caption_height() + GRID)
    assert rows_with_ink(chart.grab(), head) >= rows_with_ink(whole, 60)
