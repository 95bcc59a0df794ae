"""Keys without modifiers in the real window: whatever has the focus, one press is one step."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QAbstractButton, QApplication, QWidget
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


def test_a_click_on_a_switch_leaves_the_focus_so_that_space_still_runs(qtbot: QtBot, window: MainWindow) -> None:
    window.start.leave()
    window.strip.setFocus()
    qtbot.waitUntil(window.strip.hasFocus)
    ran: list[str] = []
    window.menus.actions["run"].triggered.connect(lambda: ran.append("run"))
    paged = next(one for one in window.run_panel.findChildren(QAbstractButton) if one.text() == "paged")
    qtbot.mouseClick(paged, Qt.MouseButton.LeftButton)
    assert paged.isChecked()
    focus = QApplication.focusWidget()
    assert focus is window.strip
    qtbot.keyClick(focus, Qt.Key.Key_Space)
    assert ran == ["run"]


def test_no_button_takes_the_focus_by_a_click(window: MainWindow, attention: AttentionPanel) -> None:
    for dock in window.docks.values():
        dock.build()
    buttons = window.findChildren(QAbstractButton)
    assert attention.log_box in buttons
    taking = [one for one in buttons if one.focusPolicy() & Qt.FocusPolicy.ClickFocus]
    assert [(one.accessibleName() or one.text(), one.parent()) for one in taking] == []
