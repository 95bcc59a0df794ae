"""The folder of recordings: whatever lies in it, runs are recorded, and nothing goes that anybody wants."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest
from PySide6.QtWidgets import QMessageBox, QPushButton
from pytestqt.qtbot import QtBot

from app.core.preferences import KEEP_ALL, Preferences
from app.window.feed import Feed
from app.window.main_window import MainWindow
from app.window.recordings_control import MANY, OFFERED
from app.window.shown_files import ShownFiles
from engine.client.recordings import Recordings
from engine.errors import SessionFileError
from engine.session.file import open_session
from engine.session.writer import SessionWriter
from tests.app.conftest import Engines, WindowMaker
from tests.app.test_window import a_recording, error_text, press

posix = pytest.mark.skipif(sys.platform == "win32", reason="links and pipes are made otherwise there")


def fill(folder: Path, count: int) -> list[Path]:
    """So many recordings of 10 bytes, oldest first."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"2026-01-01_00-{number // 60:02}-{number % 60:02}_demo.dscope" for number in range(count)]
    for number, path in enumerate(paths):
        path.write_bytes(b"0123456789")
        os.utime(path, (1_000_000 + number, 1_000_000 + number))
    return paths


@pytest.fixture
def trash(tmp_path: Path) -> Path:
    folder = tmp_path / "trash"
    folder.mkdir()
    return folder


@pytest.fixture
def recordings(tmp_path: Path, trash: Path) -> Recordings:
    def discard(path: Path) -> bool:
        shutil.move(path, trash / path.name)
        return True

    return Recordings(tmp_path / "data" / "recordings", discard)


def run(qtbot: QtBot, window: MainWindow) -> None:
    with qtbot.waitSignal(window.feed.run_ended):
        press(window, "Run")
    qtbot.waitUntil(lambda: window.control.state == "idle" and not window.refresher.active)


def settle(qtbot: QtBot, window: MainWindow) -> None:
    qtbot.waitUntil(lambda: not window.jobs.busy)


def begin(qtbot: QtBot, window: MainWindow) -> None:
    window.kept.begin()
    settle(qtbot, window)


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


# --- what may lie there -------------------------------------------------------------------------------------------


def test_recordings_have_names_of_their_own_and_none_goes_by_itself(tmp_path: Path) -> None:
    recordings = Recordings(tmp_path)
    now = datetime(2026, 11, 23, 9, 0, 0)
    paths = []
    for _ in range(60):
        paths.append(recordings.new_path("/models/My model!", now))
        paths[-1].touch()
    assert paths[0].name == "2026-11-23_09-00-00_My-model.dscope"
    assert paths[1].name == "2026-11-23_09-00-00_My-model_2.dscope"
    assert set(recordings.paths()) == set(paths)


@pytest.mark.parametrize("model", ["x" * 5000, "\u6a21" * 5000, "\udcff\n", "..", "", "/"])
def test_any_name_of_a_model_gives_a_name_of_a_file(tmp_path: Path, model: str) -> None:
    path = Recordings(tmp_path).new_path(model)
    path.touch()
    assert Recordings(tmp_path).paths() == [path]


@posix
def test_what_is_no_recording_of_this_program_is_passed_over(recordings: Recordings, trash: Path) -> None:
    (whole,) = fill(recordings.folder, 1)
    folder = recordings.folder
    stem = "2026-01-01_00-00-00"
    os.mkfifo(folder / f"{stem}_pipe.dscope")
    (folder / f"{stem}_folder.dscope").mkdir()
    (folder / ".dscope").mkdir()
    (folder / f"{stem}_link.dscope").symlink_to(whole)
    (folder / f"{stem}_dangling.dscope").symlink_to("nowhere")
    (folder / f"{stem}_loop.dscope").symlink_to(f"{stem}_loop.dscope")
    (folder / f"{stem}_device.dscope").symlink_to("/dev/zero")
    (folder / os.fsdecode(b"\xff.dscope")).touch()
    (folder / "the good one.dscope").touch()
    before = names(folder)
    assert recordings.paths() == [whole]
    assert [one.path for one in recordings.throw_away(recordings.recordings())] == [whole]
    assert names(folder) == before - {whole.name}
    assert names(trash) == {whole.name}


@posix
def test_what_lies_beside_a_recording_goes_with_it_and_no_link_is_followed(recordings: Recordings, trash: Path) -> None:
    one, two = fill(recordings.folder, 2)
    kept = recordings.folder / "kept"
    kept.write_text("kept")
    Path(f"{one}-wal").write_bytes(b"rows")
    Path(f"{one}-shm").write_bytes(b"index")
    Path(f"{two}-journal").symlink_to(kept)
    assert recordings.recordings()[1].size_bytes == 10 + len("rows") + len("index")
    recordings.throw_away(recordings.recordings())
    assert names(recordings.folder) == {"kept"}
    assert kept.read_text() == "kept"
    assert names(trash) == {one.name, f"{one.name}-wal", two.name}


def test_rows_beside_a_recording_stay_where_the_trash_does_not_take_them(tmp_path: Path, trash: Path) -> None:
    def discard(path: Path) -> bool:
        if not path.name.endswith(".dscope"):
            return False
        shutil.move(path, trash / path.name)
        return True

    recordings = Recordings(tmp_path / "recordings", discard)
    (one,) = fill(recordings.folder, 1)
    Path(f"{one}-wal").write_bytes(b"rows")
    Path(f"{one}-shm").write_bytes(b"index")
    assert [each.path for each in recordings.throw_away(recordings.recordings())] == [one]
    assert names(recordings.folder) == {f"{one.name}-wal"}


@posix
@pytest.mark.parametrize("kind", ["file", "dangling link", "pipe", "no room"])
def test_a_folder_that_takes_no_recording_is_told_once_and_runs_are_recorded_elsewhere(
    qtbot: QtBot, make: WindowMaker, engines: Engines, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    folder = tmp_path / "recordings"
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "elsewhere"))
    if kind == "file":
        folder.touch()
    elif kind == "dangling link":
        folder.symlink_to("nowhere")
    elif kind == "pipe":
        os.mkfifo(folder)

    def open_where_there_is_room(path: Path) -> object:
        if kind == "no room" and path.parent == folder:
            path.touch()
            raise SessionFileError(f"The session file {path} cannot be written: database or disk is full.")
        return SessionWriter(path)

    feed = Feed(engines, open_where_there_is_room, Recordings(folder))  # type: ignore[arg-type]
    window = make(feed)
    with qtbot.waitSignal(feed.model_ready):
        window.control.start("demo")
    qtbot.waitUntil(lambda: window.control.state == "idle")
    run(qtbot, window)
    said = error_text(window)
    if kind == "no room":
        assert "database or disk is full." in said
    else:
        assert said.startswith(f"Recordings cannot be kept in {folder}: it is no folder. ")
    assert "Runs are recorded in" in said
    assert window.shown.live is not None
    recorded = Path(window.shown.live.path)
    assert recorded.parent.parent == tmp_path / "elsewhere"
    assert len(open_session(recorded).steps) == 60
    run(qtbot, window)
    assert not window.findChildren(QMessageBox, "error-dialog")  # what was told is not told again
    assert not folder.is_dir() or not names(folder)


# --- which of them stay -------------------------------------------------------------------------------------------


def test_nothing_goes_before_somebody_was_asked(
    qtbot: QtBot, window: MainWindow, recordings: Recordings, trash: Path
) -> None:
    paths = fill(recordings.folder, MANY + 1)
    begin(qtbot, window)
    note = window.kept.note
    assert note.isVisible()
    assert note.text.text() == (
        "201 recordings take 1.96\u2009KiB. Keep the newest 50, and move the other 151 (1.47\u2009KiB) to the trash?"
    )
    run(qtbot, window)
    settle(qtbot, window)
    assert set(paths) <= set(recordings.paths())
    assert not names(trash)


def test_few_recordings_trouble_nobody(qtbot: QtBot, window: MainWindow, recordings: Recordings) -> None:
    fill(recordings.folder, MANY)
    begin(qtbot, window)
    assert not window.kept.note.isVisible()


def test_the_newest_are_kept_where_that_was_said_and_older_ones_go_after_each_run(
    qtbot: QtBot, window: MainWindow, recordings: Recordings, trash: Path, preferences: Preferences
) -> None:
    paths = fill(recordings.folder, MANY + 1)
    begin(qtbot, window)
    window.kept.note.newest_button.click()
    settle(qtbot, window)
    assert not window.kept.note.isVisible()
    assert preferences.kept_recordings == OFFERED
    assert window.menus.choices["kept"]["50"].isChecked()
    assert recordings.paths() == paths[-OFFERED:][::-1]
    assert len(names(trash)) == MANY + 1 - OFFERED
    run(qtbot, window)
    settle(qtbot, window)
    assert len(recordings.paths()) == OFFERED
    assert paths[-OFFERED] not in recordings.paths()


def test_all_are_kept_where_that_was_said(
    qtbot: QtBot, window: MainWindow, recordings: Recordings, trash: Path, preferences: Preferences
) -> None:
    fill(recordings.folder, MANY + 1)
    begin(qtbot, window)
    window.kept.note.all_button.click()
    settle(qtbot, window)
    assert preferences.kept_recordings == KEEP_ALL
    assert not window.kept.note.isVisible()
    window.kept.look()
    settle(qtbot, window)
    assert not window.kept.note.isVisible()
    assert not names(trash)


def test_an_answer_can_be_put_off_until_the_next_start(
    qtbot: QtBot, window: MainWindow, recordings: Recordings, trash: Path, preferences: Preferences
) -> None:
    fill(recordings.folder, MANY + 1)
    begin(qtbot, window)
    window.kept.note.later_button.click()
    run(qtbot, window)
    settle(qtbot, window)
    assert not window.kept.note.isVisible()
    assert preferences.kept_recordings is None
    assert not names(trash)


def test_the_menu_asks_before_anything_goes(
    qtbot: QtBot, window: MainWindow, recordings: Recordings, trash: Path, preferences: Preferences
) -> None:
    fill(recordings.folder, 60)
    begin(qtbot, window)
    for answer in ("Cancel", "Move to the trash"):
        window.menus.choices["kept"]["50"].trigger()
        settle(qtbot, window)
        assert window.menus.choices["kept"]["0"].isChecked()
        box = window.findChild(QMessageBox, "recordings-dialog")
        assert box is not None
        assert box.text() == "Keep the newest 50 recordings, and move 10 (100\u2009B) to the trash?"
        assert not names(trash)
        next(one for one in box.findChildren(QPushButton) if one.text().replace("&", "") == answer).click()
        settle(qtbot, window)
        qtbot.waitUntil(lambda: window.findChild(QMessageBox, "recordings-dialog") is None)
    assert len(names(trash)) == 10
    assert window.menus.choices["kept"]["50"].isChecked()
    window.menus.choices["kept"]["0"].trigger()
    assert preferences.kept_recordings == KEEP_ALL


def test_what_is_shown_saved_or_named_stays_however_old_it_is(
    qtbot: QtBot, window: MainWindow, recordings: Recordings, trash: Path, preferences: Preferences
) -> None:
    recordings.folder.mkdir(parents=True)
    shown = a_recording(recordings.folder / "2020-01-01_00-00-00_shown.dscope")
    named = a_recording(recordings.folder / "my best run.dscope")
    elsewhere = a_recording(recordings.folder / "2020-01-01_00-00-00_elsewhere.dscope")
    saved = recordings.folder / "2020-01-01_00-00-00_saved.dscope"
    with qtbot.waitSignal(window.shown.opened):
        window.shown.open(str(shown))
    with qtbot.waitSignal(window.shown.saved):
        window.shown.save_as(saved)
    for path in (shown, named, elsewhere, saved):
        os.utime(path, (1000, 1000))
    fill(recordings.folder, 60)
    other = ShownFiles(recordings.folder)  # another window
    other.show([elsewhere])
    preferences.kept_recordings = OFFERED
    begin(qtbot, window)
    assert {shown.name, named.name, elsewhere.name, saved.name} <= names(recordings.folder)
    assert len(names(trash)) == 60 - OFFERED
    other.close()
    with qtbot.waitSignal(window.shown.opened):
        window.shown.open(str(named))
    window.kept.look()
    settle(qtbot, window)
    assert {shown.name, elsewhere.name} <= names(trash)  # nobody shows them any more
    assert saved.exists()


def test_what_a_window_showed_that_was_killed_is_forgotten(tmp_path: Path) -> None:
    folder = tmp_path / "recordings"
    one = ShownFiles(folder)
    killed = (
        "import os, pathlib, sys; from app.window.shown_files import ShownFiles; folder = pathlib.Path(sys.argv[1]); "
        "one = ShownFiles(folder); one.show([folder / 'a.dscope']); os._exit(0)"
    )
    subprocess.run([sys.executable, "-c", killed, str(folder)], check=True, cwd=Path(__file__).parents[2])
    assert len(names(tmp_path / "windows")) == 2
    assert one.of_others() == set()
    assert names(tmp_path / "windows") == set()


def test_where_there_is_no_trash_everything_stays_and_that_is_said(
    qtbot: QtBot, make: WindowMaker, engines: Engines, tmp_path: Path, preferences: Preferences
) -> None:
    recordings = Recordings(tmp_path / "recordings", lambda _: False)
    paths = fill(recordings.folder, 60)
    preferences.kept_recordings = OFFERED
    window = make(Feed(engines, SessionWriter, recordings))
    said: list[str] = []
    window.kept.said.connect(said.append)
    begin(qtbot, window)
    assert recordings.paths() == paths[::-1]
    assert said == [f"There is no trash for the 10 recordings beyond those to keep: they stay in {recordings.folder}."]
