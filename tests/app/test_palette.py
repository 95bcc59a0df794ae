"""The command palette: what it lists, and what it says when nothing fits."""

from __future__ import annotations

import pytest
from PySide6.QtWidgets import QLineEdit, QListWidget, QMainWindow
from pytestqt.qtbot import QtBot

from app.dialogs.palette import KEYS, CommandPalette


@pytest.fixture
def window(qtbot: QtBot) -> QMainWindow:
    made = QMainWindow()
    qtbot.addWidget(made)
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
