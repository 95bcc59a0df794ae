"""Every panel under a restless hand: whatever it shows and however small it is, no handler of it fails.

An error in a handler that Qt calls can end the process inside PySide, so here each of them is called where it has the
least to stand on: without a session, with one that holds nothing yet, with one step, and in a few pixels.
"""

from __future__ import annotations

import itertools

import pytest
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QContextMenuEvent, QHelpEvent, QKeyEvent, QMouseEvent, QWheelEvent
from PySide6.QtWidgets import QAbstractScrollArea, QApplication, QMenu, QWidget
from pytestqt.qtbot import QtBot
from shiboken6 import isValid

from app.core.selection import Selection
from app.panels.base import Panel, PanelContext
from app.panels.registry import PANELS, PanelEntry
from app.widgets.generated_text import GeneratedText
from app.window.step_strip import StepStrip
from engine.session.store import Session
from tests.app.panels.acting import RecordingControl
from tests.engine.session.synthetic import synthetic_events, synthetic_session

SIZES = ((900, 600), (160, 40), (24, 400), (1, 1))
KEYS = (
    Qt.Key.Key_Left, Qt.Key.Key_Right, Qt.Key.Key_Up, Qt.Key.Key_Down, Qt.Key.Key_Home, Qt.Key.Key_End,
    Qt.Key.Key_PageUp, Qt.Key.Key_PageDown, Qt.Key.Key_Return, Qt.Key.Key_Space, Qt.Key.Key_Escape, Qt.Key.Key_Plus,
)  # fmt: skip
NONE, LEFT = Qt.MouseButton.NoButton, Qt.MouseButton.LeftButton
PLAIN = Qt.KeyboardModifier.NoModifier


def begun() -> Session:
    """A session in which a request has arrived, and nothing was computed."""
    session = Session()
    session.apply(next(iter(synthetic_events(1))))
    return session


SESSIONS = {"none": lambda: None, "empty": Session, "begun": begun, "one step": lambda: synthetic_session(1)}


@pytest.fixture(autouse=True)
def no_menus(monkeypatch: pytest.MonkeyPatch) -> None:
    """A menu that opens would wait for somebody."""
    monkeypatch.setattr(QMenu, "exec", lambda self, *_: None)


@pytest.mark.parametrize("holds", SESSIONS)
@pytest.mark.parametrize("entry", PANELS, ids=lambda one: str(one.name))
def test_no_handler_fails_however_little_there_is(qtbot: QtBot, entry: PanelEntry, holds: str) -> None:
    selection = Selection()
    panel = entry.make(PanelContext(selection, RecordingControl()))  # type: ignore[arg-type]
    qtbot.addWidget(panel)
    selection.changed.connect(panel.select)
    assert_it_bears(qtbot, panel, selection, holds)


@pytest.mark.parametrize("holds", SESSIONS)
@pytest.mark.parametrize("kind", [StepStrip, GeneratedText])
def test_nor_does_one_of_what_is_beside_the_panels(
    qtbot: QtBot, kind: type[StepStrip] | type[GeneratedText], holds: str
) -> None:
    selection = Selection()
    part = kind(selection)
    qtbot.addWidget(part)
    assert_it_bears(qtbot, part, selection, holds)


def assert_it_bears(qtbot: QtBot, part: Panel | StepStrip | GeneratedText, selection: Selection, holds: str) -> None:
    """That no handler of a part fails at any size, with what it holds."""
    session = SESSIONS[holds]()
    if session is not None:
        selection.reset(session)
        part.show_session(session)
    with qtbot.captureExceptions() as raised:
        for size in SIZES:
            shake(part, size)
    assert not raised, raised[0]


def shake(part: Panel | StepStrip | GeneratedText, size: tuple[int, int]) -> None:
    """Draw a widget at this size and poke whatever in it draws and answers by itself."""
    part.setMinimumSize(0, 0)
    part.resize(*size)
    part.show()
    part.refresh()
    part.grab()
    for widget in (part, *part.findChildren(QWidget)):
        if isValid(widget) and _is_drawn_here(widget):
            poke(widget.viewport() if isinstance(widget, QAbstractScrollArea) else widget, widget)


def _is_drawn_here(widget: QWidget) -> bool:
    """Whether any of a widget's handlers are this project's: those of Qt's own widgets are Qt's."""
    return any(kind.__module__.startswith("app.") for kind in type(widget).__mro__)


def poke(target: QWidget, widget: QWidget) -> None:
    """Move, click, drag, turn the wheel, type, ask for a tip and a menu, in the corners, the middle and outside."""
    xs, ys = ((-5, 0, side // 2, side - 1, side + 5) for side in (target.width(), target.height()))
    for x, y in itertools.product(xs, ys):
        at = QPointF(x, y)
        everywhere = target.mapToGlobal(at)
        for kind, button, held in (
            (QEvent.Type.MouseMove, NONE, NONE), (QEvent.Type.MouseButtonPress, LEFT, LEFT),
            (QEvent.Type.MouseMove, NONE, LEFT), (QEvent.Type.MouseButtonRelease, LEFT, NONE),
            (QEvent.Type.MouseButtonDblClick, LEFT, LEFT), (QEvent.Type.MouseButtonRelease, LEFT, NONE),
        ):  # fmt: skip
            send(target, QMouseEvent(kind, at, everywhere, button, held, PLAIN))
        send(target, QHelpEvent(QEvent.Type.ToolTip, at.toPoint(), everywhere.toPoint()))
        for turn, modifier in ((120, PLAIN), (-120, Qt.KeyboardModifier.ControlModifier)):
            phase = Qt.ScrollPhase.NoScrollPhase
            send(target, QWheelEvent(at, everywhere, QPoint(), QPoint(0, turn), NONE, modifier, phase, False))
    centre = QPoint(target.width() // 2, target.height() // 2)
    send(target, QContextMenuEvent(QContextMenuEvent.Reason.Mouse, centre, target.mapToGlobal(centre)))
    for key in KEYS:
        send(widget, QKeyEvent(QEvent.Type.KeyPress, key, PLAIN))
    send(target, QEvent(QEvent.Type.Leave))


def send(target: QWidget, event: QEvent) -> None:
    if isValid(target):
        QApplication.sendEvent(target, event)
