"""Widgets in columns of one width, as many as there is room for; each row is as high as its highest widget."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QRect, QSize
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QSizePolicy, QWidget


class EqualGrid(QWidget):
    """Places its children in rows, from left to right. The height follows from the width.

    A column is at least `least` pixels wide, unless it is the only one; there are `most` columns at most. Children stay
    for as long as the grid does, and may be hidden.
    """

    def __init__(self, least: int, most: int, spacing: int, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._least, self._most, self._spacing = least, most, spacing
        self._cells: list[QWidget] = []
        policy = QSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Preferred)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)

    def add(self, child: QWidget) -> None:
        """Add a widget after the others."""
        child.setParent(self)
        self._cells.append(child)
        self._changed()

    def columns(self, width: int) -> int:
        """How many columns this width holds."""
        fitting = (width + self._spacing) // (self._least + self._spacing)
        return max(1, min(fitting, self._most))

    def hasHeightForWidth(self) -> bool:
        return True

    def heightForWidth(self, width: int) -> int:
        return self._place(width, move=False)

    def sizeHint(self) -> QSize:
        width = self._most * (self._least + self._spacing) - self._spacing
        return QSize(width, self.heightForWidth(width))

    def minimumSizeHint(self) -> QSize:
        width = max((one.minimumSizeHint().width() for one in self._cells), default=0)
        return QSize(width, 0)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._place(self.width(), move=True)

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.LayoutRequest:
            self._changed()
        return super().event(event)

    def _changed(self) -> None:
        self.updateGeometry()
        self._place(self.width(), move=True)

    def _place(self, width: int, move: bool) -> int:
        """Compute the layout in this width, and move the children if `move`; returns the height that they need."""
        cells = [one for one in self._cells if not one.isHidden()]
        columns = self.columns(width)
        cell = max((width - (columns - 1) * self._spacing) // columns, 1)
        y = 0
        for first in range(0, len(cells), columns):
            row = cells[first : first + columns]
            height = max(_height(one, cell) for one in row)
            if move:
                for at, one in enumerate(row):
                    one.setGeometry(QRect(at * (cell + self._spacing), y, cell, height))
            y += height + self._spacing
        return max(y - self._spacing, 0)


def _height(widget: QWidget, width: int) -> int:
    return widget.heightForWidth(width) if widget.hasHeightForWidth() else widget.sizeHint().height()
