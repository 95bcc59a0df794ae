"""Tokens a second is one figure: one recorded run, asked for it in every place that tells it, whole and in part."""

from __future__ import annotations

import contextlib
import io
import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from pytestqt.qtbot import QtBot

from app.cli.progress import Progress
from app.cli.report import make_report
from app.core.selection import Selection
from app.look.units import rate
from app.main import main
from app.panels.latency import LatencyPanel
from app.panels.summary import INFERENCE, SummaryPanel
from app.window.status_bar import StatusBar
from app.window.step_strip import StepStrip
from engine.session.file import SessionFile, open_session
from engine.session.store import Session
from tests.app.figures.recorded import hold
from tests.app.panels.acting import shown

TOKENS = 24
RANGE = (6, 17)
PAUSED_NS = 20_000_000_000


def told(*arguments: str) -> str:
    """What the command line prints."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(io.StringIO()):
        assert main(list(arguments)) == 0
    return out.getvalue()


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A run of the demo model, two requests in one batch, and what `record --json` said of it."""
    folder = tmp_path_factory.mktemp("rates")
    path = folder / "run.dscope"
    text = told(
        "record", "--json", "--prompt", "The cat sits on", "--prompt", "A", "--max-new-tokens", str(TOKENS),
        "--ignore-eos", "--batching", "continuous", "-o", str(path),
    )  # fmt: skip
    return path, json.loads(text)


@pytest.fixture(scope="module", params=[False, True], ids=["as recorded", "with a pause"])
def path(request: pytest.FixtureRequest, recorded: tuple[Path, dict[str, Any]], tmp_path_factory: Any) -> Path:
    """The recording, and the same with 20 s of pause in its middle: no rate may tell them apart."""
    if not request.param:
        return recorded[0]
    held: Path = tmp_path_factory.mktemp("held") / "run.dscope"
    shutil.copyfile(recorded[0], held)
    hold(held, TOKENS // 2, PAUSED_NS)
    return held


@pytest.fixture
def session(path: Path) -> Iterator[Session]:
    session = open_session(path)
    yield session
    assert isinstance(session.source, SessionFile)
    session.source.close()


def by_hand(path: Path, steps: tuple[int, int] | None) -> float:
    """Tokens over the time from the first arrival to the last emission, from the file; without the pause."""
    with closing(sqlite3.connect(path)) as db:
        first, last = steps or (0, 10**6)
        [(count, until)] = db.execute(
            "SELECT count(*), max(emitted_ns) FROM tokens WHERE step_id BETWEEN ? AND ?", (first, last)
        )
        [(since,)] = db.execute(
            "SELECT min(arrived_ns) FROM requests"
            if steps is None
            else f"SELECT start_ns FROM steps WHERE id = {first}"
        )
        [(paused,)] = db.execute("SELECT coalesce(sum(until_ns - since_ns), 0) FROM pauses")
    assert paused in (0, PAUSED_NS)
    return float(count / ((until - since - paused) / 1e9))


@pytest.mark.parametrize("steps", [None, RANGE], ids=["whole", "range"])
def test_one_selection_has_one_rate(
    qtbot: QtBot,
    recorded: tuple[Path, dict[str, Any]],
    path: Path,
    session: Session,
    steps: tuple[int, int] | None,
) -> None:
    figure = by_hand(path, steps)
    text = rate(figure, "tokens/s")
    words = [] if steps is None else ["--steps", f"{steps[0]}:{steps[1]}"]

    def exactly(value: float) -> bool:
        return value == pytest.approx(figure, rel=1e-12)

    info = json.loads(told("info", str(path), "--json", *words))
    assert exactly(info["tokens_per_s"])
    assert exactly(info["comparison"]["throughput"]["inference"][0]["value"])
    assert f" {text}\n" in told("info", str(path), *words)

    selection = Selection()
    strip = StepStrip(selection)
    qtbot.addWidget(strip)
    strip.show_session(session)
    selection.change(steps=steps)
    assert strip.range_text().endswith(f" · {text}")

    latency = shown(LatencyPanel, session)
    qtbot.addWidget(latency)
    latency.context.selection.change(steps=steps)
    assert latency.figures().endswith(f" · {text} ●")

    summary = shown(SummaryPanel, session)
    qtbot.addWidget(summary)
    summary.context.selection.change(steps=steps)
    assert isinstance(summary, SummaryPanel)
    cells = [line.cells[INFERENCE].text for line in summary.lines if line.row.metric == "throughput"]
    assert [cell.split("\u2009●")[0] for cell in cells] == [text]

    if steps is None:  # what is told of a whole session only
        assert exactly(recorded[1]["tokens_per_s"])
        rows = json.loads(told("compare", str(path), str(recorded[0]), "--json"))["figures"]["rate"]
        assert exactly(rows["a"])
        assert exactly(rows["b"])
        assert ("rate", text) in make_report(session, []).facts
        bar = StatusBar()
        qtbot.addWidget(bar)
        for live in (True, False):
            bar.refresh(session, live=live, overhead=None)
            assert bar.rate.text() == text
        assert f", {text}, " in Progress(2 * TOKENS).line(session)


def test_all_steps_selected_are_told_like_none(path: Path, session: Session) -> None:
    whole = json.loads(told("info", str(path), "--json"))
    part = json.loads(told("info", str(path), "--json", "--steps", f"0:{len(session.steps) - 1}"))
    for name in ("wall_s", "tokens_per_s", "itl_s", "latency", "timeline", "comparison"):
        assert part[name] == (pytest.approx(whole[name]) if name in ("wall_s", "tokens_per_s") else whole[name])
