"""The folded part of the run panel: every setting that the command line has and that is rarely changed."""

from __future__ import annotations

import json

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtWidgets import QToolButton, QVBoxLayout, QWidget

from app.core.preferences import Preferences
from app.core.selection import Selection
from app.look.theme import GRID, ROW_GAP
from app.widgets.load_settings import LoadSettings
from app.widgets.next_run_settings import NextRunSettings
from app.widgets.pool_settings import PoolSettings
from app.widgets.probe_settings import ProbeSettings
from engine.session.schema import ModelReady


class RunSettings(QWidget):
    """Four groups: loading the model, memory and batch, observation, and what only the next run takes."""

    blocked_changed = Signal()
    """What keeps a run from being started may have changed."""
    unfolded = Signal()
    """The user asked to see the settings."""

    def __init__(self, preferences: Preferences, selection: Selection, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._preferences = preferences
        self._active = False
        self._fold = QToolButton()
        self._fold.setCheckable(True)
        self._fold.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self._fold.toggled.connect(self._on_fold)
        self.load, self.pool = LoadSettings(), PoolSettings()
        self.probe, self.next_run = ProbeSettings(selection), NextRunSettings()
        self._groups = (self.load, self.pool, self.probe, self.next_run)
        self._body = QWidget()
        column = QVBoxLayout(self._body)
        column.setContentsMargins(2 * GRID, 0, 0, 0)
        column.setSpacing(ROW_GAP)
        for group in self._groups:
            column.addWidget(group)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(ROW_GAP)
        layout.addWidget(self._fold)
        layout.addWidget(self._body)
        self.next_run.changed.connect(self.blocked_changed)
        self._fold.setChecked(preferences.more_settings)
        self._on_fold(preferences.more_settings)
        self.retranslate()

    @property
    def fault(self) -> str:
        """What keeps a run from being started; empty where nothing does."""
        return self.next_run.fault

    def show_model(self, ready: ModelReady) -> None:
        """Offer what the loaded model has."""
        self.probe.show_model(json.loads(ready.meta.get("model_config") or "{}"), ready.meta.get("device", ""))

    def show_active(self, active: bool) -> None:
        """Whether a run goes on, which some settings do not follow."""
        self._active = active
        reason = self.tr("A run goes on: stop it, or wait for its end, to change this.") if active else ""
        self.load.show_running(reason)
        self.next_run.show_running(reason)

    def show_own(self, own: bool) -> None:
        """Whether our own engine runs; a server has settings of its own."""
        for group in (self.load, self.pool, self.probe):
            group.setVisible(own)
        self.next_run.show_own(own)

    def retranslate(self) -> None:
        """Set all texts in the current language."""
        self._fold.setText(self.tr("More settings"))
        self._fold.setToolTip(self.tr("Device, precision, threads, draft model, sizes, stop texts and more"))
        for group in self._groups:
            group.retranslate()
        self.align()
        self.show_active(self._active)

    def restyle(self) -> None:
        """Take the theme's colours again."""
        self.load.restyle()
        self.next_run.restyle()
        self.align()

    def align(self) -> None:
        """Begin the fields of all groups at one place."""
        width = max(group.label_width() for group in self._groups)
        for group in self._groups:
            group.align(width)

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.LanguageChange:
            self.retranslate()
        super().changeEvent(event)

    def _on_fold(self, open_: bool) -> None:
        self._body.setVisible(open_)
        self._fold.setArrowType(Qt.ArrowType.DownArrow if open_ else Qt.ArrowType.RightArrow)
        self._preferences.more_settings = open_
        if open_:
            self.unfolded.emit()
