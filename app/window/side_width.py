"""Keeps the width of the run panel while the window changes its size; only the user changes it, by its edge."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, Qt, QTimer
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QDockWidget, QMainWindow


class SideWidth(QObject):
    """Sets the dock's width again after Qt has shared out a new width of the window among all docks.

    Qt takes from the run panel when the window shrinks, and gives it a share of what is added when it grows: after both
    it is wider than before.
    """

    def __init__(self, window: QMainWindow, side: QDockWidget, width: int) -> None:
        super().__init__(window)
        self._window, self._side = window, side
        self.width = width
        """The width that is kept."""
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.setInterval(0)
        self._later.timeout.connect(self._set)
        window.installEventFilter(self)
        side.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Resize:
            dragged = QGuiApplication.mouseButtons() & Qt.MouseButton.LeftButton
            if watched is self._window:
                self._later.start()
            elif dragged and not self._later.isActive() and self._side.isVisible():
                self.width = self._side.width()
        return False

    def _set(self) -> None:
        if self._side.isVisible() and self._side.width() != self.width:
            beside = [
                dock for dock in self._window.findChildren(QDockWidget) if dock.isVisible() and self._is_beside(dock)
            ]
            room = self._window.width() - self.width
            self._window.resizeDocks(
                [self._side, *beside[:1]], [self.width, *[room] * len(beside[:1])], Qt.Orientation.Horizontal
            )

    def _is_beside(self, dock: QDockWidget) -> bool:
        """Whether a dock stands to the right of the run panel, so that what one gains the other loses."""
        return self._window.dockWidgetArea(dock) == Qt.DockWidgetArea.RightDockWidgetArea and not dock.isFloating()
