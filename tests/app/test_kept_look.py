"""Labels keep the theme's font and colour, whatever Qt's style sheet does with them."""

from __future__ import annotations

import pytest
from PySide6.QtWidgets import QApplication, QDockWidget, QLabel, QMainWindow, QWidget
from pytestqt.qtbot import QtBot

from app.look.theme import CAPTION_SCALE, theme, ui_font
from app.widgets.kept_look import keep_look
from app.window.main_window import MainWindow


def switch_theme(window: MainWindow, qtbot: QtBot) -> None:
    other = "light" if theme().dark else "dark"
    window.menus.choices["theme"][other].trigger()
    qtbot.waitUntil(lambda: theme().name == other)
    QApplication.processEvents()


def looks(window: MainWindow) -> list[tuple[float, bool]]:
    bar, side = window.status, window.run_panel
    header = window.docks["timeline"].header
    return [
        (label.font().pointSizeF(), label.font().bold())
        for label in (
            bar.state, bar.rate, bar.device, bar.file, bar.dropped, bar.overhead, side.facts, side._labels["model"],
            header.title, header.figures, side.text.facts, side.text._caption,
        )
    ]  # fmt: skip


def test_no_font_changes_when_the_theme_does(qtbot: QtBot, window: MainWindow) -> None:
    QApplication.processEvents()
    before = looks(window)
    caption = ui_font(CAPTION_SCALE).pointSizeF()
    assert before[:7] == [(pytest.approx(caption), False)] * 7
    for _ in range(3):
        switch_theme(window, qtbot)
        assert looks(window) == before


def test_a_label_keeps_its_look_under_another_parent_and_takes_the_colours_of_a_new_theme(
    qtbot: QtBot, window: MainWindow
) -> None:
    label = QLabel("x")
    keep_look(label, scale=CAPTION_SCALE, bold=True, muted=True)
    main, holder = QMainWindow(), QWidget()
    qtbot.addWidget(main)
    label.setParent(holder)
    dock = QDockWidget(main)
    dock.setWidget(holder)
    main.statusBar().addWidget(label)
    for _ in range(2):
        assert label.font() == ui_font(CAPTION_SCALE, bold=True)
        assert label.palette().color(label.foregroundRole()).name() == theme().muted
        switch_theme(window, qtbot)
