"""Name and notes of the shown recording: where they stand, undo, and files that cannot be written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import cast

import pytest
from pytestqt.qtbot import QtBot

from app.look.units import memory
from app.main import main
from app.panels.session import SessionPanel
from app.window.main_window import MainWindow
from engine.client.recordings import Recordings
from engine.errors import SessionFileError
from engine.session.edits import edit_file
from engine.session.file import open_session
from engine.session.schema import FactsSet
from tests.app.conftest import Engines
from tests.app.test_window import a_recording, error_text, press, run_to_the_end


def panel_of(window: MainWindow) -> SessionPanel:
    window.panels.bring_up("session")
    window.docks["session"].refresh()
    return cast(SessionPanel, window.docks["session"].panel)


def opened(qtbot: QtBot, window: MainWindow, path: Path) -> SessionPanel:
    with qtbot.waitSignal(window.shown.opened):
        window.open_path(str(path))
    return panel_of(window)


def give(window: MainWindow, name: str = "", notes: str = "") -> None:
    words = panel_of(window).words
    if name:
        words.name.setText(name)
    if notes:
        words.notes.setPlainText(notes)
    words.hand_over()


def facts_of(path: Path) -> tuple[str, str]:
    session = open_session(path)
    session.source.close()  # type: ignore[union-attr]
    return session.meta.get("name", ""), session.meta.get("notes", "")


def written(qtbot: QtBot, window: MainWindow) -> None:
    qtbot.waitUntil(lambda: not window.jobs.busy)


def test_an_opened_recording_takes_a_name_that_stands_wherever_it_is_named(
    qtbot: QtBot, window: MainWindow, tmp_path: Path
) -> None:
    path = a_recording(tmp_path / "a.dscope")
    opened(qtbot, window, path)
    assert window.windowTitle().startswith("a.dscope")
    give(window, "Base [*] <b>line</b>", "notes\nof two lines")
    written(qtbot, window)
    assert facts_of(path) == ("Base [*] <b>line</b>", "notes\nof two lines")
    assert window.windowTitle().startswith("Base [*][*] <b>line</b>")
    assert window.status.file.text() == "Base [*] <b>line</b>"
    assert window.status.file.toolTip().endswith("a.dscope")
    window.documents.look_at_recent()
    written(qtbot, window)
    (first, *_) = window.menus.menus["recent"].actions()
    assert first.text().startswith("Base [*] <b>line</b> · synthetic · ")
    assert first.toolTip().endswith("a.dscope")


def test_each_change_is_undone_and_done_again_by_the_menu(qtbot: QtBot, window: MainWindow, tmp_path: Path) -> None:
    path = a_recording(tmp_path / "a.dscope")
    opened(qtbot, window, path)
    give(window, "one")
    give(window, "two", "a note")
    undo, redo = window.menus.actions["undo"], window.menus.actions["redo"]
    undo.trigger()
    undo.trigger()
    written(qtbot, window)
    panel = panel_of(window)
    assert facts_of(path) == ("one", "")
    assert (panel.words.name.text(), panel.words.notes.toPlainText()) == ("one", "")
    redo.trigger()
    written(qtbot, window)
    assert facts_of(path) == ("two", "")
    assert panel_of(window).words.name.text() == "two"


def test_a_live_run_is_named_while_it_is_recorded(
    qtbot: QtBot, window: MainWindow, engines: Engines, recordings: Recordings
) -> None:
    engines.now.steps = 1_000_000
    with qtbot.waitSignal(window.feed.session_started):
        press(window, "Run")
    qtbot.waitUntil(lambda: len(window.shown.session.steps) > 10)  # type: ignore[union-attr]
    give(window, "live one", "as it goes")
    qtbot.waitUntil(lambda: window.windowTitle().startswith("live one"))
    with qtbot.waitSignal(window.feed.run_ended):
        window.menus.actions["stop"].trigger()
    qtbot.waitUntil(lambda: window.control.state == "idle" and not window.refresher.active)
    (path,) = recordings.paths()
    assert facts_of(path) == ("live one", "as it goes")
    table = panel_of(window).table
    written(qtbot, window)
    assert table.cell(table.row_named("File"), 1) == path.name
    assert table.cell(table.row_named("Size"), 1) == f"{memory(path.stat().st_size)} ●"


def test_a_run_that_is_over_is_named_in_its_file(qtbot: QtBot, window: MainWindow, recordings: Recordings) -> None:
    run_to_the_end(qtbot, window)
    give(window, "over")
    (path,) = recordings.paths()
    qtbot.waitUntil(lambda: facts_of(path) == ("over", ""))


def test_a_file_that_cannot_be_written_says_so_and_the_field_goes_back(
    qtbot: QtBot, window: MainWindow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = a_recording(tmp_path / "a.dscope")
    opened(qtbot, window, path)

    def refuse(*_: object) -> None:
        raise SessionFileError(f"The session file {path} cannot be written: attempt to write a readonly database.")

    monkeypatch.setattr("app.window.edits.edit_file", refuse)
    with qtbot.waitSignal(window.edits.failed):
        give(window, "new")
    assert "cannot be written" in error_text(window)
    assert panel_of(window).words.name.text() == ""
    assert window.windowTitle().startswith("a.dscope")
    assert not window.menus.actions["undo"].isEnabled()


def test_the_start_page_and_the_menu_call_a_recording_by_its_prompt_where_it_has_no_name(
    qtbot: QtBot, window: MainWindow, recordings: Recordings
) -> None:
    run_to_the_end(qtbot, window)
    written(qtbot, window)
    window.documents.look_at_recent()
    written(qtbot, window)
    text = window.menus.menus["recent"].actions()[0].text()
    assert text.startswith("“")
    assert " · synthetic · " in text


def test_the_run_panel_is_about_the_next_run(qtbot: QtBot, window: MainWindow, tmp_path: Path) -> None:
    panel = window.run_panel
    assert panel.heading.text() == "Next run"
    run_to_the_end(qtbot, window)
    assert not panel.take_over.isVisibleTo(panel)  # what is shown was made with these settings
    opened(qtbot, window, a_recording(tmp_path / "a.dscope"))
    assert panel.take_over.isVisibleTo(panel)
    assert panel.beside.isVisibleTo(panel)
    window.shown.show_live()
    assert not panel.take_over.isVisibleTo(panel)


def test_the_settings_of_a_recording_are_taken_for_the_next_run(
    qtbot: QtBot, window: MainWindow, tmp_path: Path
) -> None:
    opened(qtbot, window, a_recording(tmp_path / "a.dscope"))
    session = window.shown.session
    assert session is not None
    session.requests[0].params.update(
        max_new_tokens=17, ignore_eos=True, stop=["\n"], sampling={"temperature": 0.3, "seed": 5}
    )
    window.menus.actions["take_over"].trigger()
    run = window.run_panel.run_spec()
    assert run.requests[0].prompt == session.requests[0].prompt
    assert (run.requests[0].max_new_tokens, run.requests[0].ignore_eos) == (17, True)
    assert (run.requests[0].stop, run.requests[0].sampling.temperature) == (("\n",), 0.3)
    assert run.switches.kv == session.configs[0].switches["kv"]
    assert "settings of this recording" in window.status.said


def test_many_requests_are_taken_as_a_list(qtbot: QtBot, window: MainWindow, tmp_path: Path) -> None:
    from tests.engine.session.synthetic import synthetic_session

    window.shown.show(synthetic_session(12, requests=3), "")
    window.menus.actions["take_over"].trigger()
    written(qtbot, window)
    qtbot.waitUntil(lambda: window.run_panel.requests.facts is not None)
    run = window.run_panel.run_spec()
    session = window.shown.session
    assert session is not None
    assert [one.prompt for one in run.requests] == [one.prompt for one in session.requests.values()]


def test_info_calls_a_recording_by_its_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = a_recording(tmp_path / "a.dscope")
    assert main(["info", str(path)]) == 0
    assert not capsys.readouterr().out.startswith("name")
    edit_file(path, [FactsSet({"name": "base"})])
    assert main(["info", str(path)]) == 0
    assert capsys.readouterr().out.splitlines()[0].split() == ["name", "base"]
    assert main(["info", str(path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["name"] == "base"
