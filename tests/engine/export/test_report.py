"""The HTML report is one document that loads nothing, escapes what people wrote, and holds what it was given."""

from __future__ import annotations

import base64
from html.parser import HTMLParser
from pathlib import Path

import pytest

from engine.errors import SessionFileError
from engine.export.report import Passage, Picture, Report, Table, report_html, write_report

REPORT = Report(
    "Report of <model>",
    [("rate", "412 tokens/s")],
    [Table("Training against inference", ["Metric", "Gap"], [["Throughput", "<b>89×</b>"]], "A note.")],
    [Passage("Request 0", "<script>alert(1)</script>", 'a "king" & a cat')],
    [Picture("Latency", "Where the time goes.", b"\x89PNG picture")],
)


class Reader(HTMLParser):
    """Collects tags, texts, and whatever a browser would load."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.open: list[str] = []
        self.text: list[str] = []
        self.sources: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag not in ("meta", "img"):
            self.open.append(tag)
        self.sources += [value or "" for name, value in attrs if name in ("src", "href", "srcset")]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def read(html: str) -> Reader:
    reader = Reader()
    reader.feed(html)
    return reader


def test_it_is_whole_and_loads_nothing() -> None:
    found = read(report_html(REPORT))
    assert found.open == []
    assert "script" not in found.tags
    assert "link" not in found.tags
    (source,) = found.sources
    assert base64.b64decode(source.removeprefix("data:image/png;base64,")) == b"\x89PNG picture"
    assert "url(" not in report_html(REPORT)


def test_what_people_wrote_is_text() -> None:
    found = read(report_html(REPORT))
    for text in ("Report of <model>", "<b>89×</b>", "Request 0", "<script>alert(1)</script>", 'a "king" & a cat'):
        assert text in found.text
    assert found.tags.count("td") == 2
    assert found.tags.count("th") == 2


def test_where_it_cannot_be_written_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(SessionFileError, match="cannot be written"):
        write_report(REPORT, tmp_path / "no" / "r.html")
    write_report(REPORT, tmp_path / "r.html")
    assert (tmp_path / "r.html").read_text(encoding="utf-8") == report_html(REPORT)
