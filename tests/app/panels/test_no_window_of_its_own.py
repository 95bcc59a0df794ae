"""A part of a panel that is shown before it has its place would be a window of its own for a moment, and take the
focus from the window.
"""

from __future__ import annotations

import pytest
from PySide6.QtCore import QEvent, QObject
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from app.core.selection import Selection
from app.panels.base import PanelContext
from app.panels.registry import PANELS, entry
from engine.session.store import Session
from tests.app.panels.acting import RecordingControl
from tests.engine.session.synthetic import synthetic_session


class Shown(QObject):
    """Notes the windows that are shown."""

    def __init__(self) -> None:
        super().__init__()
        self.windows: list[str] = []

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Show and isinstance(watched, QWidget) and watched.isWindow():
            self.windows.append(type(watched).__name__)
        return False


@pytest.fixture(scope="module")
def session() -> Session:
    return synthetic_session(30)


@pytest.mark.parametrize("name", [one.name for one in PANELS])
def test_a_panel_opens_no_window_while_it_is_built(
    qtbot: QtBot, qapp: QApplication, session: Session, name: str
) -> None:
    shown = Shown()
    qapp.installEventFilter(shown)
    try:
        panel = entry(name).make(PanelContext(Selection(), RecordingControl()))
        qtbot.addWidget(panel)
        panel.show_session(session)
        panel.refresh()
        panel.restyle()
    finally:
        qapp.removeEventFilter(shown)
    assert shown.windows == []
