"""Whatever goes wrong on a thread is said in the window, which stays usable."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from PySide6.QtWidgets import QMessageBox
from pytestqt.qtbot import QtBot

from app.start.unforeseen import told
from app.window.feed import Feed
from app.window.main_window import MainWindow
from engine.client.recordings import Recordings
from engine.core.settings import LoadSpec
from engine.session import schema
from engine.session.file import open_session
from engine.session.store import Session
from engine.session.writer import SessionWriter
from tests.app.conftest import Engines, WindowMaker, loads_sent
from tests.app.test_window import a_recording, error_text, press, run_to_the_end


@pytest.mark.parametrize("error", [RuntimeError("dictionary changed size"), MemoryError(), KeyError("x")])
def test_whatever_an_export_raises_is_a_failure(
    qtbot: QtBot, window: MainWindow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    from engine.export import chrome

    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(chrome, "write_chrome", fail)
    with qtbot.waitSignal(window.shown.opened):
        window.open_path(str(a_recording(tmp_path / "a.dscope")))
    said: list[str] = []
    window.exports.said.connect(said.append)
    with qtbot.waitSignal(window.exports.failed):
        window.exports.export_trace(tmp_path / "a.json.gz")
    assert said == []
    box = window.findChild(QMessageBox, "error-dialog")
    assert box is not None
    assert type(error).__name__ in box.detailedText()
    assert error_text(window).startswith(f"Something unforeseen went wrong: {type(error).__name__}")


def test_news_that_cannot_be_taken_in_end_the_run_and_not_the_window(
    qtbot: QtBot, window: MainWindow, engines: Engines, recordings: Recordings, monkeypatch: pytest.MonkeyPatch
) -> None:
    engines.now.steps = 50_000
    press(window, "Run")
    qtbot.waitUntil(lambda: window.shown.session is not None and len(window.shown.session.steps) > 100)
    with qtbot.waitSignals([window.feed.engine_died, window.feed.model_ready]):
        engines.now.answer(schema.RequestScheduled(4711, 0))  # there is no such request
    assert error_text(window).startswith("Something unforeseen went wrong: KeyError: 4711")
    assert window.feed.isRunning()
    assert engines.started[0].closed
    (path,) = recordings.paths()
    assert [mark.kind for mark in open_session(path).marks][-1] == "fault"
    qtbot.waitUntil(lambda: window.control.state == "idle")
    run_to_the_end(qtbot, window)


def test_an_engine_that_cannot_be_started_for_whatever_reason_is_said(
    qtbot: QtBot, make: WindowMaker, recordings: Recordings
) -> None:
    def start() -> object:
        raise RuntimeError("can't start new thread")

    feed = Feed(start, SessionWriter, recordings)  # type: ignore[arg-type]
    window = make(feed)
    window.control.start("demo")
    qtbot.waitUntil(lambda: window.control.state == "stopped")
    assert feed.isRunning()
    assert "can't start new thread" in error_text(window)


def test_what_is_no_exception_of_the_usual_kind_leaves_the_thread_alive(
    qtbot: QtBot, window: MainWindow, engines: Engines
) -> None:
    class Panic(BaseException):
        """What a library in another language raises."""

    def poll(timeout_s: float) -> list[schema.AnyEvent]:
        raise Panic("called `Option::unwrap()` on a `None` value")

    with qtbot.waitSignals([window.feed.engine_died, window.feed.model_ready]):
        engines.now.poll = poll  # type: ignore[method-assign]
    assert "Option::unwrap" in error_text(window)
    assert window.feed.isRunning()
    run_to_the_end(qtbot, window)


def test_a_folder_whose_name_is_no_text_is_refused_and_the_engine_goes_on(
    qtbot: QtBot, window: MainWindow, engines: Engines
) -> None:
    with qtbot.waitSignal(window.feed.refused):
        window.feed.load(LoadSpec("/models/\udcff"))
    assert "holds characters that are not Unicode" in error_text(window)
    assert len(engines.started) == 1
    assert not engines.now.closed
    with qtbot.waitSignal(window.feed.model_ready):
        window.control.start("demo")
    qtbot.waitUntil(lambda: window.control.state == "idle")
    run_to_the_end(qtbot, window)


def test_a_file_that_fails_in_an_unforeseen_way_ends_the_recording_and_not_the_run(
    qtbot: QtBot, make: WindowMaker, engines: Engines, recordings: Recordings
) -> None:
    class Bad:
        def __init__(self, path: Path) -> None:
            self.path = path

        def append(self, events: list[schema.AnyEvent]) -> None:
            raise OverflowError("Python int too large to convert to SQLite INTEGER")

        tick = close = lambda self: None

    feed = Feed(engines, Bad, recordings)
    window = make(feed)
    with qtbot.waitSignal(feed.model_ready):
        window.control.start("demo")
    qtbot.waitUntil(lambda: window.control.state == "idle")
    run_to_the_end(qtbot, window)
    assert "too large" in error_text(window)
    assert window.shown.session is not None
    assert len(window.shown.session.steps) == 60
    assert feed.isRunning()


def test_a_second_death_promises_no_restart_and_run_starts_one(
    qtbot: QtBot, window: MainWindow, engines: Engines
) -> None:
    with qtbot.waitSignal(window.feed.model_ready):
        engines.now.die("The engine process was killed (signal 9).")
    assert error_text(window).endswith("The engine is being started again.")
    engines.dead_on_arrival = "The engine process ended (exit status 1)."  # from now on each dies at its first command
    sentences: list[str] = []
    window.control.failed.connect(lambda sentence, _: sentences.append(sentence))
    engines.now.die("The engine process was killed (signal 9).")
    qtbot.waitUntil(lambda: window.control.state == "stopped")
    qtbot.waitUntil(lambda: len(sentences) == 2)
    assert sentences[0].endswith("The engine is being started again.")
    assert "being started again" not in sentences[1]
    assert sentences[1].endswith("Run tries once more.")
    engines.dead_on_arrival = ""
    with qtbot.waitSignal(window.feed.run_ended):
        window.control.run_prompt()  # as the menu and scenarios do it
    assert loads_sent(engines)[-1] == "demo"


def test_a_run_without_a_model_says_so(qtbot: QtBot, window: MainWindow) -> None:
    with qtbot.waitSignal(window.feed.refused):
        window.model.load("refused")
    error_text(window)
    with qtbot.waitSignal(window.feed.refused) as refused:
        window.control.run_prompt()
    assert refused.args == ["Start", "No model is loaded: choose one first."]


def test_what_no_slot_caught_is_told_once_a_place(monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[str] = []
    monkeypatch.setattr(sys, "excepthook", lambda *_: heard.append("terminal"))
    said: list[tuple[str, str]] = []

    def fail(number: int) -> None:
        try:
            raise RuntimeError(f"drawing {number}")
        except RuntimeError as error:
            sys.excepthook(type(error), error, error.__traceback__)

    with told(lambda *words: said.append(words)):
        for number in range(3):
            fail(number)
        sys.excepthook(KeyboardInterrupt, KeyboardInterrupt(), None)
    assert [sentence for sentence, _ in said] == ["Something unforeseen went wrong: RuntimeError: drawing 0"]
    assert "in fail" in said[0][1]
    assert heard == ["terminal"] * 4
    fail(4)
    assert len(said) == 1


def test_what_grows_can_be_walked_through_meanwhile() -> None:
    session = Session()

    def arrive(number: int) -> schema.AnyEvent:
        return schema.RequestArrived(number, "a", [1], ["a"], "{}", 0)

    session.apply([schema.SessionStarted({"model": "m"}), *map(arrive, range(3))])
    walks = [
        iter(session.requests), iter(session.requests.values()), iter(session.requests.items()),
        iter(session.meta.items()),
    ]  # fmt: skip
    for walk in walks:
        next(walk)
    session.apply([schema.SessionStarted({"model": "m", "device": "cpu"}), *map(arrive, range(3, 2000))])
    assert [len(list(walk)) for walk in walks] == [2, 2, 2, 0]  # what was there when each began
    assert list(session.requests) == list(range(2000))
    assert session.meta["device"] == "cpu"
