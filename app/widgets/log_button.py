"""The small button on a chart of times that makes its axis logarithmic."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QPoint, Qt
from PySide6.QtWidgets import QToolButton, QWidget

from app.look.theme import CAPTION_SCALE
from app.widgets.kept_look import keep_look


class LogButton(QToolButton):
    """Down while the axis of `chart`, its parent, is logarithmic."""

    def __init__(self, chart: QWidget) -> None:
        super().__init__(chart)
        self.setCheckable(True)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setObjectName("log-button")
        keep_look(self, scale=CAPTION_SCALE)
        self.retranslate()

    def retranslate(self) -> None:
        """Set all texts in the current language."""
        self.setText(self.tr("log"))
        self.setAccessibleName(self.tr("Logarithmic times"))
        self.setToolTip(self.tr("Make the axis of times logarithmic, so that no bar is cut and short ones can be seen"))

    def place(self, right: int, middle: int) -> None:
        """Stand with the right edge at this x, and the middle at this y, of the chart."""
        self.adjustSize()
        self.move(QPoint(right - self.width(), middle - self.height() // 2))

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.LanguageChange:
            self.retranslate()
        super().changeEvent(event)
