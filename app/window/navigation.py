"""Keys without modifiers: which widget gets them, and what they do if no panel uses them."""

from __future__ import annotations

from bisect import bisect_left
from typing import Final

from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSlider,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QLineEdit,
    QPlainTextEdit,
    QTabBar,
    QTextEdit,
    QWidget,
)

from app.core.selection import Selection
from engine.session.store import Session

ARROWS: Final = frozenset({Qt.Key.Key_Left, Qt.Key.Key_Right, Qt.Key.Key_Up, Qt.Key.Key_Down})


def needs_key(widget: QWidget | None, event: QKeyEvent) -> bool:
    """Whether the focused widget uses this key, so that no menu entry may take it."""
    if widget is None or event.modifiers() & ~Qt.KeyboardModifier.ShiftModifier:
        return False
    key = event.key()
    if isinstance(widget, QAbstractButton):
        return key == Qt.Key.Key_Space or (key in ARROWS and widget.group() is not None)
    if isinstance(widget, (QTabBar, QAbstractSlider)):
        return key in ARROWS
    if isinstance(widget, (QLineEdit, QPlainTextEdit, QTextEdit)):
        return key in ARROWS or not widget.isReadOnly()
    if isinstance(widget, (QComboBox, QAbstractSpinBox, QAbstractItemView)):
        return key != Qt.Key.Key_Escape
    return False


def send_key(widget: QWidget, key: Qt.Key) -> bool:
    """Press a key on a widget; Qt sends it to the widget's parents until one accepts it. Returns whether one did."""
    press = QKeyEvent(QEvent.Type.KeyPress, key, Qt.KeyboardModifier.NoModifier)
    QApplication.sendEvent(widget, press)
    return press.isAccepted()


def walk_steps(selection: Selection, session: Session, by: int) -> None:
    """Select the step before or after the selected one; without one, the newest. Where no steps are told, a token."""
    steps = len(session.steps)
    if steps == 0:
        _walk_tokens(selection, session, by)
        return
    now = selection.now.step
    selection.change(step=steps - 1 if now is None else min(max(now + by, 0), steps - 1), token=None)


def _walk_tokens(selection: Selection, session: Session, by: int) -> None:
    """Select the token before or after the selected one, of the same request; without one, the newest of all."""
    now = selection.now.token
    if not len(session.tokens):
        return
    if now is None or now >= len(session.tokens):
        selection.change(token=len(session.tokens) - 1)
        return
    rows = session.requests[int(session.tokens["request_id"][now])].token_rows
    place = bisect_left(rows, now) + by
    selection.change(token=rows[min(max(place, 0), len(rows) - 1)])


def walk_requests(selection: Selection, session: Session, by: int) -> None:
    """Select the request before or after the selected one; with a single request, the layer."""
    known = sorted(session.requests)
    now = selection.now
    if len(known) > 1:
        place = known.index(now.request) + by if now.request in known else 0
        selection.change(request=known[min(max(place, 0), len(known) - 1)])
    elif session.layers:
        selection.change(layer=min(max(now.layer + by, 0), session.layers - 1))
