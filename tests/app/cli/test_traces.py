"""The commands on a profiler's trace: it is imported for as long as the command needs it."""

from __future__ import annotations

import csv
import gzip
import json
from pathlib import Path

import pytest

from app.main import main
from engine.export.chrome import write_chrome
from engine.session.file import open_session
from engine.session.reader import SessionFile
from engine.session.writer import SessionWriter
from tests.engine.importing.made import MadeTrace, serving_trace
from tests.engine.session.synthetic import synthetic_events


@pytest.fixture(scope="module")
def made() -> MadeTrace:
    return serving_trace(6, layers=2, prefill_every=4)


@pytest.fixture
def trace(made: MadeTrace, tmp_path: Path) -> Path:
    return made.write(tmp_path / "run.pt.trace.json.gz")


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(list(arguments)) == 0
    return capsys.readouterr().out.replace("\u2009", " ")


def test_info_tells_the_sums_by_kernel_and_what_a_trace_does_not_tell(
    trace: Path, made: MadeTrace, capsys: pytest.CaptureFixture[str]
) -> None:
    told = json.loads(said(capsys, "info", str(trace), "--json"))
    assert {one["name"]: [one["calls"], round(one["total_s"] * 1e9)] for one in told["trace"]["kernels"]} == dict(
        made.kernels
    )
    assert told["trace"]["device_s"] * 1e9 == pytest.approx(sum(ns for _, ns in made.kernels.values()))
    assert told["steps"] == 6
    assert told["tokens"] is told["tokens_per_s"] is told["positions"]["computed"] is told["mbu"] is None
    assert told["serving"]["kind"] == "PyTorch profiler"
    text = said(capsys, "info", str(trace))
    assert text.splitlines()[0].split() == ["trace", "run.pt.trace.json.gz"]
    assert "kernels in no step" in text
    assert "server" not in text
    assert "tokens: Not told by a profiler's trace." in text
    assert [one.name for one in trace.parent.iterdir()] == [trace.name]  # nothing stays beside it


def test_info_of_a_range_of_steps_has_what_they_launched(
    trace: Path, made: MadeTrace, capsys: pytest.CaptureFixture[str]
) -> None:
    told = json.loads(said(capsys, "info", str(trace), "--steps", "2:3", "--json"))
    assert round(told["trace"]["device_s"] * 1e9) == made.by_step[2] + made.by_step[3]
    assert sum(one["in_no_step"] for one in told["trace"]["kernels"]) == 0


@pytest.mark.parametrize("to", ["chrome", "perfetto", "csv", "parquet", "html"])
def test_a_trace_can_be_exported(trace: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], to: str) -> None:
    out = tmp_path / "out"
    assert said(capsys, "export", str(trace), "--to", to, "-o", str(out)).strip() == str(out)
    if to == "csv":
        with (out / "kernels.csv").open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        assert len(rows) == 6 * (2 * 10 + 3) + 1
        assert rows[0]["grid"] == "132,1,1"
        assert rows[-1]["step_id"] == "-1"
    if to == "html":
        assert "Kernels" in out.read_text()


def test_what_is_no_trace_and_our_own_export_are_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with SessionWriter(tmp_path / "own.dscope") as writer:
        for batch in synthetic_events(12):
            writer.append(batch)
    session = open_session(tmp_path / "own.dscope")
    write_chrome(session, tmp_path / "own.json.gz")
    assert isinstance(session.source, SessionFile)
    session.source.close()
    (tmp_path / "no.json").write_text("{}")
    (tmp_path / "cut.json.gz").write_bytes(gzip.compress(b'{"traceEvents": [')[:10])
    for name, words in (
        ("own.json.gz", "was exported by DecodeScope: open its session instead"),
        ("no.json", "is no profiler's trace"),
        ("cut.json.gz", "is empty: its compressed text ends too early"),
        ("nothing.json", "There is no file"),
    ):
        assert main(["info", str(tmp_path / name)]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert words in line


def test_a_trace_is_known_by_its_beginning_where_its_name_does_not_tell(
    made: MadeTrace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert json.loads(said(capsys, "info", str(made.write(tmp_path / "trace.out")), "--json"))["steps"] == 6


def test_two_traces_are_compared(trace: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = serving_trace(6, layers=2, prefill_every=4, seed=1).write(tmp_path / "other.json")
    text = said(capsys, "compare", str(trace), str(other))
    assert "wall time" in text
    assert "by this server" not in text
