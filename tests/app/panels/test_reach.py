"""Every control of the memory, attention, latency and query panels can be named, explained and reached by keyboard."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QAbstractButton, QAbstractScrollArea, QAbstractSpinBox, QComboBox, QLineEdit, QWidget
from pytestqt.qtbot import QtBot

from app.panels.attention import AttentionPanel
from app.panels.base import Panel
from app.panels.kv_memory import PAGES, KvMemoryPanel
from app.panels.latency import LatencyPanel
from app.panels.query import QueryPanel
from tests.app.panels.acting import shown
from tests.app.panels.test_attention_heads import heads_session


def controls(panel: QWidget) -> list[QWidget]:
    """What takes the focus, but for the parts that Qt's own widgets are made of."""
    inside = (QAbstractSpinBox, QComboBox)
    return [
        widget
        for widget in panel.findChildren(QWidget)
        if widget.focusPolicy() & Qt.FocusPolicy.TabFocus
        and not isinstance(widget.parent(), inside)
        and not (isinstance(widget, QLineEdit) and isinstance(widget.parent(), inside))
        and not (isinstance(widget.parent(), QAbstractScrollArea) and type(widget) is QWidget)
        and not widget.isHidden()
        and type(widget).__name__ not in ("QScrollBar", "QComboBoxPrivateContainer", "QHeaderView", "QListView")
    ]


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("kind", [KvMemoryPanel, AttentionPanel, LatencyPanel, QueryPanel])
def test_controls_have_names_and_tool_tips(qtbot: QtBot, kind: type[Panel], page: str) -> None:
    panel = shown(kind, heads_session(), 1300, 800)
    qtbot.addWidget(panel)
    if isinstance(panel, KvMemoryPanel):
        panel.show_page(page)
    panel.show()
    qtbot.waitExposed(panel)
    found = controls(panel)
    assert len(found) >= 3
    for widget in found:
        text = widget.text() if isinstance(widget, QAbstractButton) else ""
        assert widget.accessibleName() or text, widget
        says_itself = hasattr(widget, "describe") or hasattr(
            widget.parent(), "describe"
        )  # what the pointer is on, place by place
        assert widget.toolTip() or says_itself, (widget, widget.accessibleName())


def test_the_pages_are_reached_by_tab(qtbot: QtBot) -> None:
    panel = shown(KvMemoryPanel, heads_session(), 900, 500)
    qtbot.addWidget(panel)
    panel.show()
    qtbot.waitExposed(panel)
    assert isinstance(panel, KvMemoryPanel)
    button = panel.pages.buttons["blocks"]
    assert button.focusPolicy() & Qt.FocusPolicy.TabFocus
    qtbot.keyClick(button, Qt.Key.Key_Space)
    assert panel.blocks.isVisible()
    assert panel.blocks.map.focusPolicy() & Qt.FocusPolicy.TabFocus
