"""A layout that puts widgets in a row and goes on in the next one where the width ends, like words in a text."""

from __future__ import annotations

from PySide6.QtCore import QPoint, QRect, QSize, Qt
from PySide6.QtWidgets import QLayout, QLayoutItem, QWidget


class FlowLayout(QLayout):
    """Items from left to right, centred on their row, wrapped at the right edge; its height follows its width."""

    def __init__(self, parent: QWidget | None = None, spacing: int = 8) -> None:
        super().__init__(parent)
        self._items: list[QLayoutItem] = []
        self.setSpacing(spacing)

    def addItem(self, item: QLayoutItem) -> None:
        self._items.append(item)

    def count(self) -> int:
        return len(self._items)

    def itemAt(self, index: int) -> QLayoutItem | None:
        return self._items[index] if 0 <= index < len(self._items) else None

    def takeAt(self, index: int) -> QLayoutItem | None:
        return self._items.pop(index) if 0 <= index < len(self._items) else None

    def expandingDirections(self) -> Qt.Orientation:
        return Qt.Orientation(0)

    def hasHeightForWidth(self) -> bool:
        return True

    def heightForWidth(self, width: int) -> int:
        return self._place(QRect(0, 0, width, 0), move=False)

    def setGeometry(self, rect: QRect) -> None:
        super().setGeometry(rect)
        self._place(rect, move=True)

    def sizeHint(self) -> QSize:
        return self.minimumSize()

    def minimumSize(self) -> QSize:
        size = QSize()
        for item in self._items:
            size = size.expandedTo(item.minimumSize())
        margins = self.contentsMargins()
        return size + QSize(margins.left() + margins.right(), margins.top() + margins.bottom())

    def _place(self, rect: QRect, move: bool) -> int:
        """Lay the items out in `rect` (really, if `move`); returns the height they need."""
        margins = self.contentsMargins()
        area = rect.adjusted(margins.left(), margins.top(), -margins.right(), 0)
        y = area.top()
        row: list[tuple[QLayoutItem, QRect]] = []
        x = area.left()
        for item in self._items:
            if item.isEmpty():  # hidden
                continue
            size = item.sizeHint()
            if row and x + size.width() > area.left() + area.width():
                y = self._close_row(row, y, move) + self.spacing()
                row, x = [], area.left()
            row.append((item, QRect(QPoint(x, y), size)))
            x += size.width() + self.spacing()
        y = self._close_row(row, y, move)
        return y - rect.top() + margins.bottom()

    @staticmethod
    def _close_row(row: list[tuple[QLayoutItem, QRect]], y: int, move: bool) -> int:
        """Centre a row's items on its height; returns where it ends."""
        height = max((box.height() for _, box in row), default=0)
        if move:
            for item, box in row:
                box.moveTop(y + (height - box.height()) // 2)
                item.setGeometry(box)
        return y + height
