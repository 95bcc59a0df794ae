"""The status bar's figure of the profiler's own cost, and what it says about where that figure comes from."""

from __future__ import annotations

from pytestqt.qtbot import QtBot

from app.status_bar import StatusBar
from app.units import DERIVED, percent
from tests.engine.session.synthetic import synthetic_session


def test_the_profilers_own_cost_is_told_as_what_it_is(qtbot: QtBot) -> None:
    """Spans count at a price that was measured beforehand, so the share is derived and not measured."""
    bar = StatusBar()
    qtbot.addWidget(bar)
    session = synthetic_session(4)
    bar.refresh(session, live=True, overhead=0.0123)
    assert bar._overhead.text() == f"profiler {percent(0.0123)}"
    assert bar._overhead.toolTip().startswith(f"{DERIVED} derived: ")
    bar.refresh(session, live=False, overhead=None)
    assert bar._overhead.text() == ""
