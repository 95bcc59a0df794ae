"""`info`, `compare` and reports of servers' sessions: what was not told says so, and never compares as a change."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from app.cli.report import make_report
from app.cli.table import NOT_TOLD, figures, untold
from app.main import main
from engine.figures.metrics import summarise
from engine.session.writer import SessionWriter
from tests.app.panels.sessions import decode_run
from tests.engine.figures.served import WITH_RECORDER, probed, recorded, session_of, write
from tests.engine.session.synthetic import synthetic_events


@pytest.fixture
def with_recorder(tmp_path: Path) -> str:
    return str(write(recorded(), tmp_path / "recorded.dscope"))


@pytest.fixture
def of_streams(tmp_path: Path) -> str:
    return str(write(probed(), tmp_path / "probed.dscope"))


@pytest.fixture
def own(tmp_path: Path) -> str:
    with SessionWriter(tmp_path / "own.dscope") as writer:
        writer.append(synthetic_events(12))
    return str(tmp_path / "own.dscope")


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(list(arguments)) == 0
    return capsys.readouterr().out


def test_the_table_of_a_recorded_server(with_recorder: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = said(capsys, "info", with_recorder)
    lines = {
        line.partition("  ")[0].strip(): line.split("  ")[-1].strip() for line in text.splitlines() if "  " in line
    }
    assert lines["server"] == "vLLM 0.32.0 at http://127.0.0.1:8000"
    assert lines["told by"] == "probe, metrics, recorder"
    assert {name for name, value in lines.items() if value == NOT_TOLD} >= {
        "device", "MBU", "MFU", "time by phase", "attention kernels",
    }  # fmt: skip
    assert "0 %" not in text
    assert "phases, device time, attention, FLOPs, bytes moved, KV memory by layer, padding, entropy: " in text


def test_the_table_of_streams_alone() -> None:
    summary = summarise(session_of(probed()))
    lines = dict(figures(summary))
    assert lines["steps"] == lines["positions"] == lines["KV memory"] == NOT_TOLD
    assert ("steps and who was in them, KV memory, batch slots, requests of others, switches", WITH_RECORDER) in untold(
        summary
    )


def test_our_own_engine_has_neither_a_server_nor_reasons() -> None:
    summary = summarise(decode_run(4, "contiguous").session)
    assert untold(summary) == []
    assert "server" not in dict(figures(summary))
    assert NOT_TOLD not in dict(figures(summary)).values()


def test_json_of_streams_alone_is_null_where_nothing_was_told(
    of_streams: str, capsys: pytest.CaptureFixture[str]
) -> None:
    told = json.loads(said(capsys, "info", of_streams, "--json"))
    assert told["steps"] is None
    assert set(told["positions"].values()) == {None}
    assert told["serving"]["levels"] == ["probe", "metrics"]


def test_what_one_side_does_not_tell_is_no_change(
    own: str, with_recorder: str, capsys: pytest.CaptureFixture[str]
) -> None:
    text = said(capsys, "compare", own, with_recorder)
    [padding] = [line for line in text.splitlines() if line.startswith("positions padding")]
    assert padding.split("  ")[-1].strip() == "—"
    assert NOT_TOLD in padding
    [time] = [line for line in text.splitlines() if line.startswith("time: attention")]
    assert NOT_TOLD in time
    found = json.loads(said(capsys, "compare", own, with_recorder, "--json"))["figures"]
    assert found["time: other"]["b"] is None
    assert found["time: other"]["ratio"] is None


def test_a_panel_with_nothing_to_draw_says_why(
    with_recorder: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], qapp: object
) -> None:
    out = str(tmp_path / "picture.png")
    assert main(["screenshot", with_recorder, "-o", out, "--panel", "attention"]) != 0
    assert "Only DecodeScope's own engine records attention." in capsys.readouterr().err
    assert not Path(out).exists()


def test_the_report_says_what_was_not_told() -> None:
    report = make_report(session_of(probed()), [])
    [table] = [table for table in report.tables if table.title == "What the server did not tell"]
    assert any(why == WITH_RECORDER for _, why in table.rows)
    assert dict(report.facts)["steps"] == NOT_TOLD
