""" "What does this show?" opens words that can be read, by mouse and by keyboard, and that Esc closes."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from app.dialogs.panel_help import PanelHelp
from app.panels.help_words import HOW_TO_READ
from app.panels.latency import LatencyPanel
from app.panels.registry import PANELS
from app.window.main_window import MainWindow
from tests.engine.session.synthetic import synthetic_session


def opened(window: MainWindow) -> list[PanelHelp]:
    return [one for one in window.findChildren(PanelHelp) if one.isVisible()]


@pytest.mark.parametrize("name", [entry.name for entry in PANELS])
def test_every_panel_says_what_it_shows(qtbot: QtBot, window: MainWindow, name: str) -> None:
    dock = window.docks[name]
    window.panels.bring_up(name)
    dock.header._help.trigger()
    (box,) = opened(window)
    text = box.text.text()
    assert dock.entry.help() in text
    assert HOW_TO_READ[name] in text
    assert "● measured" in text
    assert box.windowTitle() == dock.entry.title()
    assert box.accessibleDescription() == box.text.accessibleDescription() == text
    assert box.text.height() >= box.text.heightForWidth(box.text.width())
    box.text.setFocus()
    qtbot.waitUntil(box.text.hasFocus)  # a keyboard reaches the words themselves
    qtbot.keyClick(box.text, Qt.Key.Key_Escape)
    assert opened(window) == []


def test_the_key_asks_of_the_panel_with_the_focus(qtbot: QtBot, window: MainWindow) -> None:
    window.shown.show(synthetic_session(40), "")
    window.panels.bring_up("latency")
    panel = window.docks["latency"].build()
    assert isinstance(panel, LatencyPanel)
    panel.chart.setFocus()
    qtbot.waitUntil(panel.chart.hasFocus)
    assert window.menus.actions["panel_help"].shortcut().toString() == "F1"
    window.menus.actions["panel_help"].trigger()
    (box,) = opened(window)
    assert box.windowTitle() == "Latency"
    box.reject()
