"""Every figure that a panel shows of a session without steps is the one that `info --json` or the file tells.

The sentences are those of `tests/app/figures/of_streams.py`; a text with a figure and without a sentence fails.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.core.selection import Selection
from app.look.units import count, seconds
from app.panels.base import EngineControl, PanelContext
from app.panels.latency import LatencyPanel
from app.panels.registry import entry
from engine.session.file import SessionFile, open_session
from tests.app.figures.database import Database
from tests.app.figures.of_streams import TEXTS
from tests.app.figures.sentences import explain, has_figure, sentences
from tests.app.figures.shown import texts_of
from tests.app.figures.told import CommandLine, Told
from tests.app.figures.walk import SCALES
from tests.app.panels.acting import RecordingControl
from tests.engine.figures.chunks import TOKENS, events
from tests.engine.figures.served import write


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return write(events(logprobs=True), tmp_path / "run.dscope")


def names_of(path: Path, panel: object, token: int) -> dict[str, Any]:
    """What the command line and the file tell, by the names that the sentences use."""
    database, info = Database(path), CommandLine(path).info()
    rows = database.rows(
        "SELECT request_id, position, id, token_id, logprob, emitted_ns FROM tokens ORDER BY request_id, position"
    )
    by_place = {(row["request_id"], row["position"]): dict(row) for row in rows}
    moments: dict[int, list[int]] = {}
    for row in rows:
        moments.setdefault(row["request_id"], []).append(row["emitted_ns"])
    database.close()

    def gap(request: int, position: int) -> float:
        now = by_place[request, position]["emitted_ns"]
        return float(now - max(t_ns for t_ns in moments[request] if t_ns < now)) / 1e9

    def late(request: int, position: int) -> Any:
        """Why the chunk of a token was late: it is told of the chunk's first token."""
        t_ns = by_place[request, position]["emitted_ns"]
        first = min(at for (owner, at), row in by_place.items() if (owner, row["emitted_ns"]) == (request, t_ns))
        return next(one for one in info.delays.most_delayed if (one.request, one.position) == (request, first))

    place = next(place for place, row in by_place.items() if row["id"] == token)
    histogram = panel.streams.histogram.histogram if isinstance(panel, LatencyPanel) else None
    edges = [] if histogram is None else histogram.edges_us.tolist()
    return {
        "info": info, "gap": gap, "late": late, "request": place[0], "position": place[1],
        "token": lambda *at: Told(by_place[at], None, {}),
        "chunk": lambda request, position: moments[request].count(by_place[request, position]["emitted_ns"]),
        "chunks": [one.count(t_ns) for one in moments.values() for t_ns in one],
        "bins": [
            f"{seconds(low / 1e6)} to {seconds(high / 1e6)} · gaps: {count(n)} ● measured"
            for low, high, n in zip(edges, edges[1:], [] if histogram is None else histogram.counts, strict=False)
        ],
    }  # fmt: skip


@pytest.mark.parametrize("name", sorted(TEXTS))
def test_every_figure_is_told(qtbot: QtBot, path: Path, name: str) -> None:
    session = open_session(path)
    selection = Selection()
    selection.reset(session)
    panel = entry(name).make(PanelContext(selection, cast(EngineControl, RecordingControl())))
    qtbot.addWidget(panel)
    selection.changed.connect(panel.select)
    panel.show_session(session)
    panel.show()
    book = {place: sentences(*texts) for place, texts in TEXTS[name].items()}
    figures = 0
    for token, height in [(token, 700) for token in range(TOKENS)] if name == "inspector" else [(0, 700), (0, 180)]:
        selection.change(token=token)
        panel.resize(1200, height)
        panel.refresh()
        QApplication.processEvents()
        names = names_of(path, panel, token)
        for text in texts_of(panel):
            if text.place not in SCALES:
                assert explain(text.place, text.text, book.get(text.place, []), names) == []
                figures += has_figure(text.text)
    assert figures > 10
    assert [one.text for found in book.values() for one in found if not one.held and not one.optional] == []
    assert isinstance(session.source, SessionFile)
    session.source.close()
