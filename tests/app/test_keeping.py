"""A run is recorded without being asked for: how large that gets, what is kept by a key, and a disk that is full."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from PySide6.QtWidgets import QMessageBox
from pytestqt.qtbot import QtBot

from app.look.units import memory, rate
from app.models.recording_size import RecordingSize
from app.window.feed import Feed
from app.window.main_window import MainWindow
from engine.client.recordings import Recordings
from engine.errors import SessionFileError
from engine.session.file import open_session
from engine.session.writer import SessionWriter
from tests.app.conftest import Engines, WindowMaker
from tests.app.test_window import error_text, press, run_to_the_end

WRITTEN_BATCHES = 1
"""After so many batches the disk of a test is full."""


class Clock:
    def __init__(self) -> None:
        self.s = 0.0

    def __call__(self) -> float:
        return self.s


class FullDisk(SessionWriter):
    """A file of which the disk takes the first batches only."""

    written = 0

    def append(self, events: object) -> None:
        self.written += 1
        if self.written > WRITTEN_BATCHES:
            raise SessionFileError(f"The session file {self.path} cannot be written: database or disk is full.")
        super().append(events)  # type: ignore[arg-type]


def keep(qtbot: QtBot, window: MainWindow) -> Path:
    with qtbot.waitSignal(window.keeping.kept) as kept:
        window.menus.actions["keep"].trigger()
    return Path(kept.args[0])


def test_what_happened_so_far_is_kept_while_the_run_goes_on(
    qtbot: QtBot, window: MainWindow, engines: Engines, recordings: Recordings
) -> None:
    engines.now.steps = 1500
    with qtbot.waitSignal(window.feed.run_ended):
        begin_paused(qtbot, window)
        session = window.shown.session
        assert session is not None
        qtbot.waitUntil(lambda: keep_shows(qtbot, window, len(session.steps)))
        window.control.run_or_pause()
    assert window.shown.session is session
    assert len(session.steps) == 1500


def begin_paused(qtbot: QtBot, window: MainWindow) -> None:
    """Begin a run that stands after its first batch."""
    press(window, "Step")
    qtbot.waitUntil(lambda: window.control.state == "paused")
    qtbot.waitUntil(lambda: window.shown.session is not None and len(window.shown.session.requests) > 0)


def keep_shows(qtbot: QtBot, window: MainWindow, steps: int) -> bool:
    """Whether a copy of the present run has so many steps: what was applied is committed within a tenth of a second."""
    path = keep(qtbot, window)
    copy = open_session(path)
    copy.source.close()  # type: ignore[union-attr]
    return copy.meta.get("model") == "synthetic" and len(copy.steps) == steps


def test_each_key_makes_a_file_of_its_own_that_nothing_throws_away(
    qtbot: QtBot, window: MainWindow, recordings: Recordings
) -> None:
    run_to_the_end(qtbot, window)
    first = keep(qtbot, window)
    with qtbot.waitSignal(window.keeping.kept) as kept:
        window.menus.actions["keep"].trigger()
        window.menus.actions["keep"].trigger()  # one copy at a time
    second = Path(kept.args[0])
    qtbot.waitUntil(lambda: not window.jobs.busy)
    assert set(recordings.folder.glob("kept_*")) == {first, second}
    assert first != second
    assert first.parent == recordings.folder
    assert first.name.startswith("kept_")
    assert not {first, second} & set(recordings.paths())
    assert window.shown.path not in (str(first), str(second))
    assert window.status.said.startswith("Kept what happened until now as kept_")


def test_before_the_first_run_there_is_nothing_to_keep(window: MainWindow) -> None:
    window.menus.actions["keep"].trigger()
    assert window.status.said.startswith("Nothing has run in this window yet")


def test_a_full_disk_is_said_once_and_the_run_goes_on_in_memory(
    qtbot: QtBot, make: WindowMaker, engines: Engines, recordings: Recordings
) -> None:
    engines.steps = 1500
    feed = Feed(engines, FullDisk, recordings)
    window = make(feed)
    with qtbot.waitSignal(feed.model_ready):
        window.control.start("demo")
    qtbot.waitUntil(lambda: window.control.state == "idle")
    run_to_the_end(qtbot, window)
    assert len(window.findChildren(QMessageBox, "error-dialog")) == 1
    assert "database or disk is full." in error_text(window)
    assert window.shown.session is not None
    assert len(window.shown.session.steps) == 1500
    assert window.run_panel.text.text.endswith(str(window.shown.session.tokens["text"][-1]))
    assert window.status.recording.text() == "in memory only"
    assert window.status.file.text() == ""
    window.menus.actions["keep"].trigger()
    said = [box.text() for box in window.findChildren(QMessageBox, "error-dialog") if box.isVisible()]
    assert [text.split(",")[0] for text in said] == ["This run is in memory only"]
    (path,) = recordings.paths()
    kept = open_session(path)
    kept.source.close()  # type: ignore[union-attr]
    assert kept.meta["model"] == "synthetic"  # what could be written is there


def test_size_and_rate_are_shown_while_a_run_is_recorded_and_not_after_it(qtbot: QtBot, window: MainWindow) -> None:
    with qtbot.waitSignal(window.feed.run_ended):
        begin_paused(qtbot, window)
        window.status_control.refresh()
        assert window.status.recording.text().startswith("recording ")
        window.control.run_or_pause()
    qtbot.waitUntil(lambda: window.control.state == "idle")
    assert window.status.recording.text() == ""


def grow(path: Path, size_bytes: int) -> None:
    """A file of this size that takes no room."""
    path.touch()
    os.truncate(path, size_bytes)


def test_the_rate_is_that_of_the_last_seconds_in_which_enough_was_written(tmp_path: Path) -> None:
    clock, path = Clock(), tmp_path / "a.dscope"
    size = RecordingSize(path, clock)
    size.look()
    assert (size.bytes, size.bytes_per_s) == (0, None)
    for second in range(1, 61):
        clock.s = float(second)
        grow(path, 10**6 * second if second <= 30 else 4 * 10**6 * second - 90 * 10**6)
        grow(tmp_path / "a.dscope-wal", 500)
        size.look()
        if second == 30:
            assert size.bytes == 30_000_500
            assert size.bytes_per_s == pytest.approx(1e6, rel=1e-3)
    assert size.bytes_per_s == pytest.approx(4e6)
    clock.s += 0.5
    grow(path, 10**9)
    size.look()
    assert size.bytes == 150_000_500  # looked at once a second


def test_the_rate_of_a_slow_run_is_not_0_while_sqlite_writes_over_its_log(tmp_path: Path) -> None:
    clock, path = Clock(), tmp_path / "a.dscope"
    size = RecordingSize(path, clock)
    log, rate_bytes = tmp_path / "a.dscope-wal", 100_000
    for second in range(181):
        clock.s = float(second)
        written = rate_bytes * second
        grow(log, min(written, 4_000_000))
        grow(path, written // 4_000_000 * 4_000_000)  # what the log held, each time that it is full
        size.look()
        if second > 40:
            assert size.bytes_per_s is not None
            assert rate_bytes / 2 < size.bytes_per_s < 2 * rate_bytes
    assert size.bytes_per_s == pytest.approx(rate_bytes, rel=0.25)


def test_how_size_and_rate_are_written(qtbot: QtBot, window: MainWindow) -> None:
    window.status.show_recording(13_000_000, 1.2e6)
    assert window.status.recording.text() == f"recording {memory(13_000_000)} · {rate(1.2e6, 'B/s')}"
    window.status.show_recording(13_000_000, None)
    assert window.status.recording.text() == f"recording {memory(13_000_000)}"


def test_a_mark_of_a_run_that_is_over_is_in_the_copy(qtbot: QtBot, window: MainWindow) -> None:
    run_to_the_end(qtbot, window)
    window.selection.change(step=3)
    window.menus.actions["mark"].trigger()
    qtbot.waitUntil(lambda: "user" in marks_kept(qtbot, window))  # the thread that keeps the events writes it


def marks_kept(qtbot: QtBot, window: MainWindow) -> list[str]:
    copy = open_session(keep(qtbot, window))
    copy.source.close()  # type: ignore[union-attr]
    return [mark.kind for mark in copy.marks]
