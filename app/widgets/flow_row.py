"""A row of widgets that wraps to the next row at the right edge, like words in a text."""

from __future__ import annotations

import shiboken6
from PySide6.QtCore import QCoreApplication, QEvent, QPoint, QRect, QSize, Qt
from PySide6.QtGui import QResizeEvent, QShowEvent
from PySide6.QtWidgets import QSizePolicy, QWidget, QWidgetItem


class FlowRow(QWidget):
    """Places its children from left to right and wraps at the right edge; children are centred on their row.

    The height follows from the width.

    This is a widget that places its children itself, not a QLayout. A layout in Python would hold layout items. Qt
    deletes these together with their widgets without telling Python, and any later use of one crashes the program.
    This class holds widgets instead: shiboken can tell whether a widget still exists.
    """

    def __init__(self, parent: QWidget | None = None, spacing: int = 8) -> None:
        super().__init__(parent)
        self._flow: list[QWidget] = []
        self._spacing = spacing
        policy = QSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Preferred)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)

    def add(self, child: QWidget) -> None:
        """Add a widget after the others."""
        hidden = child.isHidden() and child.testAttribute(Qt.WidgetAttribute.WA_WState_ExplicitShowHide)
        child.setParent(self)
        self._flow.append(child)
        if self.isVisible() and not hidden:
            child.show()
        self._changed()

    @property
    def flow(self) -> list[QWidget]:
        """The children that still exist and still belong to this widget, in order."""
        self._flow = [one for one in self._flow if shiboken6.isValid(one) and one.parentWidget() is self]
        return list(self._flow)

    def heightForWidth(self, width: int) -> int:
        return self._place(width, move=False)

    def sizeHint(self) -> QSize:
        return self.minimumSizeHint()

    def minimumSizeHint(self) -> QSize:
        """The width of the widest child and the height of the highest one."""
        size = QSize()
        for child in self.flow:
            if not child.isHidden():
                size = size.expandedTo(QWidgetItem(child).minimumSize())
        margins = self.contentsMargins()
        return size + QSize(margins.left() + margins.right(), margins.top() + margins.bottom())

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._place(self.width(), move=True)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._changed()  # a hidden widget sends no event when its size hint changes

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.LayoutRequest:
            self._changed()
        elif event.type() == QEvent.Type.ChildRemoved:  # the child is half destroyed: ask for sizes later
            QCoreApplication.postEvent(self, QEvent(QEvent.Type.LayoutRequest))
        return super().event(event)

    def _changed(self) -> None:
        self.updateGeometry()
        self._place(self.width(), move=True)

    def _place(self, width: int, move: bool) -> int:
        """Compute the layout in this width, and move the children if `move`; returns the height that they need."""
        margins = self.contentsMargins()
        left, right = margins.left(), width - margins.right()
        x, y = left, margins.top()
        row: list[tuple[QWidget, QRect]] = []
        for child in self.flow:
            if not shiboken6.isValid(child) or child.isHidden():
                continue
            size = QWidgetItem(child).sizeHint()
            if row and x + size.width() > right:
                y = _close_row(row, y, move) + self._spacing
                row, x = [], left
            row.append((child, QRect(QPoint(x, y), size)))
            x += size.width() + self._spacing
        return _close_row(row, y, move) + margins.bottom()


def _close_row(row: list[tuple[QWidget, QRect]], y: int, move: bool) -> int:
    """Centre the widgets of a row on its height, if `move`; returns the y where the row ends."""
    height = max((box.height() for _, box in row), default=0)
    if move:
        for child, box in row:
            if shiboken6.isValid(child):  # moving a widget may have destroyed the next one
                box.moveTop(y + (height - box.height()) // 2)
                child.setGeometry(box)
    return y + height
