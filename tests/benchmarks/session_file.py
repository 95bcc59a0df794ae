"""What a session of a million tokens costs: applying its events, writing its file, opening it, summing it up."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

TOKENS = 1_000_000


def run() -> list[dict[str, Any]]:
    """Seconds of wall time, and events a second, for one request of a million steps and for eight side by side."""
    from engine.figures.metrics import summarise
    from engine.session.file import SessionFile, SessionWriter, open_session
    from engine.session.store import Session
    from tests.engine.session.synthetic import synthetic_events

    rows = []
    for requests in (1, 8):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "run.dscope"
            session, events, applying, writing = Session(), 0, 0.0, 0.0
            with SessionWriter(path) as writer:
                for batch in synthetic_events(TOKENS // requests, requests=requests):
                    start = time.perf_counter()
                    session.apply(batch)
                    applied = time.perf_counter()
                    writer.append(batch)
                    writing += time.perf_counter() - applied
                    applying += applied - start
                    events += len(batch)
            del session
            start = time.perf_counter()
            opened = open_session(path)
            opening = time.perf_counter() - start
            start = time.perf_counter()
            summarise(opened)
            summing = time.perf_counter() - start
            assert isinstance(opened.source, SessionFile)
            opened.source.close()
            rows.append(
                {
                    "requests": requests,
                    "steps": TOKENS // requests,
                    "MB": round(path.stat().st_size / 1e6),
                    "apply events/s": round(events / applying),
                    "write events/s": round(events / writing),
                    "open s": round(opening, 2),
                    "summarise s": round(summing, 2),
                }
            )
    return rows
