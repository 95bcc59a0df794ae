"""How the deepened panels look, in dark and in light."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from app.look import theme
from app.panels.attention import AttentionPanel
from app.panels.base import Panel
from app.panels.kv_memory import KvMemoryPanel
from app.panels.latency import LatencyPanel
from tests.app.panels.acting import shown
from tests.app.panels.test_attention_heads import heads_session
from tests.app.panels.test_kv_memory_tree import drafting_run
from tests.app.panels.test_latency_histogram import slow_run
from tests.app.pictures import check_panel, pixels, small
from tests.engine.figures.test_kv_blocks import PooledRun

SIZE = (960, 560)


def blocks() -> Panel:
    run = PooledRun(limit=60, block_size=16)
    prefix = list(range(40))
    for request in range(5):
        own = [1000 * (request + 1) + index for index in range(20 + 25 * request)]
        run.admit(request, [*(prefix if request % 2 else []), *own])
        run.step()
    for step in range(12):
        run.step(finish=2 if step == 6 else None)
    panel = cast(KvMemoryPanel, shown(KvMemoryPanel, run.session, *SIZE))
    panel.show_page("blocks")
    return panel


def all_memory() -> Panel:
    panel = cast(KvMemoryPanel, shown(KvMemoryPanel, drafting_run(), *SIZE))
    panel.show_page("all")
    return panel


PANELS: dict[str, Callable[[], Panel]] = {
    "kv-blocks": blocks,
    "kv-all": all_memory,
    "attention-heads": lambda: shown(AttentionPanel, heads_session(40, 8), *SIZE),
    "latency": lambda: shown(LatencyPanel, slow_run().session, 1100, 640),
}


@pytest.mark.parametrize("name", sorted(PANELS))
@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_it_looks_as_it_did(qtbot: QtBot, name: str, scheme: theme.Scheme) -> None:
    check_panel(qtbot, PANELS[name], name, scheme)


def test_another_look_is_seen(qtbot: QtBot) -> None:
    """The tolerance is not so wide that everything passes: one theme's picture is not the other's."""
    pictures = []
    for scheme in ("dark", "light"):
        theme.apply(scheme)  # type: ignore[arg-type]
        panel = PANELS["kv-blocks"]()
        qtbot.addWidget(panel)
        panel.show()
        qtbot.waitExposed(panel)
        pictures.append(pixels(small(panel.grab().toImage())).astype(np.int16))
    assert np.abs(pictures[0] - pictures[1]).mean() > 40
