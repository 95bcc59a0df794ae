"""However much a session says, what is shown of it fits a screen, and says what it leaves out."""

from __future__ import annotations

import math
from pathlib import Path

from pytestqt.qtbot import QtBot

from app.cli.report import TEXT_LIMIT, make_report
from app.cli.table import summary_text
from app.core.selection import Selection
from app.look.units import MOST_OF_NAME, MOST_OF_TOKEN, MOST_SHOWN, cut, name_of, visible_token
from app.models.attention_rows import AttentionRows
from app.models.head_maps import MOST_HEADS, HeadMaps
from app.panels.attention import AttentionPanel
from app.panels.base import PanelContext
from app.panels.batch import BatchPanel
from app.panels.utilisation import MOST_DEVICES, UtilisationPanel
from app.widgets.elided_label import ElidedLabel
from app.widgets.generated_text import MOST_OF_PIECE, MOST_OF_PROMPT, GeneratedText
from app.widgets.plain import MOST_OF_TIP, MOST_TIP_LINES, PlainLabel, plain
from app.widgets.themed_label import ThemedLabel
from engine.export.report import Passage
from engine.figures.device_series import DeviceSeries
from engine.figures.metrics import summarise
from engine.figures.slots import slot_figures
from engine.session import schema
from engine.session.file import open_session
from tests.app.panels.acting import RecordingControl
from tests.app.reading import inside
from tests.engine.session.hostile import write_hostile, write_many
from tests.engine.session.synthetic import synthetic_session

LONG = 50_000
FAR = 2000
"""The last slot that so many steps of one request can be in."""


def long_text(place: str) -> str:
    return f"{place} {'long <b>text</b> ' * LONG}"[:LONG]


def context() -> PanelContext:
    return PanelContext(Selection(), RecordingControl())  # type: ignore[arg-type]


def test_a_text_is_cut_where_it_comes_to_be_shown(qtbot: QtBot) -> None:
    text = "x" * LONG
    for kind in (PlainLabel, ElidedLabel, ThemedLabel):
        label = kind()
        qtbot.addWidget(label)
        label.setText(text)
        assert label.text() == "x" * (MOST_SHOWN - 1) + "…"
        label.setText("short")
        assert label.text() == "short"
    assert len(plain(text)) == MOST_OF_TIP
    assert plain("\n".join("x" * LONG)).count("\n") == MOST_TIP_LINES - 1
    assert len(visible_token(text)) == MOST_OF_TOKEN
    assert name_of("a\nb") == "a b"
    assert len(name_of(text)) == MOST_OF_NAME
    assert cut("abc", 3) == "abc"


def test_info_names_the_first_and_says_how_many_more_there_are(tmp_path: Path) -> None:
    table = summary_text(summarise(open_session(write_hostile(tmp_path / "long.dscope", long_text))))
    assert max(map(len, table.splitlines())) < 500
    assert "\x1b" not in summary_text(summarise(open_session(write_hostile(tmp_path / "esc.dscope", _with_escape))))
    many = summary_text(summarise(open_session(write_many(tmp_path / "many.dscope", requests=500, steps=2))))
    assert many.endswith("and 300 more requests (info --json has all)")


def _with_escape(place: str) -> str:
    return f"\x1b]0;{place}\x07"


def test_a_report_of_long_texts_is_short(tmp_path: Path) -> None:
    report = make_report(open_session(write_hostile(tmp_path / "long.dscope", long_text)), [])
    assert max(len(one.name) for one in report.texts) < 200
    assert max(len(one.prompt) for one in report.texts) <= TEXT_LIMIT + 2
    assert len(report.title) < 200
    many = make_report(open_session(write_many(tmp_path / "many.dscope", requests=500, steps=2)), [])
    assert many.texts[-1] == Passage("And more", "", "484 more requests are in the session.")


def test_of_thousands_of_devices_the_first_are_drawn(qtbot: QtBot, tmp_path: Path) -> None:
    panel = UtilisationPanel(context())
    qtbot.addWidget(panel)
    panel.show_session(open_session(write_many(tmp_path / "devices.dscope", devices=5000)))
    assert len({lane.heading for lane in panel.chart.lanes}) <= 7 * MOST_DEVICES + 2
    assert len(panel.chart.lanes) <= 7 * MOST_DEVICES + 2
    assert "and 4\u2009984 more devices" in panel.note.text()
    assert len({row[1] for row in panel.rows()[1]}) == 5001  # with the host


def test_a_reading_that_is_no_number_is_none(qtbot: QtBot) -> None:
    session = synthetic_session(5)
    infinite = [schema.DeviceSample(time, "gpu", "power_watts", value) for time, value in ((1, math.inf), (2, 7.0))]
    session.apply([*infinite, schema.DeviceSample(3, "gpu", "power_watts", math.nan)])
    series = DeviceSeries(session)
    series.update()
    assert [column.tolist() for column in series.reading("gpu", "power_watts")] == [[2], [7.0]]
    panel = UtilisationPanel(context())
    qtbot.addWidget(panel)
    panel.show_session(session)
    panel.grab()


def test_of_thousands_of_heads_the_first_are_drawn(qtbot: QtBot, tmp_path: Path) -> None:
    session = open_session(write_many(tmp_path / "maps.dscope", maps=200))
    maps = HeadMaps(AttentionRows(session), 0, 0)
    maps.update()
    assert len(maps.heads) == 100
    wide = write_many(tmp_path / "wide.dscope", maps=4000, heads=4000)
    maps = HeadMaps(AttentionRows(open_session(wide)), 0, 0)
    maps.update()
    assert len(maps.heads) == MOST_HEADS
    assert maps.left_out == 4000 - MOST_HEADS
    panel = AttentionPanel(context())
    qtbot.addWidget(panel)
    panel.heads.show_maps(maps, set(), False, 1.0)
    assert "and 3\u2009744 more heads" in panel.heads.title()


def test_a_far_slot_costs_no_more_than_a_near_one(qtbot: QtBot, tmp_path: Path) -> None:
    session = open_session(write_many(tmp_path / "slot.dscope", slot=FAR, steps=FAR + 1))
    figures = slot_figures(session)
    assert (figures.lanes, figures.useful, figures.padding) == (FAR + 1, FAR + 1, 0)
    panel = BatchPanel(context())
    qtbot.addWidget(panel)
    panel.resize(900, 400)
    panel.show_session(session)
    assert panel.runs is not None
    assert panel.runs.slots == [FAR]
    panel.grab()
    assert panel.rows()[1] == [(FAR, 0, FAR, "request 0")]


def test_a_prompt_as_long_as_a_book_shows_its_ends(qtbot: QtBot, tmp_path: Path) -> None:
    session = open_session(write_hostile(tmp_path / "long.dscope", lambda place: "x" * LONG))
    text = GeneratedText(Selection())
    qtbot.addWidget(text)
    text.show_session(session)
    text.refresh()
    assert MOST_OF_PROMPT < len(text.text) < MOST_OF_PROMPT + 24 * MOST_OF_PIECE + 100
    assert " … 30\u2009000 … " in text.text
    assert max(len(one.text) for one in inside(text) if "WholeParts" in one.where) < MOST_SHOWN
