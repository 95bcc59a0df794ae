"""Holds a panel in its dock: as large as the dock, but never smaller than the panel can be; it scrolls instead."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, QSize, Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFrame, QScrollArea

from app.panels.base import Panel


class PanelScroll(QScrollArea):
    """Scrolls its panel where the dock is smaller than the panel's least size, as in a small window."""

    def __init__(self, panel: Panel) -> None:
        self._panel = panel
        super().__init__()
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setWidget(panel)

    def sizeHint(self) -> QSize:
        return self._panel.sizeHint()

    def minimumSizeHint(self) -> QSize:
        return self._panel.minimumSizeHint().expandedTo(self._panel.minimumSize())

    def _fit(self) -> None:
        """Give the panel the size of the dock, less the scroll bars that it needs, and its least size at least."""
        room, least = self.maximumViewportSize(), self.minimumSizeHint()
        tall, wide = least.height() > room.height(), least.width() > room.width()
        if tall:
            room.setWidth(room.width() - self.verticalScrollBar().sizeHint().width())
        if wide:
            room.setHeight(room.height() - self.horizontalScrollBar().sizeHint().height())
        self._panel.resize(room.expandedTo(least))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def viewportEvent(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.LayoutRequest:
            self._fit()
            self.updateGeometry()
        return super().viewportEvent(event)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.LayoutRequest and watched is self._panel:
            self._fit()
            self.updateGeometry()
        return super().eventFilter(watched, event)
