"""The base of painted widgets with a tool tip for the item under the pointer, which can be clicked."""

from __future__ import annotations

from typing import ClassVar, Generic, TypeVar

from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import QToolTip, QWidget

from app.widgets.painted import PaintedWidget
from app.widgets.plain import plain

Place = TypeVar("Place")
"""The item that a widget shows at a point: a layer, a step, a cell."""


class HoverWidget(PaintedWidget, Generic[Place]):
    """A painted widget with a tool tip that follows the pointer.

    A subclass overrides `place_at` and `words_for`, and also `pick` where a click has an effect.
    """

    draws_hover: ClassVar[bool] = False
    """Whether the drawing marks the item under the pointer, so that the widget is drawn again when that changes."""
    wraps_tip: ClassVar[bool] = True

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.hovered: Place | None = None
        """The item under the pointer."""
        self.setMouseTracking(True)

    def place_at(self, at: QPointF) -> Place | None:
        """The item at a point of the widget; None where there is none."""
        raise NotImplementedError

    def words_for(self, place: Place) -> str:
        """The text of the tool tip for an item; empty for no tool tip."""
        raise NotImplementedError

    def pick(self, place: Place) -> None:
        """Handle a click on an item."""

    def show_tip(self, words: str, at: QPoint) -> None:
        """Show a tool tip at a point of the screen; hide it where `words` is empty."""
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
