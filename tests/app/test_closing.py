"""Whatever goes on in the background, and whatever does not answer, the window can be closed."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QMessageBox, QPushButton, QToolButton
from pytestqt.qtbot import QtBot

from app.core.jobs import READERS_WITHIN_S
from app.dialogs import waiting
from app.window import engine_thread
from app.window.feed import Feed
from app.window.main_window import MainWindow
from engine.client.engine_source import EngineSource
from engine.client.recordings import Recordings
from engine.core.settings import LoadSpec
from engine.host import protocol
from engine.session import file as session_file
from engine.session.file import SessionFile, open_session
from engine.session.patience import Patience
from engine.session.writer import SessionWriter
from tests.app.conftest import WindowMaker
from tests.app.test_window import a_recording, run_to_the_end

ENDLESS = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n"
AT_ONCE_S = 4 * READERS_WITHIN_S
"""Above what is promised by what a loaded machine takes, and far below what anything here would take by itself."""


@pytest.fixture
def endless(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A session that is read for ever, as one whose tables are queries without an end."""
    path = a_recording(tmp_path / "endless.dscope")
    begun = threading.Event()

    def read(asked: str, patience: Patience) -> object:
        if asked != str(path):
            return open_session(asked, patience)
        file = SessionFile(path, patience)
        begun.set()
        try:
            return file.query(ENDLESS)
        finally:
            file.close()

    monkeypatch.setattr(session_file, "open_session", read)
    return path


@pytest.fixture
def hanging(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Saving hangs in the system until the event is set, as on a network drive that is gone."""
    free = threading.Event()
    monkeypatch.setattr(session_file, "save_as", lambda *_: free.wait())
    yield free
    free.set()


def closed_within_s(window: MainWindow) -> float:
    begun = time.monotonic()
    assert window.close()
    return time.monotonic() - begun


def test_a_file_that_is_read_for_ever_ends_with_the_window(window: MainWindow, endless: Path) -> None:
    window.shown.open(str(endless))
    assert closed_within_s(window) < AT_ONCE_S
    assert not window.left_something_behind


def test_opening_says_what_it_does_and_can_be_given_up(qtbot: QtBot, window: MainWindow, endless: Path) -> None:
    shown = window.shown.session
    give_up = window.status.findChild(QToolButton)
    assert give_up is not None
    assert not give_up.isVisible()
    window.shown.open(str(endless))
    assert window.status.doing.text() == "opening endless.dscope"
    assert give_up.isVisible()
    give_up.click()
    assert not give_up.isVisible()
    assert window.status.doing.text() == ""
    qtbot.waitUntil(lambda: not window.jobs.busy)
    assert window.shown.session is shown
    assert window.findChild(QMessageBox, "error-dialog") is None  # what somebody gave up needs no dialog


def test_another_file_takes_the_place_of_one_that_is_read_for_ever(
    qtbot: QtBot, window: MainWindow, endless: Path, tmp_path: Path
) -> None:
    other = a_recording(tmp_path / "other.dscope")
    window.shown.open(str(endless))
    with qtbot.waitSignal(window.shown.opened):
        window.shown.open(str(other))
    qtbot.waitUntil(lambda: not window.jobs.busy)
    assert window.shown.path == str(other)


def test_a_session_that_was_opened_can_be_read_though_another_one_was_opened_after_it(
    qtbot: QtBot, window: MainWindow, tmp_path: Path
) -> None:
    with qtbot.waitSignal(window.shown.opened):
        window.shown.open(str(a_recording(tmp_path / "a.dscope")))
    session = window.shown.session
    assert session is not None
    window.shown.open(str(a_recording(tmp_path / "b.dscope")))
    assert session.source.step_blobs(3) is not None  # type: ignore[union-attr]
    qtbot.waitUntil(lambda: not window.jobs.busy)


def test_what_hangs_in_the_system_is_left_behind(window: MainWindow) -> None:
    free = threading.Event()
    window.jobs.start(free.wait, lambda _: None)
    assert closed_within_s(window) < AT_ONCE_S
    assert window.left_something_behind
    free.set()
    for task in window.jobs.left_behind:
        task.wait()
    assert not window.left_something_behind


def test_a_copy_that_hangs_is_waited_for_until_somebody_says_that_it_is_enough(
    qtbot: QtBot, window: MainWindow, hanging: threading.Event, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "SILENT_S", 0.0)
    run_to_the_end(qtbot, window)
    window.shown.save_as(tmp_path / "x.dscope")
    said: list[str] = []

    def answer() -> None:
        box = window.findChild(QMessageBox, "waiting-dialog")
        if box is not None and box.text():
            said.append(box.text())
            box.findChild(QPushButton).click()  # type: ignore[union-attr]
        else:
            QTimer.singleShot(1, window, answer)

    answer()
    assert window.close()
    assert said == ["x.dscope is still being written. The window closes when it is whole."]
    hanging.set()
    for task in window.jobs.left_behind:
        task.wait()


def test_where_nobody_is_there_a_copy_that_hangs_is_told_on_the_terminal(
    qtbot: QtBot,
    window: MainWindow,
    hanging: threading.Event,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(waiting, "UNATTENDED_S", 0.1)
    run_to_the_end(qtbot, window)
    window.shown.save_as(tmp_path / "x.dscope")
    window.unattended = True
    assert closed_within_s(window) < AT_ONCE_S
    told = f"decodescope: {tmp_path / 'x.dscope'} was not written to its end before the program ended.\n"
    assert capsys.readouterr().err == told
    hanging.set()
    for task in window.jobs.left_behind:
        task.wait()


@pytest.mark.skipif(sys.platform == "win32", reason="no process can be stopped there")
def test_an_engine_that_takes_nothing_any_more_is_killed(
    qtbot: QtBot, make: WindowMaker, recordings: Recordings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_thread, "CLOSE_WITHIN_S", 0.3)
    sent: list[protocol.AnyCommand] = []
    started: list[EngineSource] = []

    class Asked(EngineSource):
        def send(self, command: protocol.AnyCommand) -> None:
            sent.append(command)
            super().send(command)

    def start() -> EngineSource:
        started.append(Asked())
        os.kill(started[-1].pid, signal.SIGSTOP)
        return started[-1]

    feed = Feed(start, SessionWriter, recordings)
    window = make(feed)
    feed.start()
    feed.load(LoadSpec("x" * 2**22))  # more than a pipe holds: the thread that sends it waits
    qtbot.waitUntil(lambda: bool(sent))
    assert closed_within_s(window) < 20.0
    assert not feed.isRunning()
    assert started[0].process.exit_status == -signal.SIGKILL
