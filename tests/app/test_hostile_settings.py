"""Whatever the file of settings holds or is, the window opens, with defaults where nothing can be made of it."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PySide6.QtCore import QByteArray, QSettings
from pytestqt.qtbot import QtBot

from app.core.preferences import RECENT, Preferences
from app.window.feed import Feed
from app.window.gui import make_window
from engine.client.recordings import Recordings
from engine.session.writer import SessionWriter
from tests.app.cli.conftest import ROOT
from tests.app.conftest import Engines
from tests.app.test_window import a_recording


def written(path: Path, **values: object) -> Path:
    settings = QSettings(str(path), QSettings.Format.IniFormat)
    for name, value in values.items():
        settings.setValue(name.replace("__", "/"), value)
    settings.sync()
    return path


def test_a_damaged_arrangement_of_panels_counts_as_never_kept(tmp_path: Path) -> None:
    """Qt walks some of them for ever."""
    kept = Preferences.at(tmp_path / "s.ini")
    kept.layout = QByteArray(bytes(range(200)))
    kept.sync()
    again = Preferences.at(tmp_path / "s.ini")
    assert again.layout == QByteArray(bytes(range(200)))
    settings = QSettings(str(tmp_path / "s.ini"), QSettings.Format.IniFormat)  # shares what is in memory
    whole = settings.value("window/layout").data()
    chance = random.Random(1)
    for _ in range(200):
        damaged = bytearray(whole)
        damaged[chance.randrange(len(damaged))] ^= 1 << chance.randrange(8)
        settings.setValue("window/layout", QByteArray(bytes(damaged)))
        assert again.layout is None
    for length in range(len(whole)):
        settings.setValue("window/layout", QByteArray(whole[:length]))
        assert again.layout is None


def test_lists_without_an_end_and_what_is_no_text_are_cut_down(tmp_path: Path) -> None:
    many = [f"/{number}.dscope" for number in range(100_000)]
    kept = Preferences.at(written(tmp_path / "s.ini", recent__sessions=many, recent__models=[1, "x" * 300_000, "/m"]))
    assert kept.recent_sessions == many[:RECENT]
    assert [one for one in kept.recent_models if one != "1"] == ["/m"]  # an INI file knows texts only


@pytest.mark.parametrize("value", ["-5", "7", "many", "1e9", ""])
def test_no_other_number_of_kept_recordings_is_believed(tmp_path: Path, value: str) -> None:
    assert Preferences.at(written(tmp_path / "s.ini", recordings__keep=value)).kept_recordings is None


@pytest.mark.parametrize("kind", ["folder", "pipe", "link", "large", "rubbish", "whole"])
def test_the_window_opens_whatever_stands_in_place_of_the_settings(
    qtbot: QtBot, tmp_path: Path, engines: Engines, kind: str
) -> None:
    path = tmp_path / "s.ini"
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "link":
        path.symlink_to("nowhere")
    elif kind == "large":
        with path.open("wb") as file:
            file.truncate(2**30)
    elif kind == "rubbish":
        path.write_bytes(random.Random(3).randbytes(10_000))
    begun = time.monotonic()
    preferences = Preferences.at(path)
    window = make_window(preferences, Feed(engines, SessionWriter, Recordings(tmp_path / "recordings")))
    window.show()
    window.tell_of_settings()
    said = window.status.said
    window.close()
    window.deleteLater()
    assert time.monotonic() - begun < 30.0
    if kind == "whole":
        assert said == ""
    elif kind != "rubbish":
        assert said == f"The settings in {path} cannot be read or written: what is chosen now is not remembered."


@pytest.mark.parametrize(
    "corners", [(50_000, 50_000, 51_000, 51_000), (-9000, -9000, -8000, -8000), (0, 0, 2**31 - 1, 2**31 - 1)]
)
def test_a_window_is_never_put_where_no_screen_is(
    qtbot: QtBot, tmp_path: Path, engines: Engines, corners: tuple[int, int, int, int]
) -> None:
    feed = Feed(engines, SessionWriter, Recordings(tmp_path / "recordings"))
    preferences = Preferences.at(tmp_path / "s.ini")
    first = make_window(preferences, feed)
    first.show()
    first.close()
    first.deleteLater()
    kept = preferences.geometry
    assert kept is not None
    geometry = bytearray(kept.data())
    place = b"".join(corner.to_bytes(4, "big", signed=True) for corner in corners)
    for at in (8, 24, 50):  # of the frame, of the window, and of the window as it is
        geometry[at : at + 16] = place
    preferences.geometry = QByteArray(bytes(geometry))
    window = make_window(preferences, feed)
    window.show()
    room = window.screen().availableGeometry()
    assert room.intersects(window.geometry())
    assert window.width() <= room.width() + 200  # as wide as its parts need at least, where the screen is small
    window.close()
    window.deleteLater()


@pytest.mark.skipif(sys.platform == "win32", reason="pipes have no paths there")
def test_a_picture_does_not_wait_for_settings_that_are_a_pipe(tmp_path: Path) -> None:
    folder = tmp_path / "config" / "DecodeScope"
    folder.mkdir(parents=True)
    os.mkfifo(folder / "DecodeScope.ini")
    a_recording(tmp_path / "a.dscope")
    environment = {**os.environ, "XDG_CONFIG_HOME": str(tmp_path / "config"), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-m", "app.main", "screenshot", "a.dscope", "--panel", "latency", "-o", "a.png"],
        cwd=tmp_path,
        env=environment,
        timeout=100,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
