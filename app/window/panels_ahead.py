"""Builds the panels before they are wanted: the time that it takes is not taken from a run, nor from a click."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from PySide6.QtCore import QObject, QTimer, Slot

from app.panels.frame import PanelDock
from app.window.run_control import RunControl
from app.window.shown_session import ShownSession

QUIET_MS: Final = 300
"""How long nothing must have happened to the model before the first panel is built."""
OPENED_MS: Final = 1500
"""How long after a recording was opened the first one is built: the panels in sight are drawn first."""
PAUSE_MS: Final = 20
"""Pause after each panel, in which the window answers."""


class PanelsAhead(QObject):
    """While no run goes on, builds the panels one by one that are not in sight.

    A panel is built when it is first drawn, which takes it up to 100 ms, most of it to load its code; in a run, all
    drawing keeps to a small share of the time, so that the panels of a first run would appear one by one within
    seconds. What a panel shows of a session is not read ahead.
    """

    def __init__(
        self, docks: Mapping[str, PanelDock], control: RunControl, shown: ShownSession, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._docks, self._control, self._shown = docks, control, shown
        self._timer = QTimer(self)
        self._timer.timeout.connect(self._build_one)
        control.state_changed.connect(self._on_state)
        shown.opened.connect(self._on_opened)

    @property
    def active(self) -> bool:
        """Whether panels are being built."""
        return self._timer.isActive()

    def end(self) -> None:
        """The window closes: nothing is built any longer."""
        self._timer.stop()

    @Slot(str)
    def _on_state(self, state: str) -> None:
        if state == "idle":
            self._timer.start(QUIET_MS)
        else:
            self._timer.stop()

    @Slot()
    def _on_opened(self) -> None:
        if not self._control.active:
            self._timer.start(OPENED_MS)

    @Slot()
    def _build_one(self) -> None:
        dock = next((dock for dock in self._docks.values() if dock.panel is None), None)
        if dock is None or self._control.asked:
            self._timer.stop()
        else:
            dock.build_ahead()
            self._timer.start(PAUSE_MS)
