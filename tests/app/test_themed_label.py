"""A label shows whole lines of its text and says where it left some out."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QEvent, QPoint, QRect, Qt
from PySide6.QtGui import QFontMetrics, QHelpEvent
from PySide6.QtWidgets import QApplication, QGridLayout, QWidget
from pytestqt.qtbot import QtBot

from app.widgets.arranging import Placed, arrange
from app.widgets.themed_label import ThemedLabel
from tests.app.reading import tips

WORDS = "No attention of this head was recorded; tick the box below and run the prompt once more. 𝒳 is no ASCII."


def label(qtbot: QtBot, width: int, lines: int, text: str = WORDS) -> ThemedLabel:
    one = ThemedLabel(wrap=True)
    qtbot.addWidget(one)
    metrics = QFontMetrics(one.drawing_font())
    one.setText(text)
    one.resize(width, (lines - 1) * metrics.lineSpacing() + metrics.height())
    one.grab()
    return one


def tip_of(one: ThemedLabel) -> list[str]:
    with tips() as said:
        QApplication.sendEvent(one, QHelpEvent(QEvent.Type.ToolTip, QPoint(2, 2), QPoint(2, 2)))
    return [each.text for each in said]


@pytest.mark.parametrize("width", [120, 200, 400, 2000])
def test_with_room_all_of_it_is_shown(qtbot: QtBot, width: int) -> None:
    one = label(qtbot, width, 1)
    one.resize(width, one.heightForWidth(width))
    lines = one.shown_lines()
    assert " ".join(lines).split() == WORDS.split()
    metrics = QFontMetrics(one.drawing_font())
    assert all(metrics.horizontalAdvance(line) <= width for line in lines)
    assert tip_of(one) == []


@pytest.mark.parametrize("lines", [1, 2, 3])
def test_without_room_the_lines_that_fit_are_whole_and_the_tip_has_the_rest(qtbot: QtBot, lines: int) -> None:
    one = label(qtbot, 160, lines)
    shown = one.shown_lines()
    assert len(shown) == lines
    assert shown[-1].endswith("…")
    assert WORDS.startswith(" ".join(shown)[:-1].strip())
    assert tip_of(one) == [WORDS]


@pytest.mark.parametrize("scale", [0.7, 0.85, 1.0, 1.15])
def test_no_line_is_cut_through_at_any_scale_of_the_font(qtbot: QtBot, scale: float) -> None:
    one = ThemedLabel(wrap=True, scale=scale)
    qtbot.addWidget(one)
    one.setText(WORDS * 8)
    metrics = QFontMetrics(one.drawing_font())
    for height in range(20, 200, 7):
        one.resize(90, height)
        drawn = metrics.boundingRect(QRect(0, 0, 90, 10_000), 0, "\n".join(one.shown_lines()))
        assert drawn.height() <= height


def test_no_room_at_all(qtbot: QtBot) -> None:
    one = label(qtbot, 0, 1)
    one.resize(1, 1)
    one.setAlignment(Qt.AlignmentFlag.AlignCenter)
    one.grab()
    assert len(one.shown_lines()) == 1


def test_a_label_that_leaves_out_parts_says_all_of_them_in_its_tip(qtbot: QtBot) -> None:
    one = ThemedLabel(parts=True)
    qtbot.addWidget(one)
    one.setText("tokens = 4.06 s · of that prefill 121 ms · reference: 5.06 s")
    one.resize(2000, 20)
    assert tip_of(one) == []
    one.resize(QFontMetrics(one.drawing_font()).horizontalAdvance("tokens = 4.06 s · of that"), 20)
    assert one.shown() == "tokens = 4.06 s"
    assert tip_of(one) == [one.text()]


def test_a_label_that_was_arranged_anew_gets_the_room_of_a_longer_text(qtbot: QtBot) -> None:
    """The item of the place before lived on: the layout did not hear of the new height."""
    panel = QWidget()
    qtbot.addWidget(panel)
    panel.resize(300, 200)
    grid, label, rest = QGridLayout(panel), ThemedLabel(wrap=True), QWidget()
    for _ in range(2):
        arrange(grid, [Placed(label, 0, 0), Placed(rest, 1, 0)], rows=(0, 1), columns=(1,))
    panel.show()
    QApplication.processEvents()
    label.setText("a text that takes several lines in a panel which is as narrow as this one is here")
    QApplication.processEvents()
    assert label.height() == label.heightForWidth(label.width()) > 2 * label.sizeHint().height() - 4
