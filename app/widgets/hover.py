"""Painted widgets with a tool tip for what lies under the pointer, which can be clicked."""

from __future__ import annotations

from typing import ClassVar, Generic, TypeVar

from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import QToolTip, QWidget

from app.widgets.painted import PaintedWidget
from app.widgets.plain import plain

Place = TypeVar("Place")
"""What a widget shows at a point: a layer, a step, a cell."""


class HoverWidget(PaintedWidget, Generic[Place]):
    """A painted widget with a tool tip that follows the pointer.

    Subclasses override `place_at` and `words_for`, and `pick` where a click does something.
    """

    draws_hover: ClassVar[bool] = False
    """Whether the picture marks what lies under the pointer, so that it is drawn again when that changes."""
    wraps_tip: ClassVar[bool] = True

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.hovered: Place | None = None
        """What lies under the pointer."""
        self.setMouseTracking(True)

    def place_at(self, at: QPointF) -> Place | None:
        """What lies at a point of the widget; None where there is nothing."""
        raise NotImplementedError

    def words_for(self, place: Place) -> str:
        """The tool tip's text about a place; empty for no tool tip."""
        raise NotImplementedError

    def pick(self, place: Place) -> None:
        """Handle a click on a place."""

    def show_tip(self, words: str, at: QPoint) -> None:
        """Show a tool tip at a point of the screen, or none where there are no words."""
        if words:
            QToolTip.showText(at, plain(words, wrap=self.wraps_tip), self)
        else:
            QToolTip.hideText()

    def _hover(self, place: Place | None) -> None:
        if place != self.hovered:
            self.hovered = place
            if self.draws_hover:
                self.update()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        place = self.place_at(event.position())
        self._hover(place)
        self.show_tip("" if place is None else self.words_for(place), event.globalPosition().toPoint())

    def mousePressEvent(self, event: QMouseEvent) -> None:
        place = self.place_at(event.position())
        if place is not None and event.button() == Qt.MouseButton.LeftButton:
            self.pick(place)

    def leaveEvent(self, event: QEvent) -> None:
        self._hover(None)
        QToolTip.hideText()
