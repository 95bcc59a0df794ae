"""The dock around a panel: what its header says, and that a panel nobody sees costs nothing."""

from __future__ import annotations

from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QMainWindow
from pytestqt.qtbot import QtBot

from app.panels.base import PanelContext
from app.panels.frame import LEAST_BODY, PanelDock
from app.panels.registry import entry
from app.selection import Selected, Selection
from engine.session.store import Session
from tests.app.panels.acting import RecordingControl
from tests.engine.session.synthetic import synthetic_session


@pytest.fixture(scope="module")
def session() -> Session:
    return synthetic_session(40)


@pytest.fixture
def window(qtbot: QtBot) -> QMainWindow:
    window = QMainWindow()
    qtbot.addWidget(window)
    window.resize(900, 500)
    window.show()
    return window


def dock_of(window: QMainWindow, name: str, session: Session) -> PanelDock:
    selection = Selection(window)
    dock = PanelDock(entry(name), PanelContext(selection, RecordingControl()), window)
    selection.changed.connect(dock.select)
    dock.show_session(session)
    dock.refresh()
    return dock


def test_a_panel_that_is_not_of_a_range_does_not_say_so(window: QMainWindow, session: Session) -> None:
    for name, said in (("latency", "steps 5–9"), ("inspector", "")):
        dock = dock_of(window, name, session)
        dock._context.selection.change(steps=(5, 9))
        assert dock._header.range.text() == said


def test_a_hidden_panel_follows_the_selection_when_it_appears(
    window: QMainWindow, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    dock = dock_of(window, "redundancy", session)
    dock.hide()
    assert dock.panel is not None
    followed: list[Any] = []
    select = dock.panel.select

    def note(selected: Selected) -> None:
        followed.append(selected.step)
        select(selected)

    monkeypatch.setattr(dock.panel, "select", note)
    for step in (3, 4, 5):
        dock._context.selection.change(step=step)
    assert followed == []
    assert dock.needs_refresh
    dock.refresh()
    assert followed == [5]
    assert not dock.needs_refresh


def test_a_panel_that_needs_much_for_a_moment_does_not_make_the_window_grow(
    qtbot: QtBot, window: QMainWindow, session: Session
) -> None:
    """The KV memory panel wraps its calculator: narrow, as cells are while docks are arranged, it needs more height."""
    dock = dock_of(window, "kv-memory", session)
    window.addDockWidget(Qt.DockWidgetArea.RightDockWidgetArea, dock)
    panel, title = dock.build(), dock.titleBarWidget()
    assert title is not None
    panel.setMinimumHeight(600)
    QApplication.processEvents()
    assert dock.minimumSizeHint().height() <= LEAST_BODY.height() + title.height() + 4
    assert window.height() == 500


def test_a_hidden_panel_reads_another_session_when_it_appears(window: QMainWindow, session: Session) -> None:
    dock = dock_of(window, "redundancy", session)
    dock.hide()
    other = synthetic_session(7)
    dock.show_session(other)
    assert dock.panel is not None
    assert dock.panel.session is None  # not even the one before
    assert dock.needs_refresh
    dock.refresh()
    assert dock.panel.session is other
    assert "10 computed" in dock._header.figures.text()
    dock.show_session(session)
    assert dock.build().session is session
