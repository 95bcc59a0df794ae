"""How the panels that run along the steps look, and the inspector, in dark and in light."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from pytestqt.qtbot import QtBot

from app.look import theme
from app.panels.base import Panel
from app.panels.inspector import InspectorPanel
from app.panels.redundancy import RedundancyPanel
from app.panels.timeline import TimelinePanel
from app.panels.utilisation import UtilisationPanel
from tests.app.panels.acting import shown
from tests.app.panels.sessions import busy_run, decode_run
from tests.app.panels.test_utilisation import gpu_session
from tests.app.pictures import check_panel
from tests.engine.importing.made import serving_trace, session_of
from tests.engine.session.synthetic import synthetic_session

PANELS: dict[str, Callable[[], Panel]] = {
    "timeline": lambda: shown(TimelinePanel, busy_run().session, 1000, 400),
    "timeline-dense": lambda: shown(TimelinePanel, synthetic_session(3000, requests=3), 1000, 400),
    "redundancy": lambda: shown(RedundancyPanel, decode_run(48, "contiguous", 16, "none").session, 1000, 480),
    "utilisation": lambda: shown(UtilisationPanel, gpu_session(), 900, 640),
    "timeline-trace": lambda: shown(TimelinePanel, session_of(serving_trace(7, layers=3, prefill_every=4)), 1000, 400),
    "inspector": lambda: shown(InspectorPanel, synthetic_session(40), 900, 640),
}


@pytest.mark.parametrize("name", sorted(PANELS))
@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_it_looks_as_it_did(qtbot: QtBot, name: str, scheme: theme.Scheme) -> None:
    check_panel(qtbot, PANELS[name], name, scheme)
