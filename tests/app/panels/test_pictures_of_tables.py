"""How Roofline, Summary, Before and after and the panels with tables look, in dark and in light."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from pytestqt.qtbot import QtBot

from app.core.selection import Selection
from app.look import theme
from app.models.side_by_side import compared
from app.panels.base import Panel, PanelContext
from app.panels.before_after import BeforeAfterPanel
from app.panels.compare import ComparePanel
from app.panels.kernels import KernelsPanel
from app.panels.precision import PrecisionPanel
from app.panels.query import QueryPanel
from app.panels.requests import RequestsPanel
from app.panels.roofline import RooflinePanel
from app.panels.summary import SummaryPanel
from engine.session.asking import Answered, Cut
from engine.session.patience import Patience
from engine.session.store import Session
from tests.app.panels.acting import shown
from tests.app.panels.sessions import busy_run
from tests.app.panels.test_before_after import MeasuringControl, measured
from tests.app.pictures import check_panel
from tests.engine.figures.test_comparison import taught
from tests.engine.importing.made import serving_trace, session_of
from tests.engine.lens import made
from tests.engine.session.synthetic import synthetic_session


def on_a_gpu() -> Session:
    session = synthetic_session(60)
    ceilings = {"read_bytes_per_s": 4.3e12, "flops_per_s": 7.9e14}
    session.meta |= {"device_name": "NVIDIA H200", "dtype": "bfloat16", "ceilings": json.dumps(ceilings)}
    return session


def before_after() -> Panel:
    panel = BeforeAfterPanel(PanelContext(Selection(), MeasuringControl()))
    panel.resize(1100, 640)
    panel.show_session(measured())
    return panel


def query() -> Panel:
    """With an answer that did not come from a file, so that nothing of it depends on the hour."""
    panel = QueryPanel(PanelContext(Selection(), MeasuringControl()))
    panel.resize(1100, 360)
    panel.run.outcome = Answered(
        ["id", "ms", "kind", "phases"],
        [(n, 1.5 + (n * 7 % 5) / 4, "decode" if n else "prefill", Cut(4096, bytes(range(64)))) for n in range(12)],
        id_of="steps",
    )
    panel.run.changed.emit()
    return panel


def compare(page: str) -> Panel:
    panel = shown(ComparePanel, synthetic_session(120, kv="none", seed=1), 1440, 560)
    assert isinstance(panel, ComparePanel)
    a, b = panel.session, synthetic_session(120, seed=2)
    assert a is not None
    panel.comparing.compared = compared(a, b, "/recordings/none.dscope", "/recordings/contiguous.dscope", Patience())
    panel.comparing.of = (a, a.revision)
    panel.comparing.changed.emit()
    panel.show_page(page)
    return panel


def precision(page: str) -> Panel:
    panel = shown(PrecisionPanel, made.compared(), 1000, 320)
    panel.show_page(page)
    return panel


PANELS: dict[str, Callable[[], Panel]] = {
    "roofline": lambda: shown(RooflinePanel, synthetic_session(60), 1200, 560),
    "roofline-gpu": lambda: shown(RooflinePanel, on_a_gpu(), 800, 600),
    "summary": lambda: shown(SummaryPanel, taught(), 1100, 400),
    "before-after": before_after,
    "requests": lambda: shown(RequestsPanel, busy_run().session, 1300, 260),
    "kernels": lambda: shown(KernelsPanel, session_of(serving_trace(12, layers=3, prefill_every=5)), 900, 400),
    "precision": lambda: shown(PrecisionPanel, made.compared(), 1000, 320),
    "precision-tokens": lambda: precision("tokens"),
    "precision-parting": lambda: precision("parting"),
    "query": query,
    "compare": lambda: compare("differences"),
    "compare-charts": lambda: compare("charts"),
    "compare-requests": lambda: compare("requests"),
}


@pytest.mark.parametrize("name", sorted(PANELS))
@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_it_looks_as_it_did(qtbot: QtBot, name: str, scheme: theme.Scheme) -> None:
    check_panel(qtbot, PANELS[name], name, scheme)
