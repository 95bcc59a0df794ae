"""Every control of the window can be named, explained and reached by keyboard."""

from __future__ import annotations

from PySide6.QtWidgets import QAbstractButton, QScrollArea, QTableWidget, QWidget
from pytestqt.qtbot import QtBot

from app.panels.base import Panel
from app.window.main_window import MainWindow
from tests.app.panels.test_reach import controls
from tests.engine.session.synthetic import synthetic_session


def unexplained(place: QWidget) -> list[str]:
    """The controls that have no name or no tooltip, as a person can find them."""
    missing = []
    for widget in controls(place):
        name = widget.accessibleName() or (widget.text() if isinstance(widget, QAbstractButton) else "")
        describes = hasattr(widget, "describe") or hasattr(widget, "tooltip") or hasattr(widget.parent(), "describe")
        # A panel has its sentence in its menu, a table in its heads and cells; what scrolls holds what is explained.
        describes = describes or isinstance(widget, Panel | QTableWidget | QScrollArea)
        explained = bool(widget.toolTip()) or describes
        if not name or not explained:
            missing.append(f"{type(widget).__name__} {name!r} {widget.toolTip()!r} of {type(widget.parent()).__name__}")
    return missing


def test_every_panel_and_the_run_panel(qtbot: QtBot, window: MainWindow) -> None:
    window.shown.show(synthetic_session(40, requests=2), "")
    found = {"run panel": unexplained(window.run_panel), "strip": unexplained(window.strip)}
    for name, dock in window.docks.items():
        window.panels.bring_up(name)
        dock.refresh()
        found[name] = unexplained(dock)
    assert {name: missing for name, missing in found.items() if missing} == {}


def test_every_command_of_the_menus_has_a_name_and_a_tip(window: MainWindow) -> None:
    for name, action in window.menus.actions.items():
        assert action.text(), name
        assert action.toolTip(), name
