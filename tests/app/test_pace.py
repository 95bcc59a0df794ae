"""The pace control, and what the window makes of the rests of a paced run."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtWidgets import QComboBox
from pytestqt.qtbot import QtBot

from app.cli.parser import parse_command
from app.cli.record import run_spec
from app.look.units import seconds
from app.panels.timeline_pauses import words
from app.widgets.pace_control import PaceControl
from app.window.main_window import MainWindow
from app.window.strip_pauses import paced_steps, pause_texts, pauses_before
from engine.client.source import Tells
from engine.figures.pauses import pauses_of
from engine.host import protocol
from engine.session import schema
from engine.session.paced import pace_label
from engine.session.store import Session
from tests.app.conftest import Engines
from tests.app.test_window import press
from tests.engine.figures.test_pauses import MS, step


def box_of(control: PaceControl) -> QComboBox:
    box = control.findChild(QComboBox)
    assert isinstance(box, QComboBox)
    return box


def pick(control: PaceControl, text: str) -> None:
    """Pick an entry as the mouse does."""
    box = box_of(control)
    index = next(i for i in range(box.count()) if box.itemText(i).replace("\u2009", " ") == text)
    box.setCurrentIndex(index)
    box.activated.emit(index)


def paced(steps: int = 4) -> Session:
    """Steps of 8 ms, 100 ms apart, of which all but the last are paced."""
    session = Session()
    session.apply([schema.Mark(0, "pause", pace_label(10.0))])
    for index in range(steps - 1):
        session.apply([step(index, index * 100 * MS + MS, index * 100 * MS + 9 * MS)])
    session.apply([schema.Mark((steps - 2) * 100 * MS + 9 * MS, "resume", "")])
    session.apply([step(steps - 1, steps * 100 * MS, steps * 100 * MS + 8 * MS)])
    return session


def test_the_pace_is_part_of_a_run_and_changed_while_it_goes_on(
    qtbot: QtBot, window: MainWindow, engines: Engines
) -> None:
    engines.now.steps = 50_000
    pick(window.run_panel.pace, "4 tokens/s")
    press(window, "Run")
    qtbot.waitUntil(lambda: window.control.state == "running")
    (start,) = engines.commands(protocol.Start)
    assert isinstance(start, protocol.Start)
    assert (start.run.pace_tokens_per_s, start.paused) == (4.0, False)
    pick(window.run_panel.pace, "Full speed")
    qtbot.waitUntil(lambda: engines.commands(protocol.SetPace)[-1:] == [protocol.SetPace(0.0)])


def test_step_by_step_pauses_and_another_pace_goes_on(qtbot: QtBot, window: MainWindow, engines: Engines) -> None:
    engines.now.steps = 50_000
    pick(window.run_panel.pace, "Step by step")
    press(window, "Run")
    qtbot.waitUntil(lambda: window.control.state == "paused")
    (start,) = engines.commands(protocol.Start)
    assert isinstance(start, protocol.Start)
    assert start.paused
    pick(window.run_panel.pace, "8 tokens/s")
    qtbot.waitUntil(lambda: window.control.state == "running")
    pick(window.run_panel.pace, "Step by step")
    qtbot.waitUntil(lambda: window.control.state == "paused")
    press(window, "Resume")
    qtbot.waitUntil(lambda: window.control.state == "running")
    assert not window.run_panel.pace.step_by_step
    assert window.run_panel.pace.tokens_per_s == 8.0


def test_a_pause_of_the_user_lasts_while_the_pace_changes(qtbot: QtBot, window: MainWindow, engines: Engines) -> None:
    engines.now.steps = 50_000
    press(window, "Run")
    qtbot.waitUntil(lambda: window.control.state == "running")
    press(window, "Pause")
    qtbot.waitUntil(lambda: window.control.state == "paused")
    pick(window.run_panel.pace, "2 tokens/s")
    qtbot.waitUntil(lambda: bool(engines.commands(protocol.SetPace)))
    assert not engines.commands(protocol.Resume)


def test_a_server_cannot_be_slowed_down_and_the_control_says_so(window: MainWindow) -> None:
    control = window.run_panel.pace
    pick(control, "4 tokens/s")
    window.run_panel.show_source(Tells(loads_models=False, pauses=False))
    assert not box_of(control).isEnabled()
    assert "server" in box_of(control).toolTip()
    assert window.run_panel.run_spec().pace_tokens_per_s == 0.0
    window.run_panel.show_source(Tells())
    assert box_of(control).isEnabled()
    assert window.run_panel.run_spec().pace_tokens_per_s == 4.0


def test_a_pace_that_is_not_offered_is_shown(qtbot: QtBot) -> None:
    control = PaceControl()
    qtbot.addWidget(control)
    control.show_pace(2.5)
    assert box_of(control).currentText().replace("\u2009", " ") == "2.5 tokens/s"
    control.show_pace(0.0)
    assert box_of(control).currentText() == "Full speed"


def test_one_seam_says_where_a_pace_begins_and_each_step_what_rest_it_had() -> None:
    session = paced()
    assert [text.replace("\u2009", " ") for _, text in pause_texts(session)] == ["paced at 10 tokens/s"]
    assert paced_steps(session) == [(0, 3)]
    (before,) = pauses_before(session, 2)
    assert before.startswith(f"paused {seconds(0.092)} · paced at 10")
    assert pauses_before(session, 3) == []
    assert len(pauses_of(session)) == 3
    assert words(92 * MS, pace_label(10.0)) == f"rest {seconds(0.092)}"


def test_record_takes_a_pace(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, options = parse_command(["record", "--pace", "3"])
    assert run_spec(options).pace_tokens_per_s == 3.0
