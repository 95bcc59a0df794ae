"""What leaves the program can be read by the programs it is meant for, whatever a model or a person wrote."""

from __future__ import annotations

import csv
import io
import json
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import msgspec
import pytest
from perfetto.protos.perfetto.trace import perfetto_trace_pb2 as pb
from PySide6.QtWidgets import QLabel, QWidget
from pytestqt.qtbot import QtBot

from app.look.pictures import svg_bytes
from app.look.units import visible_token
from app.main import main
from app.window.exports import csv_text
from engine.export.readable import cells, xml_text
from engine.session import schema
from engine.session.writer import SessionWriter
from tests.engine.session.synthetic import synthetic_events

CONTROLS = "a\x01b\x1bc\x08d\x00\x7f"
TEXTS = ["=1+1", "", "-", "@SUM(A1)", "+cmd|' /C calc'!A0", "-5", "+1.5e3", "\t=2", "'=3", "'s", "word", "\n"]
"""Texts of the tokens in turn; cells by what a spreadsheet makes of them."""


@pytest.fixture
def recorded(tmp_path: Path) -> Path:
    path = tmp_path / "run.dscope"

    def written(event: schema.AnyEvent) -> schema.AnyEvent:
        match event:
            case schema.RequestArrived():
                texts = [CONTROLS for _ in event.prompt_token_texts]
                return msgspec.structs.replace(event, prompt=CONTROLS, prompt_token_texts=texts)
            case schema.Token():
                return msgspec.structs.replace(event, text=TEXTS[event.id % len(TEXTS)])
        return event

    with SessionWriter(path) as writer:
        for batch in synthetic_events(30, attention_rows=30):
            writer.append([written(event) for event in batch])
    return path


@pytest.mark.parametrize("panel", [None, "inspector", "attention", "timeline", "redundancy"])
def test_a_picture_is_xml_whatever_a_prompt_holds(
    qtbot: QtBot, recorded: Path, tmp_path: Path, panel: str | None
) -> None:
    out = tmp_path / "a.svg"
    which = [] if panel is None else ["--panel", panel]
    assert main(["export", str(recorded), "--to", "svg", "-o", str(out), *which]) == 0
    assert ET.fromstring(out.read_bytes()).tag.endswith("svg")


def test_every_character_that_can_be_drawn_gives_xml(qtbot: QtBot) -> None:
    shown = QWidget()
    qtbot.addWidget(shown)
    every = [chr(code) for code in range(0x10000) if not 0xD800 <= code < 0xE000]
    label = QLabel(shown)
    for start in range(0, 0x300, 0x100):
        label.setText("".join(every[start : start + 0x100]))
        label.adjustSize()
        ET.fromstring(svg_bytes(shown))
    label.setText("a\ufffe\uffff")
    ET.fromstring(svg_bytes(shown))
    allowed = "".join(every)
    ET.fromstring(f"<a>{xml_text(allowed).replace('&', '').replace('<', '')}</a>")


def test_control_characters_are_seen(qtbot: QtBot) -> None:
    assert xml_text(CONTROLS) == "a␁b␛c␈d␀␡"
    assert xml_text("tab\tline\nreturn\r é 😀") == "tab\tline\nreturn\r é 😀"
    assert visible_token("a\x1b b\n") == "a␛⋅b↵"


def test_a_report_holds_no_control_character(qtbot: QtBot, recorded: Path, tmp_path: Path) -> None:
    out = tmp_path / "a.html"
    assert main(["export", str(recorded), "--to", "html", "-o", str(out)]) == 0
    assert not re.search("[\x00-\x08\x0b\x0c\x0e-\x1f]", out.read_text("utf-8"))


def test_no_slice_of_a_trace_is_without_a_name(recorded: Path, tmp_path: Path) -> None:
    chrome, perfetto = tmp_path / "a.json", tmp_path / "a.pftrace"
    assert main(["export", str(recorded), "--to", "chrome", "-o", str(chrome)]) == 0
    assert main(["export", str(recorded), "--to", "perfetto", "-o", str(perfetto)]) == 0
    events = json.loads(chrome.read_text())["traceEvents"]
    assert all(event["name"].strip() for event in events)
    names = {event["name"] for event in events if event.get("cat") == "token" and event["ph"] == "X"}
    assert {"=1+1", "word", "'s"} <= names
    emitted = [event["args"]["tokens"] for event in events if event.get("cat") == "token" and event["ph"] == "X"]
    blank = next(token["id"] for tokens in emitted for token in tokens if token["text"] == "")
    assert any(name.startswith("token ") for name in names)
    assert any(f"token {blank} ''" in name for name in names)
    trace = pb.Trace.FromString(perfetto.read_bytes())
    interned = {e.iid: e.name for packet in trace.packet for e in packet.interned_data.event_names}
    begins = [p.track_event for p in trace.packet if p.track_event.type == pb.TrackEvent.TYPE_SLICE_BEGIN]
    assert begins
    assert all((begin.name or interned[begin.name_iid]).strip() for begin in begins)


def test_no_cell_of_a_table_is_a_formula_and_every_text_can_be_had_back(recorded: Path, tmp_path: Path) -> None:
    assert main(["export", str(recorded), "--to", "csv", "-o", str(tmp_path / "out")]) == 0
    with (tmp_path / "out" / "tokens.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    texts = [row["text"] for row in rows[: len(TEXTS)]]
    assert texts == [
        "'=1+1", "", "'-", "'@SUM(A1)", "'+cmd|' /C calc'!A0", "-5", "+1.5e3", "'\t=2", "''=3", "'s", "word", "\n",
    ]  # fmt: skip
    assert [re.sub(r"^'('*[=+\-@\t\r])", r"\1", text) for text in texts] == TEXTS
    assert all(float(row["logprob"]) <= 0 for row in rows)  # numbers are as they were
    assert not (tmp_path / "out" / "tokens.csv").read_bytes().startswith(b"\xef\xbb\xbf")


def test_the_utf_8_mark_is_written_where_it_is_asked_for(
    recorded: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["export", str(recorded), "--to", "csv", "--utf8-mark", "-o", str(tmp_path / "out")]) == 0
    for path in (tmp_path / "out").iterdir():
        assert path.read_bytes().startswith(b"\xef\xbb\xbf"), path.name
    assert main(["export", str(recorded), "--to", "chrome", "--utf8-mark", "-o", str(tmp_path / "a.json")]) == 2
    assert "--utf8-mark is for csv" in capsys.readouterr().err


def test_a_copied_table_has_no_formula() -> None:
    text = csv_text(["token", "ms"], [("=1+1", -0.5), ("-", "-0.5"), ("−1 %", 3)])
    assert list(csv.reader(io.StringIO(text))) == [["token", "ms"], ["'=1+1", "-0.5"], ["'-", "-0.5"], ["−1 %", "3"]]
    assert cells([None, 1, -2.5, "a"]) == [None, 1, -2.5, "a"]
