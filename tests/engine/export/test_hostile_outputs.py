"""Whatever a session says, its exports can be read back by readers of their formats, and run nothing there."""

from __future__ import annotations

import csv
import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from perfetto.protos.perfetto.trace import perfetto_trace_pb2 as pb

from app.cli.report import make_report
from engine.export.chrome import write_chrome
from engine.export.perfetto import write_perfetto
from engine.export.readable import cells
from engine.export.report import write_report
from engine.export.tables import write_tables
from engine.figures.json_figures import json_figures
from engine.session import schema
from engine.session.json_text import json_text
from engine.session.store import Session
from tests.engine.session.hostile import hostile_events

NAN, INF = float("nan"), float("inf")


def hostile(place: str) -> str:
    return f"=cmd|'{place}'!A0 \ud83d<script src=\"//x/{place}\">\x1b[31m\x00</script>&\u202e\n"


@pytest.fixture(scope="module")
def session() -> Session:
    session = Session()
    for batch in hostile_events(hostile, steps=6):
        session.apply(batch)
    tokens = len(session.tokens)
    phases = np.full((3, len(schema.PHASES)), [NAN, INF, *[1.0] * (len(schema.PHASES) - 2)], np.float32)
    session.apply(
        [
            schema.Step(
                6, 0, "decode", 10**9, 2 * 10**9, -1, *([1] + [0] * 13), hostile("kernel"), phases.tobytes(), b""
            ),
            schema.Token(tokens, 0, 6, 99, 1, hostile("last token"), NAN, INF, "target", 2 * 10**9, b""),
            schema.DeviceSample(10, hostile("device"), "power_watts", NAN),
            schema.DeviceSample(11, hostile("device"), "power_watts", -INF),
            schema.DeviceSample(12, hostile("device"), "power_watts", -5.5),
        ]
    )
    return session


def strict(text: str) -> Any:
    """JSON as others read it."""

    def refuse(word: str) -> None:
        pytest.fail(f"{word} is no JSON")

    return json.loads(text, parse_constant=refuse)


def test_json_is_json_whatever_it_holds() -> None:
    value = {"a": NAN, "b": [INF, np.float32(NAN), np.float64(1.5), np.int64(3)], "c\ud800": "\udc00\x9b\u2028\x7f é"}
    text = json_text(value)
    assert text == ('{"a": null, "b": [null, null, 1.5, 3], "c\\ud800": "\\udc00\\u009b\\u2028\\u007f é"}')
    text.encode()
    assert strict(text)["c\ud800"] == value["c\ud800"]
    assert json_text(value, ascii_only=True).isascii()


def test_the_figures_are_json(session: Session) -> None:
    text = json_text(json_figures(session, (0, 6)))
    text.encode()
    assert strict(text)["steps"] == 7


def test_a_chrome_trace_is_json(session: Session, tmp_path: Path) -> None:
    write_chrome(session, tmp_path / "t.json")
    trace = strict((tmp_path / "t.json").read_text("utf-8"))
    names = {event["name"] for event in trace["traceEvents"]}
    assert "step 6" in names
    phases = [e for e in trace["traceEvents"] if e["name"] in schema.PHASES and e["ts"] >= 1e6]
    assert next(e["name"] for e in phases) == schema.PHASES[1]  # the first one's time is no number
    assert sum(e["dur"] for e in phases) <= 1e6
    assert trace["otherData"]["model"] == hostile("model")


def test_a_perfetto_trace_is_read_by_its_own_types(session: Session, tmp_path: Path) -> None:
    write_perfetto(session, tmp_path / "t.pftrace")
    trace = pb.Trace()
    trace.ParseFromString((tmp_path / "t.pftrace").read_bytes())
    names = [one.name for packet in trace.packet for one in packet.interned_data.event_names]
    assert any("=cmd|'mark user'!A0 \ufffd<script" in name for name in names)


def test_no_cell_is_a_formula_and_numbers_are_numbers(session: Session, tmp_path: Path) -> None:
    write_tables(session, tmp_path / "out")
    found = {}
    for path in (tmp_path / "out").iterdir():
        with path.open(encoding="utf-8", newline="") as file:
            found[path.stem] = list(csv.reader(file))
        for row in found[path.stem]:
            for cell in row:
                assert cell[:1] not in ("=", "+", "@", "\t", "\r"), (path.stem, cell)
                if cell.startswith("-"):
                    float(cell)
    tokens = [dict(zip(found["tokens"][0], row, strict=True)) for row in found["tokens"][1:]]
    assert (tokens[-1]["logprob"], tokens[-1]["entropy"]) == ("", "")
    assert float(tokens[0]["logprob"]) < 0
    assert tokens[-1]["text"].startswith("'=cmd|'last token'!A0 \ufffd<script")
    assert [row[-1] for row in found["device_samples"][-3:]] == ["", "", "-5.5"]
    assert all(row[0].startswith("'=cmd") or not row[0].startswith("=") for row in found["meta"])


def test_what_a_spreadsheet_would_run_and_what_is_a_number() -> None:
    row = ["-1.5", "-1e-5", "+3", "-inf", "-nan", "+1_000", "-1+1", "@A1", "\uff1d1", "'=1", "a=1", -2, -2.5, NAN, None]
    assert cells(row) == [
        "-1.5", "-1e-5", "+3", "'-inf", "'-nan", "'+1_000", "'-1+1", "'@A1", "'\uff1d1", "''=1", "a=1", -2, -2.5, "",
        None,
    ]  # fmt: skip


class Tags(HTMLParser):
    """Which elements a document has, and which of them load something."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.links += [value or "" for name, value in attrs if name in ("src", "href", "style", "srcset")]


def test_a_report_loads_and_runs_nothing(session: Session, tmp_path: Path) -> None:
    write_report(make_report(session, []), tmp_path / "r.html")
    tags = Tags()
    tags.feed((tmp_path / "r.html").read_text("utf-8"))
    assert "script" not in tags.names
    assert tags.links == []
