"""What it costs to show the blocks of the paged cache after any step, and all heads of a long context."""

from __future__ import annotations

import os
import random
import time
from typing import Any, Final

import numpy as np

STEPS: Final = 100_000
BLOCKS: Final = (1_000, 10_000, 100_000)
LOOKS: Final = 60
SIZE: Final = (1000, 600)
CONTEXT: Final = 4096
HEADS: Final = 8


def run() -> list[dict[str, Any]]:
    """Processor milliseconds: reading it once, then `LOOKS` steps at random, texture and painting included."""
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    from PySide6.QtWidgets import QApplication

    from app.panels.kv_memory_blocks import BlockPage
    from tests.engine.figures.test_kv_blocks import long_session

    app = QApplication.instance() or QApplication([])
    rows: list[dict[str, Any]] = []
    for blocks in BLOCKS:
        session = long_session(STEPS, blocks)
        page = BlockPage()
        page.resize(*SIZE)
        page.show()
        page.show_session(session)
        history = page._history
        assert history is not None
        began = time.thread_time()
        history.update()
        opened = time.thread_time() - began
        draw = random.Random(0)
        state_ms, shown_ms = [], []
        for _ in range(LOOKS):
            step = draw.randrange(STEPS)
            began = time.thread_time()
            history.at(step)
            state_ms.append(1e3 * (time.thread_time() - began))
            page.refresh(step)
            page.map.repaint()
            shown_ms.append(1e3 * (time.thread_time() - began))
        page.close()
        page.deleteLater()
        app.processEvents()
        rows.append(_row(f"{blocks} blocks", opened, state_ms, shown_ms))
    rows.append(_heads())
    return rows


def _heads() -> dict[str, Any]:
    """Reading and drawing the small maps of a context of CONTEXT positions, then one more row of each head."""
    from app.models.attention_rows import AttentionRows
    from app.models.head_maps import HeadMaps
    from app.panels.attention_heads import HeadGrid
    from engine.session import schema
    from engine.session.store import Session

    session = Session()
    probs = np.full(CONTEXT, 1 / CONTEXT, np.float16)

    def rows_of(position: int) -> list[schema.AnyEvent]:
        row = probs[: position + 1].tobytes()
        return [schema.AttentionRow(position, 0, 0, head, position, row) for head in range(HEADS)]

    for position in range(CONTEXT - LOOKS):
        session.apply(rows_of(position))
    maps, grid = HeadMaps(AttentionRows(session), 0, 0), HeadGrid()
    grid.resize(*SIZE)
    grid.show()
    began = time.thread_time()
    grid.show_maps(maps, maps.update(), False, 1.0)
    opened = time.thread_time() - began
    state_ms, shown_ms = [], []
    for position in range(CONTEXT - LOOKS, CONTEXT):
        session.apply(rows_of(position))
        began = time.thread_time()
        changed = maps.update()
        state_ms.append(1e3 * (time.thread_time() - began))
        grid.show_maps(maps, changed, False, 1.0)
        grid.repaint()
        shown_ms.append(1e3 * (time.thread_time() - began))
    grid.close()
    return _row(f"{HEADS} heads, {CONTEXT} positions", opened, state_ms, shown_ms)


def _row(name: str, opened_s: float, state_ms: list[float], shown_ms: list[float]) -> dict[str, Any]:
    return {
        "what": name,
        "read ms": round(1e3 * opened_s, 1),
        "state p50": round(float(np.median(state_ms)), 2),
        "state p95": round(float(np.percentile(state_ms, 95)), 2),
        "shown p50": round(float(np.median(shown_ms)), 1),
        "shown p95": round(float(np.percentile(shown_ms, 95)), 1),
    }
