"""Keys without modifiers in the real window: whatever has the focus, one press is one step."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from app.panels.attention import AttentionPanel
from app.window.main_window import MainWindow
from tests.engine.session.synthetic import synthetic_session


@pytest.fixture
def attention(qtbot: QtBot, window: MainWindow) -> AttentionPanel:
    window.shown.show(synthetic_session(30), "")
    window.panels.bring_up("attention")
    dock = window.docks["attention"]
    qtbot.waitUntil(lambda: dock.is_seen and dock.panel is not None)
    panel = dock.panel
    assert isinstance(panel, AttentionPanel)
    return panel


def press(qtbot: QtBot, widget: QWidget, key: Qt.Key) -> None:
    widget.setFocus()
    qtbot.waitUntil(widget.hasFocus)
    qtbot.keyClick(widget, key)


def test_arrows_in_the_attention_map_walk_rows_and_layers(
    qtbot: QtBot, window: MainWindow, attention: AttentionPanel
) -> None:
    press(qtbot, attention.map.plot, Qt.Key.Key_Left)
    assert attention.query_shown == 31  # the newest row is 32
    assert window.selection.now.layer == 0
    press(qtbot, attention.map.plot, Qt.Key.Key_Down)
    assert window.selection.now.layer == 1


@pytest.mark.parametrize("key", [Qt.Key.Key_Down, Qt.Key.Key_Up, Qt.Key.Key_F, Qt.Key.Key_W, Qt.Key.Key_L])
def test_a_key_that_the_focused_widget_does_not_want_ends_somewhere(
    qtbot: QtBot, attention: AttentionPanel, key: Qt.Key
) -> None:
    """A check box wants none of them; the window must not hand them round for ever."""
    press(qtbot, attention.log_box, key)


def test_an_arrow_on_a_check_box_walks_the_session(qtbot: QtBot, window: MainWindow, attention: AttentionPanel) -> None:
    press(qtbot, attention.log_box, Qt.Key.Key_Down)
    assert window.selection.now.layer == 1
