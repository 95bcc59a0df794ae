"""A long session in the real window: opening a million tokens, panning and zooming, an hour's recording in memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil

TOKENS = 1_000_000
SIZE = (1600, 1000)
FRAMES = 150
HOUR_STEPS, HOUR_LAYERS = 3600 * 300, 32


def run() -> list[dict[str, Any]]:
    """Budgets: 2 s to first paint, 30 frames/s, 1.5 GB after an hour of 300 steps/s with 32 layers."""
    return [
        {"what": name, "figure": figure, "value": value}
        for name in ("open, pan and zoom", "an hour's recording")
        for figure, value in _measured(name).items()
    ]


def _measured(name: str) -> dict[str, Any]:
    """One measurement in a process of its own, so that neither memory nor caches are another's."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, **{f"XDG_{kind}_HOME": folder for kind in ("DATA", "CONFIG", "CACHE")}}
        environment.setdefault("QT_QPA_PLATFORM", "offscreen")
        command = [sys.executable, "-m", "tests.benchmarks.long_session", name, folder]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, env=environment, check=True)
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def _open_pan_zoom(folder: Path) -> dict[str, Any]:
    from PySide6.QtCore import QPoint, QPointF, Qt
    from PySide6.QtGui import QWheelEvent
    from PySide6.QtWidgets import QApplication

    from app.core.preferences import Preferences
    from app.panels.timeline_canvas import TimelineCanvas
    from app.window.gui import make_application, make_feed, make_window
    from engine.session.file import SessionWriter
    from tests.engine.session.synthetic import synthetic_events

    path = folder / "long.dscope"
    with SessionWriter(path) as writer:
        for batch in synthetic_events(TOKENS // 8, requests=8):
            writer.append(batch)
    app = make_application()
    window = make_window(Preferences.of_user(), make_feed())
    window.resize(*SIZE)
    window.show()
    app.processEvents()
    start = time.perf_counter()
    window.open_path(str(path))
    while window.shown.session is None:
        app.processEvents()
    window.repaint()
    app.processEvents()
    opened_s = time.perf_counter() - start
    while window.refresher.has_turns:
        app.processEvents()
    drawn_s = time.perf_counter() - start
    canvas = window.docks["timeline"].findChild(TimelineCanvas)
    assert canvas is not None
    assert canvas.isVisible()
    middle = QPointF(canvas.rect().center())

    def turn(delta: QPoint, keys: Qt.KeyboardModifier) -> float:
        event = QWheelEvent(
            middle, canvas.mapToGlobal(middle), QPoint(), delta, Qt.MouseButton.NoButton, keys,
            Qt.ScrollPhase.NoScrollPhase, False,
        )  # fmt: skip
        start = time.perf_counter()
        QApplication.sendEvent(canvas, event)
        canvas.repaint()
        app.processEvents()
        return 1e3 * (time.perf_counter() - start)

    plain, shift = Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.ShiftModifier
    zoom_in = [turn(QPoint(0, 120), plain) for _ in range(FRAMES // 3)]
    zoom_out = [turn(QPoint(0, -120), plain) for _ in range(FRAMES // 3)]
    for _ in range(8):
        turn(QPoint(0, 120), plain)  # a third of the session or so, where every pixel column holds many steps
    pan = [turn(QPoint(0, 120 if i < FRAMES // 2 else -120), shift) for i in range(FRAMES)]
    window.close()
    return {
        "tokens": TOKENS, "open s": round(opened_s, 2), "all panels s": round(drawn_s, 2),
        "zoom frames/s": round(1e3 / float(np.median(zoom_in + zoom_out))),
        "zoom p95 ms": round(float(np.percentile(zoom_in + zoom_out, 95)), 1),
        "pan frames/s": round(1e3 / float(np.median(pan))), "pan p95 ms": round(float(np.percentile(pan, 95)), 1),
        "RSS MB": round(psutil.Process().memory_info().rss / 1e6),
    }  # fmt: skip


def _hour(folder: Path) -> dict[str, Any]:
    from app.core.preferences import Preferences
    from app.window.gui import make_application, make_feed, make_window
    from engine.session.file import SessionWriter
    from engine.session.store import Session
    from tests.engine.session.synthetic import synthetic_events

    app = make_application()
    window = make_window(Preferences.of_user(), make_feed())
    window.resize(*SIZE)
    window.show()
    session = Session()
    path = folder / "hour.dscope"
    started = psutil.Process().memory_info().rss
    with SessionWriter(path) as writer:
        batches = synthetic_events(HOUR_STEPS, layers=HOUR_LAYERS, attention_rows=1000)
        opening = next(batches)
        session.apply(opening)
        writer.append(opening)
        window.shown.show(session, str(path))
        for number, batch in enumerate(batches):
            session.apply(batch)
            writer.append(batch)
            if number % 200 == 0:
                window.refresher.draw_all()
                app.processEvents()
    window.refresher.draw_all()
    app.processEvents()
    grown = psutil.Process().memory_info().rss
    window.close()
    return {
        "steps": HOUR_STEPS, "layers": HOUR_LAYERS, "RSS before MB": round(started / 1e6),
        "RSS after MB": round(grown / 1e6), "file MB": round(path.stat().st_size / 1e6),
    }  # fmt: skip


if __name__ == "__main__":
    measure = {"open, pan and zoom": _open_pan_zoom, "an hour's recording": _hour}[sys.argv[1]]
    print(json.dumps(measure(Path(sys.argv[2]))))
