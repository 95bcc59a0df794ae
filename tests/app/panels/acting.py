"""What panel tests share: a context whose control remembers what it was asked."""

from __future__ import annotations

from typing import Any

from app.core.jobs import Jobs
from app.core.selection import Selection
from app.panels.base import Panel, PanelContext
from engine.core.settings import Probe
from engine.session.store import Session


class RecordingControl:
    """An engine control that only remembers."""

    def __init__(self) -> None:
        self.probes: list[Probe | None] = []
        self.switches: list[dict[str, Any]] = []
        self.measured = 0
        self.unavailable: dict[str, str] = {}
        self.model_config: dict[str, Any] = {}
        self.suite_progress: tuple[int, int] | None = None

    def set_switches(self, changes: dict[str, Any]) -> None:
        self.switches.append(changes)

    def measure_ceilings(self) -> None:
        self.measured += 1

    def set_probe(self, probe: Probe | None) -> None:
        self.probes.append(probe)


def shown(
    panel_class: type[Panel], session: Session, width: int = 900, height: int = 600, jobs: Jobs | None = None
) -> Panel:
    """A panel of this class that looks at a session and follows its selection, as the window would drive it."""
    selection = Selection()
    panel = panel_class(PanelContext(selection, RecordingControl(), jobs))
    selection.changed.connect(panel.select)
    panel.answered.connect(panel.refresh)
    panel.resize(width, height)
    panel.show_session(session)
    panel.refresh()
    return panel
