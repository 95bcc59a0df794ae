"""The base of painted charts over an axis that the pointer and the keys zoom and pan."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Final

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import QWidget

from app.models.axis_view import AxisView
from app.models.looking import Looker
from app.widgets.hover import HoverWidget, Place

ZOOM_IN: Final = 0.8
"""Factor of the span for one notch of the wheel or the key W."""
PAN: Final = 0.15
"""Share of the span that the keys A and D move by."""
DRAG: Final = 4
"""Pixels that the pointer must move for a press to become a drag."""


class AxisChart(HoverWidget[Place]):
    """A chart over an AxisView: dragging pans, a click without a drag picks, W and S zoom, A and D pan, F shows all.

    A subclass returns the place of the axis in `plot_box`, and handles the wheel itself. The user's changes of the view
    are made within `by_hand`, which adds them to the history; then `moved_by_hand` is called.
    """

    def __init__(self, view: AxisView, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.view = view
        self.looker: Looker | None = None
        """Adds the user's changes of the view to the history; None without a history."""
        self._pressed: QPointF | None = None
        self._grabbed: float | None = None
        """The value at the left edge where the drag began; None before a press has become a drag."""

    def plot_box(self) -> QRectF:
        """The place of the axis in the widget's coordinates."""
        raise NotImplementedError

    def value_at(self, x: float) -> float:
        """The value on the axis at a pixel column."""
        box = self.plot_box()
        return self.view.lo + (x - box.left()) / box.width() * self.view.span

    def by_hand(self) -> AbstractContextManager[None]:
        """Context for changes of the view by the user."""
        return self.looker.by_hand() if self.looker is not None else nullcontext()

    def moved_by_hand(self) -> None:
        """Called after the user zoomed or panned."""
        self.update()

    def zoom(self, factor: float, at: float) -> None:
        """Make the span `factor` times as long, as an action of the user."""
        with self.by_hand():
            self.view.zoom(factor, at)
        self.moved_by_hand()

    def pan(self, delta: float) -> None:
        """Move the view along its axis, as an action of the user."""
        with self.by_hand():
            self.view.pan(delta)
        self.moved_by_hand()

    def show_all(self) -> None:
        """Show all of the axis, as an action of the user."""
        with self.by_hand():
            self.view.fit()
        self.moved_by_hand()

    def move_by_key(self, key: int) -> bool:
        """Zoom or pan by a key; returns whether the key is one of W, S, A, D and F."""
        middle = (self.view.lo + self.view.hi) / 2
        match key:
            case Qt.Key.Key_W:
                self.zoom(ZOOM_IN, middle)
            case Qt.Key.Key_S:
                self.zoom(1 / ZOOM_IN, middle)
            case Qt.Key.Key_A:
                self.pan(-PAN * self.view.span)
            case Qt.Key.Key_D:
                self.pan(PAN * self.view.span)
            case Qt.Key.Key_F:
                self.show_all()
            case _:
                return False
        return True

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self._pressed, self._grabbed = event.position(), None

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._pressed is None:
            super().mouseMoveEvent(event)
            return
        way = event.position().x() - self._pressed.x()
        if self._grabbed is None and abs(way) >= DRAG:
            self._grabbed = self.view.lo
        if self._grabbed is not None:
            self.pan(self._grabbed - way / self.plot_box().width() * self.view.span - self.view.lo)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if self._pressed is None or event.button() != Qt.MouseButton.LeftButton:
            return
        dragged = self._grabbed is not None
        self._pressed, self._grabbed = None, None
        place = self.place_at(event.position())
        if not dragged and place is not None:
            self.pick(place)
