"""How Batch and Parallel vs serial look, in dark and in light."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from pytestqt.qtbot import QtBot

from app.look import theme
from app.panels.base import Panel
from app.panels.batch import BatchPanel
from app.panels.parallel import ParallelPanel
from engine.session.store import Session
from tests.app.panels.acting import shown
from tests.app.panels.test_batch import both, queued
from tests.app.panels.test_parallel import run_of
from tests.app.pictures import check_panel

PANELS: dict[str, Callable[[], Panel]] = {
    "batch-both": lambda: shown(BatchPanel, both(), 1000, 560),
    "batch-queue": lambda: shown(BatchPanel, queued().session, 900, 360),
    "parallel": lambda: shown(ParallelPanel, run_of(Session()), 1000, 420),
}


@pytest.mark.parametrize("name", sorted(PANELS))
@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_it_looks_as_it_did(qtbot: QtBot, name: str, scheme: theme.Scheme) -> None:
    check_panel(qtbot, PANELS[name], name, scheme)
