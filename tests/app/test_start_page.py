"""The start page: there while no session is, with everything one can begin with, by mouse and by keyboard."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QFileDialog
from pytestqt.qtbot import QtBot

from app.core.preferences import Preferences
from app.look import theme
from app.widgets.tile import Tile
from app.window.feed import Feed
from app.window.main_window import MainWindow
from engine.client.recordings import Recordings
from engine.host import protocol
from engine.session.writer import SessionWriter
from tests.app.conftest import Engines, WindowMaker, loads_sent
from tests.app.test_saving import a_recording, open_


def press(qtbot: QtBot, tile: Tile) -> None:
    qtbot.mouseClick(tile, Qt.MouseButton.LeftButton)


def seen(window: MainWindow) -> list[str]:
    """The panels that can be seen."""
    return [name for name, dock in window.docks.items() if dock.isVisible()]


def settled(qtbot: QtBot, window: MainWindow) -> None:
    """Wait until the facts of the recent recordings are there."""
    qtbot.waitUntil(lambda: not window.jobs.busy)


def test_it_stands_in_place_of_the_panels(window: MainWindow) -> None:
    assert window.start.page.isVisible()
    assert seen(window) == []
    assert not window.strip.isVisible()
    assert [tile.title for tile in window.start.page.start.values()] == [
        "Run the demo", "Open a model…", "Open a recording…", "Attach to a server…",
    ]  # fmt: skip
    assert len(window.start.page.scenarios) == 9
    assert not window.start.page.back.isVisible()


def test_no_panel_is_built_before_the_window_can_be_seen(
    make: WindowMaker, engines: Engines, recordings: Recordings
) -> None:
    window = make(Feed(engines, SessionWriter, recordings))
    assert window.start.page.isVisible()
    assert all(dock.panel is None for dock in window.docks.values())


def test_the_demo_runs_and_the_page_is_gone(qtbot: QtBot, window: MainWindow, engines: Engines) -> None:
    press(qtbot, window.start.page.start["demo"])
    qtbot.waitUntil(lambda: window.shown.session is not None)
    assert not window.start.page.isVisible()
    assert window.strip.isVisible()
    assert "timeline" in seen(window)
    assert loads_sent(engines) == ["demo"]


def test_another_model_gives_way_to_the_demo(qtbot: QtBot, window: MainWindow, engines: Engines) -> None:
    window.model.load("/some/folder")
    press(qtbot, window.start.page.start["demo"])
    qtbot.waitUntil(lambda: window.shown.session is not None)
    assert loads_sent(engines) == ["demo", "/some/folder", "demo"]


def test_a_press_before_the_model_is_loaded_waits_and_says_so(
    qtbot: QtBot, make: WindowMaker, engines: Engines, recordings: Recordings
) -> None:
    window = make(Feed(engines, SessionWriter, recordings))
    demo = window.start.page.start["demo"]
    window.control.start("demo")
    press(qtbot, demo)
    assert demo.sentence == "It begins as soon as the model is loaded."
    qtbot.waitUntil(lambda: window.shown.session is not None)
    assert not window.start.page.isVisible()


def test_a_scenario_is_set_up_and_run(qtbot: QtBot, window: MainWindow, engines: Engines) -> None:
    press(qtbot, window.start.page.scenarios["1"])
    qtbot.waitUntil(lambda: window.shown.session is not None)
    assert not window.start.page.isVisible()
    assert window.scenarios.note.isVisible()
    (command,) = engines.commands(protocol.Start)
    assert isinstance(command, protocol.Start)
    assert window.run_panel.switches.switches.kv == "none"


def test_a_scenario_that_cannot_run_is_greyed_with_its_reason(qtbot: QtBot, window: MainWindow) -> None:
    from engine.session import schema

    window.feed.model_ready.emit(schema.ModelReady({"model": "m"}, {"kv=none": "There is no such cache here."}))
    tile = window.start.page.scenarios["1"]
    assert not tile.isEnabled()
    assert tile.sentence == "There is no such cache here."
    assert window.start.page.scenarios["3"].isEnabled()


def test_the_menu_brings_it_back_and_escape_or_its_button_leaves_it(
    qtbot: QtBot, window: MainWindow, tmp_path: Path
) -> None:
    open_(qtbot, window, a_recording(tmp_path / "a.dscope"))
    window.panels.bring_up("latency")
    window.docks["attention"].close()
    before = seen(window)
    window.menus.actions["start_page"].trigger()
    assert seen(window) == []
    assert window.start.page.back.isVisible()
    window.menus.actions["clear"].trigger()
    assert seen(window) == before
    window.menus.actions["start_page"].trigger()
    window.start.page.back.click()
    assert seen(window) == before
    assert not window.start.page.isVisible()


def test_a_panel_that_is_asked_for_takes_the_pages_place(window: MainWindow) -> None:
    window.panels.bring_up("latency")
    assert not window.start.page.isVisible()
    assert window.docks["latency"].isVisible()


def test_recent_recordings_have_name_model_and_size(qtbot: QtBot, window: MainWindow, tmp_path: Path) -> None:
    path = a_recording(tmp_path / "tale.dscope")
    (tmp_path / "broken.dscope").write_text("no session")
    window.preferences.remember_session(str(tmp_path / "gone.dscope"))
    window.preferences.remember_session(str(tmp_path / "broken.dscope"))
    window.preferences.remember_session(str(path))
    window.start.retranslate()
    settled(qtbot, window)
    tale, broken = (tile for tile in window.start.page.recent if tile.isVisible())
    assert tale.title == "tale"
    assert tale.sentence.startswith("synthetic · 50 tokens · ")
    assert tale.sentence.endswith("KiB")
    assert broken.title == "broken"
    assert not broken.isEnabled()
    assert "not a session file" in broken.sentence
    with qtbot.waitSignal(window.shown.opened):
        press(qtbot, tale)
    assert not window.start.page.isVisible()


def test_the_other_tiles_do_what_the_menus_do(
    qtbot: QtBot, window: MainWindow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = a_recording(tmp_path / "a.dscope")
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(path), ""))
    with qtbot.waitSignal(window.shown.opened):
        press(qtbot, window.start.page.start["recording"])
    window.menus.actions["start_page"].trigger()
    asked: list[str] = []
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: asked.append("model") or "")
    press(qtbot, window.start.page.start["model"])
    assert asked == ["model"]


def test_arrows_walk_and_enter_presses(qtbot: QtBot, window: MainWindow) -> None:
    page = window.start.page
    window.activateWindow()
    page.start["demo"].setFocus()
    qtbot.waitUntil(page.start["demo"].hasFocus)
    for key, tile in (
        (Qt.Key.Key_Down, page.start["model"]),
        (Qt.Key.Key_Down, page.start["recording"]),
        (Qt.Key.Key_Down, page.start["server"]),
        (Qt.Key.Key_Down, page.scenarios["1"]),
        (Qt.Key.Key_Right, page.scenarios["2.1"]),
        (Qt.Key.Key_Down, page.scenarios["4"]),
        (Qt.Key.Key_Left, page.scenarios["3"]),
        (Qt.Key.Key_Up, page.scenarios["1"]),
    ):
        qtbot.keyClick(QApplication.focusWidget(), key)
        assert tile.hasFocus(), tile.title
    qtbot.keyClick(page.scenarios["1"], Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: window.shown.session is not None)


def test_every_tile_can_be_reached_and_is_named(window: MainWindow) -> None:
    for tile in window.start.page.tiles:
        if tile.isVisible():
            assert tile.focusPolicy() & Qt.FocusPolicy.TabFocus
            assert tile.accessibleName()
            assert tile.accessibleDescription()
            assert tile.toolTip()


@pytest.mark.parametrize(("width", "height"), [(900, 600), (1280, 800), (1600, 1000)])
@pytest.mark.parametrize("language", ["en", "zh_CN"])
def test_everything_fits_in_width(
    window: MainWindow, preferences: Preferences, language: str, width: int, height: int
) -> None:
    window.menus.choices["language"][language].trigger()
    window.resize(width, height)
    QApplication.processEvents()
    page = window.start.page
    inside = page.widget()
    assert inside.width() <= page.viewport().width()
    boxes = [tile.rect().translated(tile.mapTo(inside, tile.rect().topLeft())) for tile in page.tiles
             if tile.isVisible()]  # fmt: skip
    assert all(inside.rect().contains(box) for box in boxes)
    assert not any(one.intersects(other) for at, one in enumerate(boxes) for other in boxes[:at])
    if width >= 1280:
        assert inside.height() <= page.viewport().height()
    page.scenarios["8"].setFocus(Qt.FocusReason.TabFocusReason)
    QApplication.processEvents()
    seen_height = page.scenarios["8"].visibleRegion().boundingRect().height()
    window.menus.choices["language"]["en"].trigger()  # the translators are the application's
    assert seen_height == page.scenarios["8"].height()


def test_it_takes_the_theme_of_the_window(window: MainWindow) -> None:
    for scheme, colours in (("light", theme.LIGHT), ("dark", theme.DARK)):
        window.menus.choices["theme"][scheme].trigger()
        tile = window.start.page.scenarios["8"]
        assert tile.grab().toImage().pixelColor(20, 4).name() == colours.panel


def test_the_arrangement_of_last_time_comes_with_the_first_session(
    qtbot: QtBot, window: MainWindow, make: WindowMaker, engines: Engines, recordings: Recordings, tmp_path: Path
) -> None:
    window.start.leave()
    window.docks["timeline"].close()
    window.close()
    again = make(Feed(engines, SessionWriter, recordings))
    assert again.start.page.isVisible()
    open_(qtbot, again, a_recording(tmp_path / "a.dscope"))
    assert "timeline" not in seen(again)
    assert "latency" in seen(again)


def test_a_page_that_is_closed_keeps_the_arrangement_of_last_time(
    window: MainWindow, make: WindowMaker, engines: Engines, recordings: Recordings, preferences: Preferences
) -> None:
    window.start.leave()
    window.docks["timeline"].close()
    window.close()
    make(Feed(engines, SessionWriter, recordings)).close()
    third = make(Feed(engines, SessionWriter, recordings))
    third.start.leave()
    assert "timeline" not in seen(third)
