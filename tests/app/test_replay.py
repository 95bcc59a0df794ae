"""The replay of a recording in the window: its controls, its keys, and what the panels show."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.cli.parser import parse_window
from app.window.feed import Feed
from app.window.gui import load_after_first_paint
from app.window.main_window import MainWindow
from engine.client.recordings import Recordings
from engine.errors import InputError
from engine.session import schema
from engine.session.file import open_session
from engine.session.paced import pace_label
from engine.session.writer import SessionWriter
from tests.app.conftest import Engines, WindowMaker
from tests.app.figures.recorded import record_all
from tests.app.test_window import press
from tests.engine.session.synthetic import synthetic_events, synthetic_session

STEPS = 40
KINDS = ("flipped", "crowded", "speculating", "served", "paced")
"""Kinds of sessions: no cache, a switch and a pause, with attention; a batch with a preemption; drafts; a server's; a
run that was slowed down."""


class Wall:
    """A wall clock that a test moves."""

    def __init__(self) -> None:
        self.s = 50.0

    def __call__(self) -> float:
        return self.s


@pytest.fixture
def wall(window: MainWindow) -> Wall:
    clock = Wall()
    window.replay._wall_s = clock
    return clock


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return written(tmp_path / "one.dscope", STEPS)


@pytest.fixture
def replaying(qtbot: QtBot, window: MainWindow, wall: Wall, path: Path) -> Iterator[MainWindow]:
    """A window that replays a recording of forty steps, paused at its beginning."""
    open_and_replay(qtbot, window, path)
    yield window
    window.replay.leave()


def written(path: Path, steps: int) -> Path:
    writer = SessionWriter(path)
    for batch in synthetic_events(steps, attention_rows=steps):
        writer.append(batch)
    writer.close()
    return path


def open_and_replay(qtbot: QtBot, window: MainWindow, path: Path) -> None:
    with qtbot.waitSignal(window.shown.opened):
        window.shown.open(str(path))
    qtbot.waitUntil(lambda: not window.jobs.busy)
    window.menus.actions["replay"].trigger()
    qtbot.waitUntil(lambda: window.replay.on)
    assert window.replay.plays
    window.replay.play_or_pause()


def steps_shown(window: MainWindow) -> int:
    assert window.shown.session is not None
    return len(window.shown.session.steps)


def the_end(window: MainWindow) -> int:
    assert window.replay._replay is not None
    return window.replay._replay.end_ns


# --- time ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("speed", "index"), [(0.25, 0), (1.0, 2), (16.0, 5)])
def test_it_takes_the_time_that_its_speed_says(replaying: MainWindow, wall: Wall, speed: float, index: int) -> None:
    box = replaying.replay.bar.speed_box
    box.setCurrentIndex(index)
    box.activated.emit(index)
    replaying.replay.play_or_pause()
    begun, passed = wall.s, the_end(replaying) / 1e9
    while replaying.replay.plays:
        wall.s += 0.001
        replaying.replay.tick()
    assert wall.s - begun == pytest.approx(passed / speed, rel=0.02, abs=0.002)
    assert steps_shown(replaying) == STEPS


def test_what_is_shown_at_a_moment_are_the_steps_that_had_ended(replaying: MainWindow, wall: Wall) -> None:
    whole = replaying.shown.now.session  # type: ignore[union-attr]
    replaying.replay.play_or_pause()
    for _ in range(10):
        wall.s += 0.007
        replaying.replay.tick()
        passed_ns = round((wall.s - 50.0) * 1e9)
        assert steps_shown(replaying) == np.searchsorted(whole.steps["end_ns"], passed_ns, "right")


def test_as_fast_as_drawn_shows_every_step_of_a_short_recording(replaying: MainWindow) -> None:
    box = replaying.replay.bar.speed_box
    box.setCurrentIndex(box.count() - 1)
    box.activated.emit(box.count() - 1)
    assert replaying.replay.bar.speed is None
    replaying.replay.play_or_pause()
    for count in range(1, STEPS):
        replaying.replay.tick()
        assert steps_shown(replaying) == count


def test_at_the_end_it_stands_still_and_begins_anew_when_it_is_played(replaying: MainWindow, wall: Wall) -> None:
    replaying.replay.play_or_pause()
    wall.s += 100
    replaying.replay.tick()
    assert not replaying.replay.plays
    assert replaying.replay.bar.track.value() == replaying.replay.bar.track.maximum()
    replaying.replay.play_or_pause()
    assert replaying.replay.plays
    assert steps_shown(replaying) == 0


# --- keys, mouse, menus -------------------------------------------------------------------------------------------


def test_its_keys_play_and_step_and_do_not_run(qtbot: QtBot, replaying: MainWindow) -> None:
    qtbot.waitUntil(replaying.strip.hasFocus)
    for key, steps in (
        (Qt.Key.Key_F10, 1), (Qt.Key.Key_Period, 2), (Qt.Key.Key_Comma, 1), (Qt.Key.Key_End, STEPS),
        (Qt.Key.Key_Home, 0),
    ):  # fmt: skip
        qtbot.keyClick(replaying.strip, key)
        assert steps_shown(replaying) == steps
    qtbot.keyClick(replaying.strip, Qt.Key.Key_Space)
    assert replaying.replay.plays
    qtbot.keyClick(replaying.strip, Qt.Key.Key_Space)
    assert not replaying.replay.plays
    assert not replaying.control.asked
    replaying.replay.leave()
    assert [key.toString() for key in replaying.menus.actions["run"].shortcuts()] == ["Space"]
    assert [key.toString() for key in replaying.menus.actions["step"].shortcuts()] == ["F10", "."]


def test_the_handle_is_moved_with_the_mouse_forwards_and_back(qtbot: QtBot, replaying: MainWindow) -> None:
    track, replay = replaying.replay.bar.track, replaying.replay
    middle = track.height() // 2
    for share in (0.75, 0.25):
        place = round(track.x_of(share))
        qtbot.mouseClick(track, Qt.MouseButton.LeftButton, pos=track.rect().topLeft().__class__(place, middle))
        replay._seek_now()
        now_ns = replay._replay.now_ns  # type: ignore[union-attr]
        assert now_ns / the_end(replaying) == pytest.approx(share, abs=0.01)
        ends = replaying.shown.now.session.steps["end_ns"]  # type: ignore[union-attr]
        assert steps_shown(replaying) == np.searchsorted(ends, now_ns, "right")


def test_leaving_shows_the_whole_recording_again(replaying: MainWindow) -> None:
    replaying.replay.step()
    assert not replaying.replay.bar.isHidden()
    replaying.replay.bar.buttons["leave"].click()
    assert replaying.replay.bar.isHidden()
    assert replaying.shown.now is not None
    assert replaying.shown.session is replaying.shown.now.session
    assert steps_shown(replaying) == STEPS
    assert replaying.run_panel.text.text.count(" ") > 10


def test_what_comes_after_the_moment_is_not_selected_and_a_zoom_stays(replaying: MainWindow) -> None:
    replaying.replay.to_end()
    replaying.strip.zoom(0.25, replaying.strip.x_of(4))
    replaying.selection.change(steps=(5, 30))
    replaying.selection.change(step=20)
    looked = replaying.strip.view
    for _ in range(2):
        replaying.replay.step_back()
    while steps_shown(replaying) > 25:
        replaying.replay.step_back()
    assert (replaying.selection.now.steps, replaying.selection.now.step) == ((5, 24), 20)
    assert replaying.strip.view == pytest.approx(looked)
    while steps_shown(replaying) > 12:
        replaying.replay.step_back()
    assert (replaying.selection.now.steps, replaying.selection.now.step) == ((5, 11), None)


def test_another_session_ends_the_replay(replaying: MainWindow) -> None:
    replaying.replay.step()
    other = synthetic_session(7)
    replaying.shown.show(other, "")
    assert not replaying.replay.on
    assert replaying.replay.bar.isHidden()
    assert replaying.shown.session is other


def test_a_run_is_replayed_when_it_is_over_and_another_one_ends_that(qtbot: QtBot, window: MainWindow) -> None:
    assert not window.menus.actions["replay"].isEnabled()
    with qtbot.waitSignal(window.feed.run_ended):
        press(window, "Run")
        qtbot.waitUntil(lambda: window.control.active)
        assert not window.menus.actions["replay"].isEnabled()
    qtbot.waitUntil(window.menus.actions["replay"].isEnabled)
    whole = window.shown.session
    window.menus.actions["replay"].trigger()
    qtbot.waitUntil(lambda: window.replay.on)
    assert window.shown.session is not whole
    assert window.shown.is_live
    with qtbot.waitSignal(window.feed.session_started):
        press(window, "Run")
    assert not window.replay.on
    assert window.shown.session not in (whole, None)


def test_export_and_saving_concern_the_whole_recording(qtbot: QtBot, replaying: MainWindow, tmp_path: Path) -> None:
    replaying.replay.step()
    with qtbot.waitSignal(replaying.exports.said):
        replaying.exports.export_tables(tmp_path / "tables", "csv")
    rows = (tmp_path / "tables" / "steps.csv").read_text().splitlines()
    assert len(rows) == STEPS + 1
    with qtbot.waitSignal(replaying.shown.saved):
        replaying.shown.save_as(tmp_path / "copy.dscope")
    copy = open_session(tmp_path / "copy.dscope")
    assert len(copy.steps) == STEPS
    copy.source.close()  # type: ignore[union-attr]


def test_before_the_first_step_a_panel_says_so_and_offers_no_run(replaying: MainWindow) -> None:
    dock = next(dock for dock in replaying.docks.values() if dock.is_seen)
    dock.refresh()
    assert "nothing of this had happened yet" in dock._empty.sentence.text()
    assert dock._empty.run_button.isHidden()


def test_a_mark_that_is_put_meanwhile_is_put_on_the_recording_and_shown(
    qtbot: QtBot, replaying: MainWindow, path: Path
) -> None:
    for _ in range(9):
        replaying.replay.step()
    shown = replaying.shown.session
    assert shown is not None
    replaying.selection.change(step=4)
    replaying.menus.actions["mark"].trigger()
    assert replaying.shown.session is shown
    assert len(shown.marks) == 1
    qtbot.waitUntil(lambda: not replaying.jobs.busy)
    kept = open_session(path)
    assert kept.marks == shown.marks
    kept.source.close()  # type: ignore[union-attr]
    replaying.menus.actions["undo"].trigger()
    assert shown.marks == []


def test_the_command_line_opens_the_window_on_a_replay(
    qtbot: QtBot, make: WindowMaker, engines: Engines, recordings: Recordings, path: Path
) -> None:
    assert parse_window([str(path), "--replay"]) == (str(path), None, True)
    window = make(Feed(engines, SessionWriter, recordings))
    load_after_first_paint(window, str(path), None, replay=True)
    window.first_painted.emit()
    qtbot.waitUntil(lambda: window.replay.on)
    assert window.replay.plays
    window.replay.leave()


@pytest.mark.parametrize("arguments", [["--replay"], ["--replay", "assets"], ["--replay", "requests.jsonl"]])
def test_a_replay_of_what_is_no_session_is_refused(arguments: list[str]) -> None:
    with pytest.raises(InputError, match="--replay needs a recorded session"):
        parse_window(arguments)


# --- what the panels show -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def recorded(qapp: object, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("replayed")
    paced = folder / "paced.dscope"
    writer = SessionWriter(paced)
    for batch in synthetic_events(STEPS, attention_rows=STEPS):
        writer.append(batch)
    writer.append([schema.Mark(0, "pause", pace_label(8)), schema.Mark(40_000_000, "resume", "")])
    writer.close()
    return {"paced": paced, **{one.name: one.path for one in record_all(folder) if one.name in KINDS}}


@pytest.mark.parametrize("kind", KINDS)
def test_at_the_end_every_panel_is_as_if_the_recording_had_just_been_opened(
    qtbot: QtBot, window: MainWindow, wall: Wall, recorded: dict[str, Path], kind: str
) -> None:
    with qtbot.waitSignal(window.shown.opened):
        window.shown.open(str(recorded[kind]))
    for dock in window.docks.values():  # each at a size of its own, whatever comes and goes in the window
        dock.show()
        dock.setFloating(True)
        dock.resize(900, 700)
    opened = pictures(qtbot, window)
    open_and_replay(qtbot, window, recorded[kind])
    pictures(qtbot, window)  # every panel grows with it
    assert window.replay._replay is not None
    for share in (0.2, 0.21, 0.5, 0.8):
        window.replay._move(round(share * the_end(window)))
        pictures(qtbot, window)
    window.replay.play_or_pause()
    wall.s += 1e6
    window.replay.tick()
    assert not window.replay.plays
    window.replay.leave()  # so that the panels have the room of the bar again
    at_end = pictures(qtbot, window)
    assert set(at_end) == set(opened)
    assert [name for name in opened if at_end[name] != opened[name]] == []


def pictures(qtbot: QtBot, window: MainWindow) -> dict[str, QImage]:
    """Every panel as it is drawn now, and the strip and the text."""
    found = {}
    qtbot.waitUntil(lambda: all(dock.is_seen for dock in window.docks.values()))
    for _ in range(2):  # what was read is drawn, and may ask for more
        window.refresher.draw_all()
        qtbot.waitUntil(lambda: not window.jobs.busy)
        QApplication.processEvents()  # lays out again what has another height now
    for name, dock in window.docks.items():
        assert dock.panel is not None
        assert not dock.panel.is_behind
        found[name] = dock.widget().grab().toImage()
    found["strip"] = window.strip.grab().toImage()
    found["text"] = window.run_panel.text.page.viewport().grab().toImage()
    return found
