"""The pace of a run: full speed, a number of tokens a second, or step by step."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QEvent, Signal
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QWidget

from app.look.theme import ROW_GAP
from app.look.units import pace
from app.widgets.plain import PlainLabel, plain

PACES: Final = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0)
"""Tokens a second that are offered."""


class PaceControl(QWidget):
    """Picks a pace; `picked` is emitted when the user picks one, but not by `show_pace`. It says what was shown before.

    `tokens_per_s` is 0 at full speed. Step by step is no pace of its own: the run is paused, and one that goes on has
    the pace that was shown before.
    """

    picked = Signal(bool)
    """Whether the run went step by step before."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._label = PlainLabel()
        self._box = QComboBox()
        self._box.activated.connect(self._on_activated)
        self._label.setBuddy(self._box)
        self._tokens_per_s = 0.0
        self._step_by_step = False
        self._reason = ""
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(ROW_GAP)
        layout.addWidget(self._label)
        layout.addWidget(self._box, 1)
        self.setFocusProxy(self._box)
        self.retranslate()

    @property
    def field(self) -> QComboBox:
        """The list of paces."""
        return self._box

    @property
    def tokens_per_s(self) -> float:
        """The pace of steps that follow by themselves; 0 is full speed."""
        return self._tokens_per_s

    @property
    def step_by_step(self) -> bool:
        """Whether steps follow only when they are asked for."""
        return self._step_by_step

    def show_pace(self, tokens_per_s: float, step_by_step: bool = False) -> None:
        """Show this pace; one that is not among those offered is added to them."""
        self._tokens_per_s, self._step_by_step = tokens_per_s, step_by_step
        self._fill()

    def set_unavailable(self, reason: str) -> None:
        """Disable the control, for this reason; "" enables it."""
        self._reason = reason
        self._box.setEnabled(not reason)
        self._explain()

    def retranslate(self) -> None:
        """Set all texts anew, in the current language."""
        self._label.setText(self.tr("Pace"))
        self._box.setAccessibleName(self.tr("Pace"))
        self._fill()
        self._explain()

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.LanguageChange:
            self.retranslate()
        super().changeEvent(event)

    def _fill(self) -> None:
        self._box.clear()
        self._box.addItem(self.tr("Full speed"), 0.0)
        for offered in sorted({*PACES, self._tokens_per_s} - {0.0}):
            self._box.addItem(pace(offered), offered)
        self._box.addItem(self.tr("Step by step"))
        last = self._box.count() - 1
        self._box.setCurrentIndex(last if self._step_by_step else self._box.findData(self._tokens_per_s))

    def _explain(self) -> None:
        tip = self.tr(
            "Slows a run down so that it can be watched: each request gets at most so many tokens a second. "
            "The rests between steps are recorded as pauses: no step's time, no gap between tokens and no rate "
            "counts them. A step after a rest may take longer than at full speed: clocks and caches have cooled down."
        )
        self._box.setToolTip(plain(self._reason or tip))
        self._box.setAccessibleDescription(self._reason or tip)

    def _on_activated(self, index: int) -> None:
        picked = self._box.itemData(index)
        before, self._step_by_step = self._step_by_step, picked is None
        if picked is not None:
            self._tokens_per_s = float(picked)
        self.picked.emit(before)
