"""The window can be made small whatever it shows, and the run panel keeps its width meanwhile."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QSize
from PySide6.QtGui import QFontMetrics
from PySide6.QtWidgets import QApplication, QTabBar
from pytestqt.qtbot import QtBot

from app.panels.panel_scroll import PanelScroll
from app.window.main_window import LEAST_SIZE, MainWindow
from app.window.run_panel import WIDTH
from tests.engine.session.synthetic import synthetic_session

SMALL, USUAL, LARGE = LEAST_SIZE, QSize(1280, 800), QSize(1900, 1000)


def resize(window: MainWindow, size: QSize) -> None:
    window.resize(size)
    for _ in range(6):
        QApplication.processEvents()


@pytest.fixture
def filled(window: MainWindow) -> MainWindow:
    """Every panel has been looked at in a large window, in three columns and three rows."""
    window.shown.show(synthetic_session(60, requests=3), "")
    resize(window, LARGE)
    window.panels.restore_layout()
    for name in window.docks:
        window.panels.bring_up(name)
        QApplication.processEvents()
    resize(window, LARGE)
    return window


def test_a_window_that_was_large_can_be_made_small(filled: MainWindow) -> None:
    resize(filled, USUAL)
    assert filled.size() == USUAL
    resize(filled, SMALL)
    assert filled.size() == SMALL
    assert (LEAST_SIZE.width(), LEAST_SIZE.height()) == (900, 600)
    bottom = filled.statusBar().geometry().top()
    for dock in filled.docks.values():  # no dock reaches over the status bar or the window's edge
        if dock.is_seen:
            assert dock.geometry().bottom() <= bottom
            assert dock.geometry().right() <= SMALL.width() + 4


def test_the_run_panel_keeps_its_width(filled: MainWindow) -> None:
    for size in (USUAL, SMALL, LARGE, SMALL, LARGE):
        resize(filled, size)
        assert filled.side.width() == pytest.approx(WIDTH, abs=4)


def test_the_name_of_no_panel_is_cut(filled: MainWindow) -> None:
    """Where not all tabs have room they are scrolled, and the one in front is whole."""
    first, *others = filled.docks.values()
    for dock in others:
        filled.tabifyDockWidget(first, dock)
    filled.panels.bring_up("roofline")
    resize(filled, SMALL)
    bars = [bar for bar in filled.findChildren(QTabBar) if bar.count() > 10]
    assert bars
    for bar in bars:
        tab = bar.tabRect(bar.currentIndex())
        text = QFontMetrics(bar.font()).horizontalAdvance(bar.tabText(bar.currentIndex()))
        assert tab.width() >= text + 2 * 12  # the padding of a tab
        assert bar.rect().contains(tab)


def test_a_panel_is_never_smaller_than_it_can_be(filled: MainWindow) -> None:
    for size in (USUAL, SMALL):
        resize(filled, size)
        for scroll in filled.findChildren(PanelScroll):
            if not scroll.visibleRegion().isEmpty():
                panel = scroll.widget()
                assert panel.width() >= panel.minimumSizeHint().width()
                assert panel.height() >= panel.minimumSizeHint().height()


def test_a_panel_that_comes_up_gets_the_height_that_it_needs(qtbot: QtBot, window: MainWindow) -> None:
    window.shown.show(synthetic_session(60, requests=3), "")
    resize(window, USUAL)
    window.panels.restore_layout()
    resize(window, USUAL)
    dock = window.docks["batch"]
    window.panels.bring_up("batch")
    qtbot.waitUntil(lambda: dock.panel is not None and dock.is_seen and dock.missing_height() == 0)
    assert dock.panel is not None
    assert dock.widget().height() >= dock.panel.minimumSizeHint().height()
