"""What it costs a panel to follow a live session of 100 000 steps: processor time of refresh and painting."""

from __future__ import annotations

import os
import time
from typing import Any

import numpy as np

STEPS = 100_000
STEPS_A_REFRESH = 15
REFRESHES = 40
SIZE = (1600, 900)
WINDOW = (1600, 1000)


def run() -> list[dict[str, Any]]:
    """Milliseconds a refresh, median and p95, each panel alone, then the window at 1600×1000 (budget: 33 ms).

    The window draws one of its pieces a tick; its row speaks of the ticks in which one was drawn, painting included.
    """
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    from PySide6.QtWidgets import QApplication

    from app.core.selection import Selection
    from app.look import theme
    from app.panels.base import PanelContext
    from app.panels.registry import PANELS
    from tests.app.panels.acting import RecordingControl
    from tests.engine.session.synthetic import synthetic_session

    app = QApplication.instance() or QApplication([])
    theme.apply("dark")
    session = synthetic_session(STEPS, attention_rows=1000)
    rows = []
    for entry in PANELS:
        selection = Selection()
        panel = entry.make(PanelContext(selection, RecordingControl()))
        selection.changed.connect(panel.select)
        panel.resize(*SIZE)
        panel.show()
        start = time.thread_time()
        panel.show_session(session)
        panel.refresh()
        app.processEvents()
        opened = time.thread_time() - start
        refresh_ms, paint_ms = [], []
        for _ in range(REFRESHES):
            session.apply(more(session))
            start = time.thread_time()
            panel.refresh()
            panel.figures()
            drawn = time.thread_time()
            panel.repaint()
            app.processEvents()
            refresh_ms.append(1e3 * (drawn - start))
            paint_ms.append(1e3 * (time.thread_time() - drawn))
        panel.close()
        panel.deleteLater()
        app.processEvents()
        rows.append(figures_of(entry.name, opened, refresh_ms, paint_ms))
    return [*rows, window_row(session)]


def window_row(session: Any) -> dict[str, Any]:
    """The same for the whole window as it opens, each tick timed from its start until all is painted."""
    from PySide6.QtWidgets import QApplication

    from app.core.preferences import Preferences
    from app.window.gui import make_feed, make_window

    app = QApplication.instance()
    assert app is not None
    window = make_window(Preferences.of_user(), make_feed())
    window.resize(*WINDOW)
    window.show()
    app.processEvents()
    start = time.thread_time()
    window.shown.show(session, "")
    window.refresher.draw_all()
    app.processEvents()
    opened = time.thread_time() - start
    draw_ms, paint_ms = [], []
    for piece in window.refresher.pieces * REFRESHES:
        session.apply(more(session))
        start = time.thread_time()
        drew = piece.draw()
        drawn = time.thread_time()
        app.processEvents()
        if drew:
            draw_ms.append(1e3 * (drawn - start))
            paint_ms.append(1e3 * (time.thread_time() - drawn))
    window.close()
    return figures_of("window, a tick", opened, draw_ms, paint_ms)


def figures_of(name: str, opened: float, refresh_ms: list[float], paint_ms: list[float]) -> dict[str, Any]:
    """A row of the table; `both p95` is what the budget is about."""
    both = np.add(refresh_ms, paint_ms)
    return {
        "panel": name,
        "open ms": round(1e3 * opened, 1),
        "refresh p50": round(float(np.median(refresh_ms)), 2),
        "refresh p95": round(float(np.percentile(refresh_ms, 95)), 2),
        "paint p50": round(float(np.median(paint_ms)), 1),
        "paint p95": round(float(np.percentile(paint_ms, 95)), 1),
        "both p95": round(float(np.percentile(both, 95)), 1),
    }


def more(session: Any) -> list[Any]:
    """The events of a few more steps of the first request, an attention row and a device reading each time."""
    from engine.session import schema
    from engine.session.schema import PHASES

    first, now_ns = len(session.steps), int(session.steps["end_ns"][-1])
    events: list[Any] = []
    phases = np.full((session.layers + 1, len(PHASES)), 2_200 / (session.layers + 1) / len(PHASES), np.float32)
    request = session.requests[0]
    known = request.prompt_tokens + len(request.token_rows)
    layers = np.full((session.layers, 2), 2**20, np.int64).tobytes()
    for step in range(first, first + STEPS_A_REFRESH):
        position = known + step - first
        end_ns = now_ns + 2_200_000
        events.append(schema.Work(step, 0, 0, position - 1, position - 1, position, 0, position - 1))
        events.append(
            schema.Step(
                step, 0, "decode", now_ns, end_ns, -1, 1, 1, 0, 0, 0, position - 1, 1, 10**7, 10**7,
                session.layers * 2**20, session.layers * 2**20, 0, 1, 0, "sdpa", phases.tobytes(), layers,
            )
        )  # fmt: skip
        events.append(schema.Token(step, 0, step, position, 7, " more", -1.0, 1.0, "target", end_ns, b""))
        now_ns = end_ns + 20_000
    newest = session.details.attention_map(0, 0, 0)[-1][1] + 1
    probs = np.full(newest + 1, 1 / (newest + 1), np.float16)
    events.append(schema.AttentionRow(first, 0, 0, 0, newest, probs.tobytes()))
    events.append(schema.DeviceSample(now_ns, "cpu", "process_cpu_percent", 150.0))
    return events
