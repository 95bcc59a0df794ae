"""Measuring ceilings again from the window: what the last run takes, what its file holds, and what is said."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from app.cli.table import figures
from app.window.main_window import MainWindow
from engine.errors import SessionFileError
from engine.figures.metrics import summarise
from engine.host import protocol
from engine.session.edits import edit_file
from engine.session.file import open_session
from engine.session.schema import FactsSet
from tests.app.conftest import Engines
from tests.app.test_window import run_to_the_end
from tests.engine.session.synthetic import synthetic_session

BUSY: dict[str, object] = {"read_bytes_per_s": 7e9, "flops_per_s": 3e10, "conditions": {"busy": True}}


def measure(qtbot: QtBot, window: MainWindow) -> str:
    """Trigger the command; what the window says when it is done."""
    with qtbot.waitSignal(window.control.said) as said:
        window.menus.actions["measure_ceilings"].trigger()
    return str(said.args[0])


def test_the_last_run_and_its_file_take_the_ceilings_that_were_asked_for(
    qtbot: QtBot, window: MainWindow, engines: Engines
) -> None:
    run_to_the_end(qtbot, window)
    assert window.shown.live is not None
    session, path = window.shown.live.session, window.shown.live.path
    before = summarise(session).mbu
    assert before is not None
    text = measure(qtbot, window)
    assert text == "This device reads 7.00\u2009GB/s of memory and computes 30.0\u2009GFLOP/s at most."
    assert window.status.said == text
    assert summarise(session).mbu == pytest.approx(before * 3e10 / 7e9)
    again = open_session(path)
    assert json.loads(again.meta["ceilings"]) == {"read_bytes_per_s": 7e9, "flops_per_s": 3e10}
    again.source.close()  # type: ignore[union-attr]
    qtbot.waitUntil(lambda: not window.refresher.active)


def test_a_busy_machine_is_said(qtbot: QtBot, window: MainWindow, engines: Engines) -> None:
    run_to_the_end(qtbot, window)
    engines.now.ceilings = BUSY
    assert "The machine was busy" in measure(qtbot, window)
    assert window.shown.live is not None
    rows = dict(figures(summarise(window.shown.live.session)))
    assert rows["ceilings of MBU and MFU"] == "measured on a busy machine"


def test_a_run_of_another_model_keeps_its_own(qtbot: QtBot, window: MainWindow, engines: Engines) -> None:
    run_to_the_end(qtbot, window)
    engines.now.of = {"model_path": "another"}
    assert window.shown.live is not None
    session = window.shown.live.session
    before = session.meta["ceilings"]
    measure(qtbot, window)
    assert session.meta["ceilings"] == before


def test_only_an_idle_engine_measures(qtbot: QtBot, window: MainWindow, engines: Engines) -> None:
    action = window.menus.actions["measure_ceilings"]
    qtbot.waitUntil(lambda: window.control.state == "idle")
    assert action.isEnabled()
    engines.now.steps = 50_000
    window.control.run_prompt()
    qtbot.waitUntil(lambda: window.control.state == "running")
    assert not action.isEnabled()
    window.feed.measure_ceilings()  # the panel's button: the engine says why not, and the run goes on
    qtbot.waitUntil(lambda: bool(engines.commands(protocol.MeasureCeilings)))
    assert not engines.commands(protocol.Stop)


def test_facts_of_a_file(tmp_path: Path) -> None:
    with pytest.raises(SessionFileError, match="not there any more"):
        edit_file(tmp_path / "gone.dscope", [FactsSet({"ceilings": "{}"})])
    assert not (tmp_path / "gone.dscope").exists()
    other = tmp_path / "other.db"
    other.write_bytes(b"no database at all, and more than a hundred bytes of it" * 10)
    with pytest.raises(SessionFileError, match="cannot be written"):
        edit_file(other, [FactsSet({"ceilings": "{}"})])
    empty = tmp_path / "empty.db"
    empty.touch()
    with pytest.raises(SessionFileError, match="not a DecodeScope session"):
        edit_file(empty, [FactsSet({"ceilings": "{}"})])


def test_a_quiet_machine_needs_no_word() -> None:
    assert "ceilings of MBU and MFU" not in dict(figures(summarise(synthetic_session(3))))
