"""A row of buttons of which one is down: the values of a switch. An unavailable value gives the reason."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QButtonGroup, QHBoxLayout, QPushButton, QSizePolicy, QWidget

from app.look.theme import GRID
from app.widgets.plain import plain

PADDING = 4 * GRID
"""Pixels beside the text of a value in a row that is not stretched."""


class Segments(QWidget):
    """Picks one of a few values; `picked` is emitted when the user picks a value, but not by `set_value`."""

    picked = Signal(str)

    def __init__(self, values: Sequence[str], value: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._group = QButtonGroup(self)
        self.buttons: dict[str, QPushButton] = {}
        """The button of each value."""
        self._tips: dict[str, str] = {}
        self._reasons: dict[str, str] = {}
        layout = self._row = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        for place, one in enumerate(values):
            button = QPushButton(one)
            button.setCheckable(True)
            button.setChecked(one == value)
            button.setProperty("segment", _place(place, len(values)))
            button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
            button.clicked.connect(lambda _checked=False, one=one: self.picked.emit(one))
            self._group.addButton(button)
            self.buttons[one] = button
            layout.addWidget(button, len(one) + 3)
        self.setFocusProxy(self.buttons[value])

    @property
    def value(self) -> str:
        return next(one for one, button in self.buttons.items() if button.isChecked())

    def set_value(self, value: str) -> None:
        """Show this value without emitting `picked`."""
        self.buttons[value].setChecked(True)

    def name(self, name: str, labels: dict[str, str], tips: dict[str, str]) -> None:
        """Set the name of the switch, and the labels and tool tips of its values."""
        self._tips = tips
        for value, button in self.buttons.items():
            button.setText(labels.get(value, value))
            self._row.setStretchFactor(button, len(button.text()) + 3)
            button.setAccessibleName(f"{name}: {button.text()}")
        self._show_tips()

    def pad(self) -> None:
        """Keep some room beside each text, where the row is not stretched; call it once the texts are set."""
        self.setMinimumWidth(self.sizeHint().width() + PADDING * len(self.buttons))

    def set_unavailable(self, reasons: dict[str, str]) -> None:
        """Disable these values; their tool tip gives the reason."""
        self._reasons = reasons
        for value, button in self.buttons.items():
            button.setEnabled(value not in reasons)
        self._show_tips()

    def reason(self, value: str) -> str:
        """Why this value is disabled; empty where it is not."""
        return self._reasons.get(value, "")

    def _show_tips(self) -> None:
        for value, button in self.buttons.items():
            tip = "\n".join(filter(None, (self._tips.get(value), self._reasons.get(value))))
            button.setToolTip(plain(tip))
            button.setAccessibleDescription(tip)


def _place(index: int, count: int) -> str:
    if count == 1:
        return "only"
    return "first" if index == 0 else "last" if index == count - 1 else "middle"
