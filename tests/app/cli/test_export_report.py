"""`export` writes whole files, of a recorded session or of a range of its steps, without a display."""

from __future__ import annotations

import csv
import re
from html.parser import HTMLParser
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from perfetto.protos.perfetto.trace import perfetto_trace_pb2 as pb
from pytestqt.qtbot import QtBot

from app.cli.report import make_report
from app.look import theme
from app.look.units import rate
from app.main import main
from app.panels.registry import PANELS
from engine.export.report import report_html
from engine.figures.metrics import summarise
from engine.session import schema
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
    others = ("kernels", "compare", "precision")  # imported traces, two sessions, comparisons of precisions
    assert titles == [one.english for one in PANELS if one.name not in others]
    assert html.count("data:image/png;base64,iVBOR") == len(titles)
    assert capsys.readouterr().out.strip() == str(out)


def test_a_report_holds_prompts_texts_and_settings(
    qtbot: QtBot, recorded: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    session = synthetic_session(30, attention_rows=8)
    session.apply([schema.ConfigChanged(1, 12, '{"kv": "none", "batching": "single"}')])
    report = make_report(session, [])
    (passage,) = report.texts
    assert passage.prompt == session.requests[0].prompt
    assert passage.text == "".join(session.tokens["text"].tolist())
    settings = dict(report.tables[0].rows)
    assert settings["kv"] == "contiguous"
    assert settings["max new tokens"] == "30"
    assert settings["from step 12 on"].startswith("kv none")
    assert settings["threads"] == "2"
    page = Page()
    page.feed(report_html(report))
    assert {passage.prompt.strip(), passage.text.strip(), "Prompt", "Settings", "from step 12 on"} <= page.texts


def test_a_report_of_a_range_is_of_the_range(
    qtbot: QtBot, recorded: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "report.html"
    assert main(["export", str(recorded), "--to", "html", "--steps", "5:14", "-o", str(out)]) == 0
    theme.apply("dark")
    session = synthetic_session(30, attention_rows=8)
    page = Page()
    page.feed(out.read_text(encoding="utf-8"))
    assert "".join(session.tokens["text"][5:15].tolist()).strip() in page.texts
    assert rate(summarise(session, (5, 14)).tokens_per_s, "tokens/s") in page.texts
    assert {"steps of the session", "5–14"} <= page.texts


@pytest.mark.parametrize("to", ["chrome", "perfetto", "csv", "parquet", "html", "png", "svg"])
def test_a_range_that_is_not_there_is_refused_by_every_export(
    recorded: Path, tmp_path: Path, to: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["export", str(recorded), "--to", to, "--steps", "20:30", "-o", str(tmp_path / "out")]) == 2
    assert "--steps 20:30 reaches beyond the session, which has steps 0 to 29" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_tables_of_a_range(recorded: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for to in ("csv", "parquet"):
        assert main(["export", str(recorded), "--to", to, "--steps", "5:14", "-o", str(tmp_path / to)]) == 0
    with (tmp_path / "csv" / "steps.csv").open(encoding="utf-8", newline="") as file:
        assert [row["id"] for row in csv.DictReader(file)] == [str(step) for step in range(5, 15)]
    assert pq.read_table(tmp_path / "parquet" / "steps.parquet")["id"].to_pylist() == list(range(5, 15))


def test_a_picture_of_a_range_has_its_steps_selected(
    qtbot: QtBot, recorded: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, more in (("whole", []), ("part", ["--steps", "5:14"])):
        out = tmp_path / f"{name}.svg"
        assert main(["export", str(recorded), "--to", "svg", "--panel", "latency", "-o", str(out), *more]) == 0
    assert ">steps 5–14<" in (tmp_path / "part.svg").read_text("utf-8")
    assert ">steps 5–14<" not in (tmp_path / "whole.svg").read_text("utf-8")


class Page(HTMLParser):
    """The texts of an HTML document."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: set[str] = set()

    def handle_data(self, data: str) -> None:
        self.texts.add(data.strip())


def test_the_tables_are_those_of_the_panels() -> None:
    report = make_report(synthetic_session(30), [])
    settings, table = report.tables  # nothing was measured off and on
    assert settings.title == "Settings"
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
