"""Widgets in rows, and what happens when they go at a bad moment."""

from __future__ import annotations

import ast
import gc
import random
import subprocess
import sys
from pathlib import Path

import shiboken6
from PySide6.QtCore import QCoreApplication, QEvent, QSize
from PySide6.QtGui import QMoveEvent
from PySide6.QtWidgets import QApplication, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from app.widgets.flow_row import FlowRow

APP = Path(__file__).parents[2] / "app"


class Box(QWidget):
    """A widget of one size."""

    def __init__(self, width: int, height: int) -> None:
        super().__init__()
        self._size = QSize(width, height)

    def sizeHint(self) -> QSize:
        return self._size

    def minimumSizeHint(self) -> QSize:
        return self._size


def test_widgets_wrap_at_the_right_edge_and_stand_centred_on_their_row(qtbot: QtBot) -> None:
    outer = QWidget()
    column = QVBoxLayout(outer)
    column.setContentsMargins(0, 0, 0, 0)
    row = FlowRow(spacing=10)
    column.addWidget(row)
    column.addStretch(1)
    boxes = [Box(100, 20), Box(100, 40), Box(100, 20)]
    for box in boxes:
        row.add(box)
    qtbot.addWidget(outer)
    outer.resize(400, 300)
    outer.show()
    assert [box.geometry().getRect() for box in boxes] == [(0, 10, 100, 20), (110, 0, 100, 40), (220, 10, 100, 20)]
    outer.resize(250, 300)
    qtbot.waitUntil(lambda: boxes[2].geometry().getRect() == (0, 50, 100, 20))
    assert row.heightForWidth(250) == 70
    assert row.height() == 70
    assert row.minimumSizeHint() == QSize(100, 40)
    boxes[0].hide()
    qtbot.waitUntil(lambda: boxes[2].geometry().getRect() == (110, 10, 100, 20))
    boxes[1].setParent(None)
    qtbot.waitUntil(lambda: boxes[2].geometry().getRect() == (0, 0, 100, 20))
    row.add(boxes[1])
    assert boxes[1].isVisible()
    assert row.flow == [boxes[0], boxes[2], boxes[1]]


def test_a_widget_may_end_another_while_it_is_moved(qtbot: QtBot) -> None:
    class Hungry(QLabel):
        def moveEvent(self, event: QMoveEvent) -> None:
            for victim in victims:
                if row.width() < 150 and shiboken6.isValid(victim):
                    shiboken6.delete(victim)
            super().moveEvent(event)

    victims = [QPushButton("a"), QPushButton("b")]
    row = FlowRow()
    qtbot.addWidget(row)
    first = QPushButton("first")
    first.setFixedWidth(110)  # in a narrow row the next one moves, whatever the fonts
    for widget in (first, Hungry("hungry"), *victims, QPushButton("c")):
        row.add(widget)
    row.resize(600, 60)
    row.show()
    row.resize(120, 60)
    QCoreApplication.processEvents()
    assert len(row.flow) == 3


def test_windows_with_rows_can_be_torn_down_at_any_moment() -> None:
    """In a process of its own, as what it guards against ends the process."""
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", "-c", "from tests.app.test_flow_row import stress; stress()"],
        check=False, cwd=APP.parent, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert (done.returncode, done.stderr.replace("This plugin does not support propagateSizeHints()\n", "")) == (0, "")


def test_no_part_of_the_window_holds_layout_items() -> None:
    """A QLayoutItem is no QObject: Python cannot know that Qt has deleted it. So no layout is written in Python."""
    found = []
    for path in APP.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            bases = [ast.unparse(base) for base in node.bases] if isinstance(node, ast.ClassDef) else []
            if any(base.split(".")[-1] in ("QLayout", "QLayoutItem", "QSpacerItem", "QWidgetItem") for base in bases):
                found.append((path.name, bases))
    assert found == []


def stress() -> None:
    """Delete, hide, add and resize at random while events wait; then take the window down with events in the queue."""
    app = QApplication([])
    chance = random.Random(3)
    for _ in range(60):
        window = QWidget()
        line = QHBoxLayout(window)
        row = FlowRow()
        line.addWidget(row, 1)
        line.addWidget(QLabel("beside"))
        for number in range(12):
            row.add(QPushButton(str(number)))
        window.show()
        for _ in range(20):
            window.resize(chance.randrange(40, 600), chance.randrange(40, 200))
            _disturb(row, chance)
            if chance.random() < 0.3:
                app.processEvents()
            if chance.random() < 0.2:
                gc.collect()
        window.resize(50, 50)
        window.deleteLater()
        if chance.random() < 0.5:
            QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
        del window, line, row
        gc.collect()
        app.processEvents()


def _disturb(row: FlowRow, chance: random.Random) -> None:
    if not row.flow:
        return
    child = chance.choice(row.flow)
    match chance.randrange(5):
        case 0:
            shiboken6.delete(child)
        case 1:
            child.deleteLater()
        case 2:
            child.setVisible(chance.random() < 0.5)
        case 3:
            child.setParent(None)
        case _:
            row.add(QPushButton("new"))
