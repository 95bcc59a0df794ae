"""The dock around a panel: what its header says, and that a panel nobody sees costs nothing."""

from __future__ import annotations

from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QMainWindow
from pytestqt.qtbot import QtBot

from app.core.activity import Activity
from app.core.selection import Selected, Selection
from app.panels.base import PanelContext
from app.panels.frame import LEAST_BODY, PanelDock
from app.panels.kv_memory import KvMemoryPanel
from app.panels.registry import PANELS, entry
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
        assert dock.panel is not None
        dock.panel.context.selection.change(steps=(5, 9))
        assert dock.header.range.text() == said


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
        dock.panel.context.selection.change(step=step)
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
    assert "10 computed" in dock.header.figures.text()
    dock.show_session(session)
    assert dock.build().session is session


def test_the_header_says_what_is_pooled_at_the_size_that_is_shown(window: QMainWindow) -> None:
    """A layout that is restored gives a panel another size, without news and without another selection."""
    dock = dock_of(window, "attention", synthetic_session(250, attention_rows=300))
    window.setCentralWidget(dock)
    window.resize(360, 320)
    QApplication.processEvents()
    dock.refresh()
    assert "pooled" in dock.header.figures.text()
    window.resize(1400, 1100)
    QApplication.processEvents()
    assert "pooled" not in dock.header.figures.text()
    window.resize(360, 320)
    QApplication.processEvents()
    assert "pooled" in dock.header.figures.text()


def test_the_header_shows_the_figures_of_the_page_that_is_shown(window: QMainWindow, session: Session) -> None:
    dock = dock_of(window, "kv-memory", session)
    panel = dock.panel
    assert isinstance(panel, KvMemoryPanel)
    assert dock.header.figures.text().startswith("after step 39, the last")
    panel.pages.picked.emit("all")
    assert dock.header.figures.text().startswith("at the peak, step 0")
    panel.pages.picked.emit("layers")
    assert dock.header.figures.text().startswith("after step 39, the last")


@pytest.mark.parametrize("name", [one.name for one in PANELS])
def test_no_header_keeps_the_figures_of_the_session_before(window: QMainWindow, session: Session, name: str) -> None:
    dock = dock_of(window, name, session)
    window.addDockWidget(Qt.DockWidgetArea.LeftDockWidgetArea, dock)
    dock.refresh()
    dock.show_session(None)
    assert dock.header.figures.text() == ""
    dock.show_session(synthetic_session(7))
    dock.refresh()
    assert dock.panel is not None
    assert dock.header.figures.text() == dock.panel.figures()


@pytest.mark.parametrize("told_first", ["run", "session"])
def test_a_panel_that_waits_for_its_turn_in_a_run_says_so_and_offers_none(
    qtbot: QtBot, window: QMainWindow, session: Session, told_first: str
) -> None:
    """The first steps may be there before it is known that a run goes on."""
    activity = Activity(window)
    context = PanelContext(Selection(window), RecordingControl(), activity=activity)
    dock = PanelDock(entry("redundancy"), context, window)
    window.addDockWidget(Qt.DockWidgetArea.LeftDockWidgetArea, dock)
    window.show()
    qtbot.waitUntil(lambda: dock.is_seen)
    dock.show_session(Session())
    dock.refresh()
    assert not dock._empty.run_button.isHidden()
    if told_first == "run":
        activity.show("", runs=True)
        dock.show_session(session)
    else:
        dock.show_session(session)
        activity.show("", runs=True)
    assert (dock._empty.sentence.text(), dock._empty.run_button.isHidden()) == (
        "Running: it appears here in a moment.",
        True,
    )
    assert dock._empty.isVisibleTo(dock)
    dock.refresh()
    assert not dock._empty.isVisibleTo(dock)
    activity.show("", runs=False)
    assert not dock._empty.isVisibleTo(dock)


@pytest.mark.parametrize(
    ("name", "position", "offered"), [("kernels", None, "open"), ("inspector", 0, ""), ("inspector", None, "")]
)
def test_an_empty_panel_offers_what_would_fill_it(
    qtbot: QtBot, window: QMainWindow, name: str, position: int | None, offered: str
) -> None:
    """No run fills the panel of imported traces, nor gives a prompt's position an answer."""
    selection = Selection(window)
    dock = PanelDock(entry(name), PanelContext(selection, RecordingControl()), window)
    window.addDockWidget(Qt.DockWidgetArea.LeftDockWidgetArea, dock)
    window.show()
    qtbot.waitUntil(lambda: dock.is_seen)
    dock.show_session(synthetic_session(4))
    selection.change(request=0, position=position)
    dock.refresh()
    page = dock._empty
    assert page.open_button.isVisibleTo(page) == (offered == "open")
    assert not page.run_button.isVisibleTo(page)
    if offered == "open":
        with qtbot.waitSignal(dock.wants_open):
            page.open_button.click()


def test_a_panel_of_rows_asks_for_more_height_than_it_can_do_with(qtbot: QtBot, window: QMainWindow) -> None:
    dock = PanelDock(entry("requests"), PanelContext(Selection(window), RecordingControl()), window)
    window.addDockWidget(Qt.DockWidgetArea.LeftDockWidgetArea, dock)
    window.show()
    qtbot.waitUntil(lambda: dock.is_seen)
    dock.show_session(synthetic_session(4))
    dock.refresh()
    window.resize(600, dock.minimumSizeHint().height() + 100)
    assert dock.missing_height() > 0
