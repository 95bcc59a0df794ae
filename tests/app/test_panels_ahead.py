"""Panels are built while nothing runs, and a page that nobody has written on offers nothing."""

from __future__ import annotations

from pathlib import Path

from pytestqt.qtbot import QtBot

from app.panels.frame import EmptyPage
from app.window.main_window import MainWindow
from tests.app.test_window import a_recording


def test_panels_are_built_before_the_first_run(qtbot: QtBot, window: MainWindow) -> None:
    assert any(dock.panel is None for dock in window.docks.values())
    window.control.state_changed.emit("idle")
    qtbot.waitUntil(lambda: all(dock.panel is not None for dock in window.docks.values()))


def test_panels_are_built_after_a_recording_was_opened_and_read_it_when_they_appear(
    qtbot: QtBot, window: MainWindow, tmp_path: Path
) -> None:
    with qtbot.waitSignal(window.shown.opened):
        window.open_path(str(a_recording(tmp_path / "one.dscope")))
    qtbot.waitUntil(lambda: all(dock.panel is not None for dock in window.docks.values()))
    dock = window.docks["requests"]
    assert dock.panel is not None
    assert dock.panel.session is None
    window.panels.bring_up("requests")
    qtbot.waitUntil(lambda: dock.panel is not None and dock.panel.session is window.shown.session)
    assert not dock.needs_refresh


def test_no_panel_is_built_while_a_run_goes_on(qtbot: QtBot, window: MainWindow) -> None:
    window.control.state_changed.emit("idle")
    assert window.ahead.active
    window.control.state_changed.emit("running")
    assert not window.ahead.active


def test_an_empty_page_offers_a_run_only_where_it_says_so(qtbot: QtBot) -> None:
    page = EmptyPage()
    qtbot.addWidget(page)
    assert page.run_button.isHidden()
    assert page.open_button.isHidden()
    page.say("Something appears here.", "run")
    assert not page.run_button.isHidden()
    assert page.open_button.isHidden()
    page.say("Something can be opened.", "open")
    assert page.run_button.isHidden()
    assert not page.open_button.isHidden()
