"""A label that may shrink: text that does not fit ends in an ellipsis. The owner sets a tool tip with the text."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.look.painting import painting
from app.widgets.plain import PlainLabel
from app.widgets.whole_figures import whole_figures


class ElidedLabel(PlainLabel):
    """One line of plain text that may shrink to nothing."""

    def __init__(
        self,
        text: str = "",
        parent: QWidget | None = None,
        mode: Qt.TextElideMode = Qt.TextElideMode.ElideRight,
    ) -> None:
        super().__init__(text, parent)
        self._mode = mode
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)

    def minimumSizeHint(self) -> QSize:
        return QSize(0, super().minimumSizeHint().height())

    def sizeHint(self) -> QSize:
        return QSize(self.fontMetrics().horizontalAdvance(self.text()) + 2, super().sizeHint().height())

    def shown(self) -> str:
        """The text that is drawn: as much as there is room for, with an ellipsis where it is cut."""
        if self._mode == Qt.TextElideMode.ElideRight:
            return whole_figures(self.text(), self.fontMetrics(), self.width())
        return self.fontMetrics().elidedText(self.text(), self._mode, self.width())

    def paintEvent(self, event: QPaintEvent) -> None:
        with painting(self) as painter:
            painter.setPen(self.palette().color(self.foregroundRole()))
            painter.setFont(self.font())
            painter.drawText(self.rect(), self.alignment().value | Qt.TextFlag.TextSingleLine.value, self.shown())
