"""Fields in a scroll area: the wheel scrolls the area, and turns only the field that has the focus."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtWidgets import QAbstractSpinBox, QComboBox, QWidget


class WheelGuard(QObject):
    """Keeps a value from being changed by somebody who only scrolls past it."""

    def watch(self, place: QWidget) -> None:
        """Guard all fields in `place` that a wheel can turn."""
        for kind in (QAbstractSpinBox, QComboBox):
            for field in place.findChildren(kind):
                field.setFocusPolicy(Qt.FocusPolicy.StrongFocus)  # not by the wheel
                field.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Wheel and isinstance(watched, QWidget) and not watched.hasFocus():
            event.ignore()  # so that it goes on to the area
            return True
        return super().eventFilter(watched, event)
