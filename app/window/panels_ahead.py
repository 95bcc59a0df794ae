"""Builds the panels before the first run: the time that it takes is not taken from a run that is drawn."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from PySide6.QtCore import QObject, QTimer, Slot

from app.panels.frame import PanelDock
from app.window.run_control import RunControl
from app.window.shown_session import ShownSession

QUIET_MS: Final = 300
"""How long nothing must have happened to the model before the first panel is built."""
PAUSE_MS: Final = 20
"""Pause after each panel, in which the window answers."""


class PanelsAhead(QObject):
    """While the model is loaded and no session is shown, builds the other panels one by one.

    A panel is built when it is first drawn, which takes it up to 60 ms; in a run, all drawing keeps to a small share of
    the time, so that the panels of a first run would appear one by one within seconds.
    """

    def __init__(
        self, docks: Mapping[str, PanelDock], control: RunControl, shown: ShownSession, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._docks, self._control, self._shown = docks, control, shown
        self._timer = QTimer(self)
        self._timer.timeout.connect(self._build_one)
        control.state_changed.connect(self._on_state)

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
    def _build_one(self) -> None:
        dock = next((dock for dock in self._docks.values() if dock.panel is None), None)
        if dock is None or self._control.asked or self._shown.session is not None:
            self._timer.stop()
        else:
            dock.build()
            self._timer.start(PAUSE_MS)
