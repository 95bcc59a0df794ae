"""The panel of parallel against serial: its words, cells and bars are the figures; what is missing can be run."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any, cast

import msgspec
import numpy as np
import pytest
from PySide6.QtCore import QPointF, Qt
from pytestqt.qtbot import QtBot

from app.core.selection import Selection
from app.look.theme import theme
from app.look.units import percent, rate
from app.models.parallel import taught_run
from app.panels.base import PanelContext
from app.panels.parallel import ParallelPanel
from app.widgets.pixels import argb
from engine.core.settings import RequestSpec, RunSpec, Sampling
from engine.figures.json_figures import json_figures
from engine.figures.teacher import serial_steps, teacher_figures
from engine.session import schema
from engine.session.store import Session
from tests.app.panels.acting import RecordingControl
from tests.app.panels.helpers import click, show

MS = 1_000_000


def step(id: int, kind: str, start_ms: int, ms: int, positions: int, flops: int, moved: int) -> schema.Step:
    return schema.Step(
        id, 0, kind, start_ms * MS, (start_ms + ms) * MS, -1, positions, positions, 0, 0, 0, 0, 1, flops, moved,  # type: ignore[arg-type]
        0, 0, 0, 1, 0, "sdpa", b"", b"",
    )  # fmt: skip


def test_a_conversation_is_taught_again_as_a_conversation() -> None:
    specs = (RequestSpec("a", 3, chat=True), RequestSpec("b", 3, messages=(("system", "be brief"), ("user", "b"))))
    session = Session()
    session.apply(
        [
            schema.RequestArrived(i, one.prompt, [1], ["a"], msgspec.json.encode(one).decode(), 0)
            for i, one in enumerate(specs)
        ]
    )
    assert taught_run(session).requests == specs


def run_of(session: Session, taught: bool = True, agreeing: int | None = 3, differing: str = "") -> Session:
    """A prompt of 2 and 4 tokens in steps of 20, 10, 10 and 10 ms with gaps of 5 ms; then a pass of 4 ms."""
    meta = {
        "ceilings": json.dumps({"read_bytes_per_s": 1e9, "flops_per_s": 1e9}),
        "model_config": json.dumps({"layers": 2, "heads": 4, "kv_heads": 2, "head_dim": 16, "itemsize": 4}),
    }
    params = {"prompt": "ab", "max_new_tokens": 4, "ignore_eos": True, "sampling": {"temperature": 0.5, "seed": 3}}
    events: list[Any] = [
        schema.SessionStarted(meta),
        schema.ConfigChanged(0, 0, json.dumps({"kv": "paged", "attention": "reference"})),
        schema.RequestArrived(0, "ab", [1, 2], ["a", "b"], json.dumps(params), 0),
    ]
    start = 0
    for index in range(4):
        first = index + 1 if index else 0
        events.append(schema.Work(index, 0, 0, first, first, index + 2, 0, first))
        ms = 10 if index else 20
        events.append(step(index, "decode" if index else "prefill", start, ms, index + 2 - first, 1_000_000, 2_000_000))
        events.append(schema.Token(index, 0, index, 2 + index, 9, f" t{index}", -0.1, 0.1, "target", start, b""))
        start += ms + 5
    events.append(schema.RequestFinished(0, start * MS, "length"))
    if taught:
        events += [schema.Work(4, 0, 0, 0, 5, 5, 0, 0), step(4, "teacher", 100, 4, 5, 4_000_000, 2_000_000)]
        if agreeing is not None:
            events.append(schema.Mark(104 * MS, "teacher", f"request 0: {agreeing} of 4 tokens agree{differing}"))
    session.apply(events)
    return session


def panel_of(qtbot: QtBot, session: Session, width: int = 1000, height: int = 500) -> ParallelPanel:
    return cast(ParallelPanel, show(qtbot, ParallelPanel, session, width, height))


def plain(text: str) -> str:
    return text.replace("\u2009", " ")


def test_the_figures_of_both() -> None:
    session = run_of(Session())
    (found,) = teacher_figures(session)
    assert (found.pass_s, found.serial_s, found.serial_steps) == (0.004, 0.05, 4)  # gaps are no step's time
    assert found.factor == pytest.approx(12.5)
    assert (found.tokens, found.agreeing, found.positions) == (4, 3, 5)
    assert found.pass_tokens_per_s == pytest.approx(1000)
    assert found.serial_tokens_per_s == pytest.approx(80)
    assert found.pass_mfu == pytest.approx(4e6 / 4e-3 / 1e9)
    assert found.serial_mfu == pytest.approx(4e6 / 50e-3 / 1e9)
    assert found.pass_mbu == pytest.approx(2e6 / 4e-3 / 1e9)
    assert found.serial_mbu == pytest.approx(8e6 / 50e-3 / 1e9)
    assert serial_steps(session, 0).tolist() == [0, 1, 2, 3]
    assert json_figures(session)["teacher"] == [asdict(found)]


def test_the_panel_says_what_the_figures_say(qtbot: QtBot) -> None:
    session = run_of(Session())
    panel = panel_of(qtbot, session)
    assert plain(panel.figures()) == "12.5× ƒ · pass 4.00 ms, steps 50.0 ms ●"
    assert panel.verdict.text() == (
        "12.5× as long token by token as in one pass ƒ; 3 of 4 tokens agree ●, drawn at temperature 0.5"
    )
    table = [[plain(panel.table.cell(row, column)) for column in range(8)] for row in range(3)]
    assert table == [
        ["parallel", "4.00 ms", plain(rate(1000, "tokens/s")), plain(percent(0.5)), plain(percent(1.0)), "3/4", "1",
         "4.00"],
        ["serial", "50.0 ms", "80.0 tokens/s", "16.0 %", "8.00 %", "—", "4", "1.00"],
        ["factor ƒ", "12.5×", "12.5×", "3.12×", "12.5×", "—", "4.00×", "4.00×"],
    ]  # fmt: skip
    assert plain(panel.chart.labels["serial"]) == "serial: 4 steps, one after the other, 50.0 ms ●"
    assert plain(panel.chart.labels["pass"]) == "parallel: one pass over 5 positions, 4.00 ms ●"
    header, rows = panel.rows()
    assert dict(zip(header, rows[0], strict=True))["factor"] == pytest.approx(12.5)
    assert not panel.run_button.isVisible()


def test_bars_are_as_long_as_the_times(qtbot: QtBot) -> None:
    panel = panel_of(qtbot, run_of(Session()))
    chart, colours = panel.chart, theme()
    box, other = chart.bar_box("serial"), chart.bar_box("pass")
    assert chart.longest_s == pytest.approx(0.05)
    assert chart.x_of(0.05) == pytest.approx(box.right())
    assert (chart.x_of(0.004) - other.left()) / other.width() == pytest.approx(0.08)
    paint = chart.serial_pixels(100)  # half a millisecond a pixel
    assert set(paint[:39].tolist()) == {argb(colours.kinds["prefill"])}
    assert paint[40] == argb(colours.panel)  # a line parts the steps
    assert paint[65] == argb(colours.kinds["decode"])
    picture = chart.grab().toImage()
    middle = other.center().y()
    assert picture.pixelColor(int(other.left() + 2), int(middle)).name() == colours.kinds["teacher"]
    assert picture.pixelColor(int(chart.x_of(0.006)), int(middle)).name() == colours.panel


def test_a_long_run_draws_one_mark_a_pixel(qtbot: QtBot) -> None:
    session, events = Session(), []
    events.append(schema.RequestArrived(0, "a", [1], ["a"], "{}", 0))
    for index in range(5000):
        events.append(schema.Work(index, 0, 0, index, index, index + 1, 0, index))
        events.append(step(index, "decode", index, 1, 1, 0, 0))
    events += [schema.Work(5000, 0, 0, 0, 5000, 5000, 0, 0), step(5000, "teacher", 6000, 50, 5000, 0, 0)]
    session.apply(cast(Any, events))
    panel = panel_of(qtbot, session)
    paint = panel.chart.serial_pixels(300)
    assert paint.shape == (300,)
    assert (paint != 0).all()
    assert argb(theme().panel) not in paint.tolist()
    assert np.isclose(panel.chart.longest_s, 5.0)


def test_hover_click_and_keys(qtbot: QtBot) -> None:
    panel = panel_of(qtbot, run_of(Session()))
    assert plain(panel.step_text(2)) == "step 2, decode: 10.0 ms, 1 positions ●\ngave “⋅t2”"
    assert plain(panel.step_text(4)) == "step 4, teacher-forced: 4.00 ms, 5 positions ●"
    chart = panel.chart
    at = QPointF(chart.x_of(0.035), chart.bar_box("serial").center().y())
    assert chart.step_at(at) == 2
    assert chart.step_at(QPointF(chart.x_of(0.002), chart.bar_box("pass").center().y())) == 4
    assert chart.step_at(QPointF(chart.x_of(0.02), chart.bar_box("pass").center().y())) is None
    click(chart, at.x(), at.y())
    assert panel.context.selection.now.step == 2
    assert chart.step == 2
    panel.setFocus()
    qtbot.keyClick(panel, Qt.Key.Key_Right)
    assert panel.context.selection.now.step == 3


@pytest.mark.parametrize(
    ("agreeing", "words"),
    [
        (4, "all 4 tokens agree ●"),
        (0, "0 of 4 tokens agree ●, drawn at temperature 0.5"),
        (None, "how many tokens agree is not recorded"),
    ],
)
def test_agreement_in_words(qtbot: QtBot, agreeing: int | None, words: str) -> None:
    panel = panel_of(qtbot, run_of(Session(), agreeing=agreeing))
    assert panel.verdict.text().endswith(words)


def test_which_tokens_differ_is_shown_and_a_click_selects_one(qtbot: QtBot) -> None:
    session = run_of(Session(), agreeing=2, differing=", not 3 5")
    panel = panel_of(qtbot, session)
    assert teacher_figures(session)[0].differing == (3, 5)
    shown = [panel.differing.item(index) for index in range(panel.differing.count())]
    assert [item.text() for item in shown if item is not None] == ["3 “⋅t1”", "5 “⋅t3”"]
    assert panel.differing.isVisible()
    assert panel.chart.marked == {1, 3}
    place = panel.differing.visualItemRect(panel.differing.item(1)).center()
    qtbot.mouseClick(panel.differing.viewport(), Qt.MouseButton.LeftButton, pos=place)
    now = panel.context.selection.now
    assert (now.token, now.step, now.request) == (3, 3, 0)
    panel.context.selection.change(token=1)
    assert panel.differing.currentRow() == 0


@pytest.mark.parametrize("agreeing", [4, 3, None])
def test_without_knowing_which_tokens_differ_none_are_shown(qtbot: QtBot, agreeing: int | None) -> None:
    session = run_of(Session(), agreeing=agreeing)
    assert teacher_figures(session)[0].differing == (() if agreeing == 4 else None)
    assert not panel_of(qtbot, session).differing.isVisible()


def test_without_ceilings_nothing_is_made_up(qtbot: QtBot) -> None:
    session = run_of(Session())
    session.meta["ceilings"] = ""
    panel = panel_of(qtbot, session)
    assert [panel.table.cell(row, 3) for row in range(3)] == ["—"] * 3


class StartingControl(RecordingControl):
    """A control that remembers the runs it was asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.runs: list[RunSpec] = []

    def start_run(self, run: RunSpec, paused: bool = False) -> None:
        self.runs.append(run)


def test_without_a_pass_it_says_so_and_runs_one(qtbot: QtBot) -> None:
    control = StartingControl()
    panel = ParallelPanel(PanelContext(Selection(), control))
    qtbot.addWidget(panel)
    panel.show()
    panel.show_session(run_of(Session(), taught=False))
    assert panel.run_button.isVisible()
    assert not panel.chart.isVisible()
    assert panel.words.text().startswith("This session has no teacher-forced pass yet.")
    assert panel.figures() == ""
    panel.run_button.click()
    (run,) = control.runs
    assert run.teacher_pass
    assert (run.switches.kv, run.switches.attention) == ("paged", "reference")
    (request,) = run.requests
    assert (request.prompt, request.max_new_tokens, request.ignore_eos) == ("ab", 4, True)
    assert request.sampling == Sampling(temperature=0.5, seed=3)


def test_the_pass_appears_when_it_has_run(qtbot: QtBot) -> None:
    session = run_of(Session(), taught=False)
    panel = panel_of(qtbot, session)
    session.apply([schema.Work(4, 0, 0, 0, 5, 5, 0, 0), step(4, "teacher", 100, 4, 5, 4_000_000, 2_000_000)])
    panel.refresh()
    assert panel.chart.isVisible()
    assert not panel.run_button.isVisible()
    assert plain(panel.figures()).startswith("12.5× ƒ · pass 4.00 ms")


def test_without_a_session_the_default_prompt_runs() -> None:
    run = taught_run(None)
    assert run.teacher_pass
    assert [(one.prompt, one.max_new_tokens) for one in run.requests] == [("The cat sits on", 64)]


def test_names_and_definitions(qtbot: QtBot) -> None:
    panel = panel_of(qtbot, run_of(Session()))
    for widget in (panel.picker, panel.chart, panel.table):
        assert widget.accessibleName()
    for column in range(panel.table.columnCount()):
        head = panel.table.horizontalHeaderItem(column)
        assert head is not None
        assert head.toolTip().endswith(".")
    assert panel.run_button.toolTip().endswith(".")
