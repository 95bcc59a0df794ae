"""The command palette: what it lists, and what it says when nothing fits."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QCoreApplication, QEvent, Qt
from PySide6.QtWidgets import QLineEdit, QListWidget, QMainWindow
from pytestqt.qtbot import QtBot

from app.dialogs.palette import KEYS, CommandPalette
from app.window.feed import Feed
from app.window.main_window import MainWindow
from engine.client.recordings import Recordings
from engine.session.writer import SessionWriter
from tests.app.conftest import Engines, WindowMaker


@pytest.fixture
def window(qtbot: QtBot) -> QMainWindow:
    made = QMainWindow()
    qtbot.addWidget(made)
    return made


@pytest.fixture
def shown(qtbot: QtBot, make: WindowMaker, engines: Engines, recordings: Recordings) -> MainWindow:
    """The program's own window, whose scripted engine has loaded its model."""
    feed = Feed(engines, SessionWriter, recordings)
    made = make(feed)
    with qtbot.waitSignal(feed.model_ready):
        made.control.start("demo")
    qtbot.waitUntil(lambda: made.control.state == "idle")
    return made


def palette_of(window: QMainWindow) -> tuple[CommandPalette, QLineEdit, QListWidget, list[str]]:
    ran: list[str] = []
    menu = window.menuBar().addMenu("&Run")
    menu.addAction("&Step", "F10", lambda: ran.append("step"))
    menu.addAction("S&top", lambda: ran.append("stop"))
    palette = CommandPalette([menu], window)
    typed, listed = palette.findChild(QLineEdit), palette.findChild(QListWidget)
    assert typed is not None
    assert listed is not None
    return palette, typed, listed, ran


def test_an_entry_holds_its_name_and_its_keys_apart(window: QMainWindow) -> None:
    _, _, listed, _ = palette_of(window)
    items = [listed.item(row) for row in range(listed.count())]
    assert [(item.text(), item.data(KEYS)) for item in items if item is not None] == [
        ("Run: Step", "F10"),
        ("Run: Stop", ""),
    ]


def test_words_that_no_command_has_are_said_to_have_none(window: QMainWindow) -> None:
    palette, typed, listed, ran = palette_of(window)
    typed.setText("no such thing")
    (item,) = [listed.item(row) for row in range(listed.count())]
    assert item is not None
    assert item.text() == "No command has these words."
    assert not item.flags()
    palette._run()
    assert ran == []


def test_a_long_name_does_not_push_the_keys_out_of_sight(window: QMainWindow) -> None:
    menu = window.menuBar().addMenu("&File")
    menu.addAction("/a/very/long/path" * 12)
    palette = CommandPalette([menu], window)
    palette.show()
    listed = palette.findChild(QListWidget)
    assert listed is not None
    assert listed.visualItemRect(listed.item(0)).width() <= listed.viewport().width()


def test_a_name_comes_before_entries_that_only_have_its_words(window: QMainWindow) -> None:
    scenarios, view = window.menuBar().addMenu("&Scenarios"), window.menuBar().addMenu("&View")
    scenarios.addAction("2.2  Memory of the KV cache")
    scenarios.addAction("KV memory by hand")
    view.addAction("KV &memory")
    palette = CommandPalette([scenarios, view], window)
    typed, listed = palette.findChild(QLineEdit), palette.findChild(QListWidget)
    assert typed is not None
    assert listed is not None
    typed.setText("kv  memory")
    assert [listed.item(row).text() for row in range(listed.count())] == [
        "View: KV memory",
        "Scenarios: KV memory by hand",
        "Scenarios: 2.2  Memory of the KV cache",
    ]
    typed.setText("")
    assert listed.item(0).text().startswith("Scenarios: 2.2")


def palette_in(shown: MainWindow) -> tuple[CommandPalette, QLineEdit, QListWidget]:
    shown.menus.actions["palette"].trigger()
    (palette,) = shown.findChildren(CommandPalette)
    typed, listed = palette.findChild(QLineEdit), palette.findChild(QListWidget)
    assert typed is not None
    assert listed is not None
    return palette, typed, listed


def rows(listed: QListWidget) -> list[tuple[str, str]]:
    return [(listed.item(row).text(), listed.item(row).data(KEYS)) for row in range(listed.count())]


@pytest.mark.parametrize("name", ["kv", "attention", "graphs", "speculate", "batching", "detail"])
def test_the_values_of_a_switch_are_found_by_its_name(shown: MainWindow, name: str) -> None:
    palette, typed, listed = palette_in(shown)
    typed.setText(name)
    _, segments = shown.run_panel.switch_rows()[name]
    found = [row for row in rows(listed) if row[0].startswith(f"Switches: {name}: ")]
    assert [text.split(": ")[2].split(" ")[0] for text, _ in found] == list(segments.buttons)
    assert [text.split(": ")[2].split(" ")[0] for text, right in found if right == "✓ now"] == [segments.value]
    palette.close()


def test_a_picked_value_flips_its_switch(shown: MainWindow, qtbot: QtBot) -> None:
    _, typed, _ = palette_in(shown)
    typed.setText("kv paged")
    with qtbot.waitSignal(shown.run_panel.switches_flipped) as flipped:
        qtbot.keyClick(typed, Qt.Key.Key_Return)
    assert flipped.args == [{"kv": "paged"}]
    assert shown.run_panel.switches.switches.kv == "paged"


def test_a_value_that_cannot_be_used_is_greyed_with_its_reason(shown: MainWindow, qtbot: QtBot) -> None:
    palette, typed, listed = palette_in(shown)
    typed.setText("attention triton")
    assert rows(listed) == [("Switches: attention: triton", "Triton needs a CUDA device.")]
    assert not listed.item(0).flags()
    qtbot.keyClick(typed, Qt.Key.Key_Return)
    assert palette.isVisible()
    assert shown.run_panel.switches.switches.attention != "triton"
    palette.close()


@pytest.mark.parametrize("types", [False, True])
def test_an_entry_that_is_gone_meanwhile_is_not_offered(shown: MainWindow, qtbot: QtBot, types: bool) -> None:
    """A file that is opened while the palette is open puts the recent files anew."""
    shown.menus.show_recent([("/a.dscope", "alpha")], lambda _: None, lambda: None)
    palette, typed, listed = palette_in(shown)
    typed.setText("alpha")
    assert len(rows(listed)) == 1
    shown.menus.show_recent([], lambda _: None, lambda: None)
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    if types:
        typed.setText("alph")
        assert [text for text, _ in rows(listed)] == ["No command has these words."]
    qtbot.keyClick(typed, Qt.Key.Key_Return)
    assert not palette.isVisible()
