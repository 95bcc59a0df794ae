"""A suite of runs in the window: one session, one recording, progress and cancel."""

from __future__ import annotations

from pytestqt.qtbot import QtBot

from app.window.main_window import MainWindow
from engine.client.recordings import Recordings
from engine.client.suite import END, Suite
from engine.client.suites import make_suite
from engine.figures.before_after import before_after, recorded_runs
from engine.figures.improvements import suite_runs
from engine.host import protocol
from engine.session.file import open_session
from tests.app.conftest import Engines


def a_suite(window: MainWindow, runs: int) -> Suite:
    unavailable = window.feed.unavailable
    return Suite(suite_runs("x", unavailable, {}, tokens=4, repeats=1)[:runs], unavailable)


def test_runs_follow_each_other_in_one_session_and_one_file(
    qtbot: QtBot, window: MainWindow, engines: Engines, recordings: Recordings
) -> None:
    engines.now.steps = 5
    feed = window.feed
    with qtbot.waitSignal(feed.run_ended):
        feed.start_suite(a_suite(window, 4))
    qtbot.waitUntil(lambda: window.control.state == "idle")
    assert feed.suite_progress is None
    assert len(engines.commands(protocol.Start)) == 4
    session = window.shown.session
    assert session is not None
    assert [(t.key, t.side) for t in recorded_runs(session)] == [
        ("kv", "on"), ("kv", "off"), ("draft", "on"), ("draft", "off"),
    ]  # fmt: skip
    assert session.marks[-1].kind == END
    (file,) = recordings.folder.glob("*.dscope")
    kept = open_session(str(file))
    assert [mark.label for mark in kept.marks] == [mark.label for mark in session.marks]
    assert [pair.factor for pair in before_after(kept)] == [pair.factor for pair in before_after(session)]
    assert next(p for p in before_after(kept) if p.improvement.key == "triton").reason == "Triton needs a CUDA device."


def test_stop_ends_the_whole_suite_and_keeps_what_ran(qtbot: QtBot, window: MainWindow, engines: Engines) -> None:
    engines.now.steps = 100_000
    feed = window.feed
    feed.start_suite(a_suite(window, 4))
    qtbot.waitUntil(lambda: window.shown.session is not None and len(window.shown.session.steps) > 0)
    assert feed.suite_progress == (0, 4)
    with qtbot.waitSignal(feed.run_ended):
        feed.stop_run()
    qtbot.waitUntil(lambda: window.control.state == "idle")
    assert feed.suite_progress is None
    assert len(engines.commands(protocol.Start)) == 1
    assert window.shown.session is not None
    assert window.shown.session.marks[-1].label == "stopped"


def test_a_run_after_a_suite_is_a_session_of_its_own(qtbot: QtBot, window: MainWindow, engines: Engines) -> None:
    engines.now.steps = 5
    with qtbot.waitSignal(window.feed.run_ended):
        window.feed.start_suite(a_suite(window, 2))
    qtbot.waitUntil(lambda: window.control.state == "idle")
    first = window.shown.session
    with qtbot.waitSignal(window.feed.run_ended):
        window.control.run_prompt()
    qtbot.waitUntil(lambda: window.control.state == "idle")
    assert window.shown.session is not first
    assert window.shown.session is not None
    assert len(window.shown.session.steps) == 5


def test_a_suite_by_name_runs_without_a_press_and_can_be_cancelled(
    qtbot: QtBot, window: MainWindow, engines: Engines
) -> None:
    engines.now.steps = 100_000
    feed = window.feed
    feed.start_suite(make_suite("batching", feed.unavailable, feed.model_config))
    qtbot.waitUntil(lambda: window.shown.session is not None and len(window.shown.session.steps) > 0)
    assert feed.suite_progress == (0, 2)
    with qtbot.waitSignal(feed.run_ended):
        feed.stop_run()
    qtbot.waitUntil(lambda: window.control.state == "idle")
    assert feed.suite_progress is None
    (started,) = engines.commands(protocol.Start)
    assert isinstance(started, protocol.Start)
    assert started.run.switches.batching == "static"
