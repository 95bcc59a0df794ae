"""Marks and names in the window: put, renamed, removed, undone, live and recorded, and what the file has then."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QInputDialog, QLineEdit
from pytestqt.qtbot import QtBot

from app.window.main_window import MainWindow
from engine.client.recordings import Recordings
from engine.session.file import SessionWriter, open_session
from engine.session.schema import Mark
from tests.app.conftest import Engines
from tests.app.test_window import error_text, press, run_to_the_end
from tests.engine.session.synthetic import synthetic_events


def action(window: MainWindow, name: str) -> QAction:
    return window.menus.actions[name]


def kept(path: Path | str) -> list[str]:
    session = open_session(path)
    session.source.close()  # type: ignore[union-attr]
    return [mark.label for mark in session.marks if mark.kind == "user"]


def shown(window: MainWindow) -> list[str]:
    assert window.shown.session is not None
    return [mark.label for mark in window.shown.session.marks if mark.kind == "user"]


def name(window: MainWindow, text: str) -> None:
    dialog = window.findChild(QInputDialog, "mark-name-dialog")
    assert dialog is not None
    dialog.findChildren(QLineEdit)[0].setText(text)
    dialog.accept()


def settled(qtbot: QtBot, window: MainWindow) -> None:
    qtbot.waitUntil(lambda: not window.jobs.busy)


@pytest.fixture
def recorded(qtbot: QtBot, window: MainWindow, tmp_path: Path) -> Path:
    """A recording of 20 steps that the window shows."""
    path = tmp_path / "kept.dscope"
    with SessionWriter(path) as writer:
        for batch in synthetic_events(20):
            writer.append(batch)
    with qtbot.waitSignal(window.shown.opened):
        window.shown.open(str(path))
    return path


def test_a_mark_of_a_recording_is_put_renamed_removed_and_all_of_it_undone(
    qtbot: QtBot, window: MainWindow, recorded: Path
) -> None:
    window.selection.change(step=7)
    action(window, "mark").trigger()
    settled(qtbot, window)
    assert kept(recorded) == ["mark 1"]
    assert window.shown.session is not None
    assert window.shown.session.marks[-1].t_ns == int(window.shown.session.steps["start_ns"][7])
    action(window, "rename_mark").trigger()
    name(window, "  the   prompt\nbegins ")
    settled(qtbot, window)
    assert kept(recorded) == shown(window) == ["the prompt begins"]
    action(window, "remove_mark").trigger()
    settled(qtbot, window)
    assert kept(recorded) == shown(window) == []
    for expected in (["the prompt begins"], ["mark 1"], []):
        assert action(window, "undo").isEnabled()
        action(window, "undo").trigger()
        settled(qtbot, window)
        assert kept(recorded) == shown(window) == expected
    assert not action(window, "undo").isEnabled()
    for expected in (["mark 1"], ["the prompt begins"], []):
        action(window, "redo").trigger()
        settled(qtbot, window)
        assert kept(recorded) == shown(window) == expected
    assert not action(window, "redo").isEnabled()


def test_changes_made_at_once_are_written_in_their_order(qtbot: QtBot, window: MainWindow, recorded: Path) -> None:
    window.selection.change(step=3)
    for number in range(12):
        before = None if number == 0 else Mark(5, "user", f"name {number - 1}")
        window.edits.change_mark(before, Mark(5, "user", f"name {number}"), "again")
    window.edits.set_fact("name", "a", "name it")
    window.edits.set_fact("name", "b", "name it")
    settled(qtbot, window)
    session = open_session(recorded)
    session.source.close()  # type: ignore[union-attr]
    assert [mark.label for mark in session.marks if mark.kind == "user"] == ["name 11"]
    assert session.meta["name"] == "b"


def test_without_a_selection_a_recording_says_where_a_mark_goes(
    qtbot: QtBot, window: MainWindow, recorded: Path
) -> None:
    with qtbot.waitSignal(window.marks.said) as said:
        action(window, "mark").trigger()
    assert shown(window) == []
    assert said.args == ["Select a step or a token first: the mark is put there."]


def test_a_live_run_is_marked_now_or_at_what_is_selected_and_its_file_has_both(
    qtbot: QtBot, window: MainWindow, engines: Engines, recordings: Recordings
) -> None:
    engines.now.steps = 50_000
    press(window, "Run")
    qtbot.waitUntil(lambda: window.shown.session is not None and len(window.shown.session.steps) > 20)
    action(window, "mark").trigger()
    qtbot.waitUntil(lambda: shown(window) == ["mark 1"])
    window.selection.change(step=5)
    action(window, "mark").trigger()
    qtbot.waitUntil(lambda: shown(window) == ["mark 1", "mark 2"])
    assert window.shown.session is not None
    now, selected = [mark.t_ns for mark in window.shown.session.marks if mark.kind == "user"]
    assert selected == int(window.shown.session.steps["start_ns"][5])
    assert now > selected
    with qtbot.waitSignal(window.feed.recorded):
        press(window, "Stop")
    (path,) = recordings.paths()
    assert kept(path) == ["mark 1", "mark 2"]
    action(window, "undo").trigger()  # the run is over: its file is changed beside it
    qtbot.waitUntil(lambda: kept(path) == ["mark 1"])
    assert shown(window) == ["mark 1"]


def test_a_saved_copy_gets_the_change_too(
    qtbot: QtBot, window: MainWindow, recordings: Recordings, tmp_path: Path
) -> None:
    run_to_the_end(qtbot, window)
    with qtbot.waitSignal(window.shown.saved):
        window.shown.save_as(tmp_path / "copy.dscope")
    settled(qtbot, window)
    window.edits.set_fact("name", "my run", "name it")
    settled(qtbot, window)
    (path,) = recordings.paths()
    for one in (path, tmp_path / "copy.dscope"):

        def named(one: Path = one) -> bool:
            session = open_session(one)
            session.source.close()  # type: ignore[union-attr]
            return session.meta.get("name") == "my run"

        qtbot.waitUntil(named)


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write everywhere")
def test_a_read_only_file_stays_as_it_is(qtbot: QtBot, window: MainWindow, recorded: Path) -> None:
    recorded.chmod(0o444)
    window.edits.set_fact("name", "no", "name it")
    settled(qtbot, window)
    assert "cannot be written" in error_text(window)


def test_a_file_that_is_gone_takes_the_change_back(qtbot: QtBot, window: MainWindow, recorded: Path) -> None:
    recorded.unlink()
    window.selection.change(step=2)
    action(window, "mark").trigger()
    settled(qtbot, window)
    assert "not there any more" in error_text(window)
    assert shown(window) == []
    assert not action(window, "undo").isEnabled()


def test_keys_jump_from_mark_to_mark(qtbot: QtBot, window: MainWindow, recorded: Path) -> None:
    for step in (4, 11, 4):
        window.selection.change(step=step)
        action(window, "mark").trigger()
    window.selection.clear()
    window.run_panel.setFocus()
    visited = []
    for _ in range(4):
        qtbot.keyClick(window, Qt.Key.Key_BracketRight)
        visited.append(window.selection.now.step)
    assert set(visited) == {4, 11}
    qtbot.keyClick(window, Qt.Key.Key_BracketLeft)
    assert window.selection.now.step in {4, 11}
    settled(qtbot, window)


def test_the_timeline_offers_marks_by_pointer(qtbot: QtBot, window: MainWindow, recorded: Path) -> None:
    window.selection.change(step=4)
    action(window, "mark").trigger()
    settled(qtbot, window)
    canvas = window.docks["timeline"].build().canvas  # type: ignore[attr-defined]
    canvas.resize(900, 400)
    canvas.advance()
    window.selection.clear()
    scene, lanes = canvas.scene(), canvas.lanes()
    mark = window.shown.session.marks[-1]  # type: ignore[union-attr]
    place = lanes.marks.center()
    place.setX(scene.time_x(mark.t_ns) + 6)
    canvas.pick(place)
    assert window.selection.now.step == 4
    canvas.mark_opened.emit(mark)
    name(window, "by pointer")
    settled(qtbot, window)
    assert kept(recorded) == ["by pointer"]


def test_notes_that_were_just_typed_are_kept_when_the_window_is_closed(
    qtbot: QtBot, window: MainWindow, recorded: Path
) -> None:
    window.panels.bring_up("session")
    panel = window.docks["session"].build()
    notes = panel.words.notes  # type: ignore[attr-defined]
    notes.setFocus()
    qtbot.keyClicks(notes, "typed just now")
    window.close()
    session = open_session(recorded)
    session.source.close()  # type: ignore[union-attr]
    assert session.meta["notes"] == "typed just now"
