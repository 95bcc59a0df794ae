"""The keyboard focus: buttons that take it by Tab only, keys that walk through the steps, and the focus frame."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QColor, QGuiApplication, QKeyEvent, QPainter
from PySide6.QtWidgets import QAbstractButton, QWidget

from app.core.places import key_by_place
from app.core.selection import Selection
from app.look.painting import painting
from app.look.theme import theme

STEP_KEYS: Final = {
    Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1, Qt.Key.Key_PageUp: -10, Qt.Key.Key_PageDown: 10,
    Qt.Key.Key_Home: -(1 << 60), Qt.Key.Key_End: 1 << 60,
}  # fmt: skip
"""Keys that walk through the steps, and by how many steps."""


def claims_key(event: QEvent, keys: frozenset[Qt.Key]) -> bool:
    """Whether a key without modifiers belongs to the focused widget and not to a menu; accepts the event if so."""
    if event.type() != QEvent.Type.ShortcutOverride or not isinstance(event, QKeyEvent):
        return False
    if key_by_place(event, QGuiApplication.platformName()) is not None:
        return False  # the window finds out which key is meant
    if event.key() not in keys or event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier:
        return False
    event.accept()
    return True


def walk_steps(selection: Selection, steps: int, key: int) -> bool:
    """Select another of `steps` steps by a key; returns whether it did (a key of STEP_KEYS, and there are steps)."""
    by = next((way for name, way in STEP_KEYS.items() if name == key), 0)
    if by == 0 or steps == 0:
        return False
    now = selection.now.step
    step = steps - 1 if now is None else now + by
    selection.change(step=min(max(step, 0), steps - 1), token=None)
    return True


def leave_focus_on_click(root: QWidget) -> None:
    """Let the buttons in a widget take the focus by Tab only, so that Space still runs and pauses after a click."""
    for button in root.findChildren(QAbstractButton):
        if button.focusPolicy() & Qt.FocusPolicy.ClickFocus:
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)


def frame_focus(widget: QWidget, painter: QPainter) -> None:
    """Draw a frame of one pixel around a widget if it has the focus, with the painter of its paint event."""
    if widget.hasFocus():
        painter.setPen(QColor(theme().accent))
        painter.drawRect(widget.rect().adjusted(0, 0, -1, -1))


def draw_focus(widget: QWidget) -> None:
    """Draw the focus frame with a new painter, after the widget has drawn itself."""
    if widget.hasFocus():
        with painting(widget) as painter:
            frame_focus(widget, painter)
