"""`export --to html` and `--to perfetto`: whole files, from a recorded session, without a display."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from perfetto.protos.perfetto.trace import perfetto_trace_pb2 as pb
from pytestqt.qtbot import QtBot

from app.cli.report import make_report
from app.look import theme
from app.look.units import rate
from app.main import main
from app.panels.registry import PANELS
from engine.figures.metrics import summarise
from engine.session.writer import SessionWriter
from tests.engine.session.synthetic import synthetic_events, synthetic_session


@pytest.fixture
def recorded(tmp_path: Path) -> Path:
    path = tmp_path / "run.dscope"
    with SessionWriter(path) as writer:
        for batch in synthetic_events(30, attention_rows=8):
            writer.append(batch)
    return path


def test_a_report_holds_the_figures_and_a_picture_of_each_panel(
    qtbot: QtBot, recorded: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "report.html"
    assert main(["export", str(recorded), "--to", "html", "-o", str(out)]) == 0
    theme.apply("dark")
    html = out.read_text(encoding="utf-8")
    assert rate(summarise(synthetic_session(30, attention_rows=8)).tokens_per_s, "tokens/s") in html
    titles = re.findall(r"<h2>([^<]*)</h2>\s*<figure>", html)
    assert titles == [one.english for one in PANELS]
    assert html.count("data:image/png;base64,iVBOR") == len(PANELS)
    assert capsys.readouterr().out.strip() == str(out)


def test_the_tables_are_those_of_the_panels() -> None:
    report = make_report(synthetic_session(30), [])
    (table,) = report.tables  # nothing was measured off and on
    assert table.title == "Training against inference"
    assert [row[0] for row in table.rows] == [
        "Computation", "Memory", "Utilisation (MFU)", "Device busy", "Throughput", "Parallelism",
    ]  # fmt: skip


def test_a_perfetto_trace_is_written(recorded: Path, tmp_path: Path) -> None:
    out = tmp_path / "run.pftrace"
    assert main(["export", str(recorded), "--to", "perfetto", "-o", str(out)]) == 0
    trace = pb.Trace()
    trace.ParseFromString(out.read_bytes())
    assert sum(packet.track_event.name.startswith("step ") for packet in trace.packet) == 30
