"""Panels alone, as the window would hold them."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from app.core.selection import Selection
from app.panels.base import Panel, PanelContext
from engine.session.store import Session


class NoEngine:
    """An engine nobody talks to."""

    suite_progress: tuple[int, int] | None = None

    def set_switches(self, changes: dict[str, Any]) -> None:
        raise AssertionError("this panel only reads")

    def set_probe(self, probe: object) -> None:
        raise AssertionError("this panel only reads")


def show(qtbot: QtBot, cls: type[Panel], session: Session, width: int = 900, height: int = 400) -> Panel:
    """The panel with a session drawn in it, following its own selection."""
    selection = Selection()
    panel = cls(PanelContext(selection, NoEngine()))
    selection.setParent(panel)
    selection.changed.connect(panel.select)
    qtbot.addWidget(panel)
    panel.resize(width, height)
    panel.show()
    panel.show_session(session)
    panel.refresh()
    QApplication.processEvents()
    return panel


def click(widget: QWidget, x: float, y: float) -> None:
    """Press and release the left button at a place of the widget."""
    for kind in (QMouseEvent.Type.MouseButtonPress, QMouseEvent.Type.MouseButtonRelease):
        event = QMouseEvent(
            kind, QPointF(x, y), widget.mapToGlobal(QPointF(x, y)), Qt.MouseButton.LeftButton,
            Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier,
        )  # fmt: skip
        QApplication.sendEvent(widget, event)


def colour_at(widget: QWidget, x: float, y: float) -> str:
    """The colour that is drawn at a place of the widget, as #rrggbb."""
    return widget.grab().toImage().pixelColor(round(x), round(y)).name()
