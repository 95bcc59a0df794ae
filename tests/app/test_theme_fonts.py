"""The fonts of the theme: made once, right after the application's font changes, and never changed by who asks."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtGui import QFont
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.look.theme import CAPTION_SCALE, ui_font


@pytest.fixture
def application_font(qtbot: QtBot) -> Iterator[QFont]:
    before = QApplication.font()
    yield QFont(before)
    QApplication.setFont(before)


def test_a_scaled_font_follows_the_application(application_font: QFont) -> None:
    for points in (9.0, 20.0, 9.0):
        application_font.setPointSizeF(points)
        QApplication.setFont(application_font)
        for scale in (1.0, CAPTION_SCALE):
            assert ui_font(scale).pointSizeF() == pytest.approx(points * scale)
            assert ui_font(scale, bold=True).bold()
            assert not ui_font(scale).bold()
    application_font.setItalic(True)
    QApplication.setFont(application_font)
    assert ui_font().italic()


def test_who_changes_a_font_changes_no_other(application_font: QFont) -> None:
    mine = ui_font(CAPTION_SCALE)
    mine.setUnderline(True)
    mine.setPointSizeF(40.0)
    assert not ui_font(CAPTION_SCALE).underline()
    assert ui_font(CAPTION_SCALE).pointSizeF() == pytest.approx(CAPTION_SCALE * application_font.pointSizeF())


def test_figures_have_one_width(application_font: QFont) -> None:
    assert ui_font().featureValue(QFont.Tag("tnum")) == 1
