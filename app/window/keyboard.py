"""Keys without modifiers: sent to the focused panel, else to the timeline or the strip."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QGuiApplication, QKeyEvent
from PySide6.QtWidgets import QApplication, QWidget

from app.core.places import PressInstead, action_of, key_by_place
from app.core.selection import Selection
from app.panels.frame import PanelDock, focused_dock
from app.window.menus import Menus
from app.window.navigation import ARROWS, needs_key, send_key, walk_requests, walk_steps
from app.window.panels import Panels
from app.window.shown_session import ShownSession
from app.window.step_strip import StepStrip

SIDEWAYS: Final = (Qt.Key.Key_Left, Qt.Key.Key_Right)
BACKWARDS: Final = (Qt.Key.Key_Left, Qt.Key.Key_Up)


class Keyboard(QObject):
    """Carries out the menu entries that act on the focused widget, by sending their keys to a widget."""

    def __init__(
        self,
        window: QWidget,
        shown: ShownSession,
        selection: Selection,
        menus: Menus,
        panels: Panels,
        strip: StepStrip,
    ) -> None:
        super().__init__(window)
        self._window = window
        self._shown = shown
        self._selection = selection
        self._menus = menus
        self._panels = panels
        self._strip = strip
        self._press_instead = PressInstead(self)
        for dock in panels.docks.values():
            dock.installEventFilter(self)
        self._giving = False
        self._came_back = False
        """Whether a key that was sent to a widget came back as a shortcut, because the widget does not use it."""

    def key(self, key: Qt.Key) -> None:
        """Send a key to the panel with the focus.

        Where that does not use the key, arrows walk the session; other keys go to the timeline or the strip.
        """
        if self._refused():
            return
        focus = QApplication.focusWidget()
        dock = focused_dock(self._panels.docks.values())
        if focus is not None and dock is not None and dock.isAncestorOf(focus) and self._give(focus, key):
            return
        session = self._shown.session
        if key in ARROWS:
            if session is not None:
                walk = walk_steps if key in SIDEWAYS else walk_requests
                walk(self._selection, session, -1 if key in BACKWARDS else 1)
            return
        timeline = self._panels.docks.get("timeline")
        if timeline is not None and timeline.is_seen and not self._strip.hasFocus():
            target = timeline.build().focusProxy() or timeline.build()
            if self._give(target, key):
                return
        self._give(self._strip, key)

    def follow(self) -> None:
        """Follow the live run in the strip and in the timeline."""
        if self._refused():
            return
        self._strip.follow()
        timeline = self._panels.docks.get("timeline")
        if timeline is not None and timeline.panel is not None:
            self._give(timeline.panel.focusProxy() or timeline.panel, Qt.Key.Key_L)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """A dock that floats is a window of its own: what its panel leaves does not reach the main window."""
        if event.type() != QEvent.Type.ShortcutOverride or not isinstance(event, QKeyEvent):
            return False
        return isinstance(watched, PanelDock) and watched.isFloating() and self.takes(event)

    def takes(self, event: QKeyEvent) -> bool:
        """Answer a ShortcutOverride event: whether Qt must not use the key as a shortcut.

        That is so where the focused widget uses the key itself, and where the key's place on the keyboard stands for
        an action: the press of the key then triggers the action.
        """
        focus = QApplication.focusWidget()
        if needs_key(focus, event):
            event.accept()
            return True
        key = key_by_place(event, QGuiApplication.platformName())
        actions = [*self._menus.actions.values(), *self._menus.panels.values()]
        action = action_of(key, actions) if key is not None else None
        if action is None:
            return False
        self._press_instead.expect(event, action, focus or self._window)
        event.accept()
        return True

    def _refused(self) -> bool:
        """Whether this key was sent to a widget just now and came back."""
        self._came_back = self._came_back or self._giving
        return self._giving

    def _give(self, widget: QWidget, key: Qt.Key) -> bool:
        """Send a key to a widget; returns whether the widget used it.

        Qt tries the menus' shortcuts for the sent key again; `_refused` then ends what would be an endless loop.
        """
        self._giving, self._came_back = True, False
        try:
            return send_key(widget, key) and not self._came_back
        finally:
            self._giving = False
