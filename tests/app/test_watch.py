"""A watch of a server that has no end: its parts, what is kept of them, and what a person sees of their change."""

from __future__ import annotations

import itertools
from datetime import datetime
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from app.core.recent_recordings import is_worked_on
from app.window.main_window import MainWindow
from engine.client.recordings import Recordings
from engine.session import schema
from engine.session.edits import USER, edit_file
from engine.session.file import open_session
from engine.session.schema import FactsSet, Mark, MarkChanged
from tests.app.servers import Servers, dialog_of
from tests.app.test_attach import WITHIN_MS, servers, window  # noqa: F401
from tests.app.test_window import press
from tests.engine.client.test_watch_parts import MINUTE
from tests.engine.serving.attached_to import vllm


class Clock:
    """The watch's clock, which a test moves."""

    def __init__(self) -> None:
        self.s = 0.0

    def __call__(self) -> float:
        return self.s


@pytest.fixture
def clock(window: MainWindow, monkeypatch: pytest.MonkeyPatch) -> Clock:  # noqa: F811
    made = Clock()
    monkeypatch.setattr(window.watching, "_clock", made)
    return made


@pytest.fixture(autouse=True)
def a_name_for_each(recordings: Recordings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts begin hours apart, and in a test within a second: a file that is gone leaves its name to no other."""
    numbers = itertools.count()

    def new_path(_model: str, now: datetime | None = None, folder: Path | None = None) -> Path:
        return (folder or recordings.folder) / f"2026-11-30_10-00-{next(numbers):02}_demo.dscope"

    monkeypatch.setattr(recordings, "new_path", new_path)


@pytest.fixture
def watch(qtbot: QtBot, window: MainWindow, clock: Clock, servers: Servers) -> MainWindow:  # noqa: F811
    """A window that watches a server, which goes on and on."""
    servers.levels, servers.steps = ("metrics", "recorder"), 1_000_000
    with vllm() as server:
        dialog = dialog_of(window)
        dialog.address.setEditText(server.url)
        dialog.recorder.setText("none")
        dialog.watch.click()
        with qtbot.waitSignals([dialog.finished, window.feed.session_started], timeout=WITHIN_MS):
            dialog.attach.click()
    qtbot.waitUntil(lambda: window.control.state == "running" and window.shown.is_live)
    return window


def next_part(qtbot: QtBot, window: MainWindow, clock: Clock, minutes: float) -> None:  # noqa: F811
    """Let time pass until the next part begins."""
    clock.s += minutes * MINUTE
    with qtbot.waitSignals([window.feed.recorded, window.feed.session_started], timeout=WITHIN_MS):
        window.watching.look()
    qtbot.waitUntil(lambda: window.control.state == "running")


def test_after_an_hour_it_goes_on_in_another_recording_that_names_the_one_before(
    qtbot: QtBot, watch: MainWindow, clock: Clock, recordings: Recordings
) -> None:
    first = watch.shown.path
    clock.s += 59 * MINUTE
    watch.watching.look()
    assert watch.shown.path == first
    next_part(qtbot, watch, clock, 1)
    assert watch.shown.is_live
    assert watch.shown.path != first
    press(watch, "Stop")
    qtbot.waitUntil(lambda: watch.control.state == "idle")
    assert {str(path) for path in recordings.paths()} == {first, watch.shown.path}
    assert open_session(watch.shown.path).meta["continues"] == Path(first).name
    assert "continues" not in open_session(first).meta
    watch.watching.look()
    assert watch.control.state == "idle", "a watch that was stopped does not go on"


def is_gone(window: MainWindow, path: Path) -> bool:  # noqa: F811
    """Whether a part was deleted; one that a panel still reads is deleted when the watch is looked at next."""
    window.watching.look()
    return not path.exists()


def test_only_the_last_minutes_are_kept_but_for_what_a_person_worked_on(
    qtbot: QtBot, watch: MainWindow, clock: Clock, recordings: Recordings
) -> None:
    watch.menus.choices["watched"]["10"].trigger()
    paths = []
    for _ in range(4):
        paths.append(Path(watch.shown.path))
        next_part(qtbot, watch, clock, 10)
        if len(paths) == 2:
            edit_file(paths[1], [MarkChanged(None, Mark(0, USER, "slow here"))])
    qtbot.waitUntil(lambda: is_gone(watch, paths[0]))
    assert [path.exists() for path in paths] == [False, True, True, True]
    next_part(qtbot, watch, clock, 10)
    qtbot.waitUntil(lambda: is_gone(watch, paths[2]))
    assert paths[1].exists()
    assert is_worked_on(str(paths[1]))


def test_what_a_person_looks_at_stays_while_the_watch_goes_on(qtbot: QtBot, watch: MainWindow, clock: Clock) -> None:
    session = watch.shown.session
    assert session is not None
    qtbot.waitUntil(lambda: len(session.steps) > 3)
    watch.selection.change(step=2)
    next_part(qtbot, watch, clock, 60)
    assert watch.shown.session is session
    assert watch.selection.now.step == 2
    assert not watch.shown.is_live
    assert watch.menus.actions["show_live"].isEnabled()
    assert "goes on in a new recording" in watch.status.said
    watch.menus.actions["show_live"].trigger()
    assert watch.shown.is_live
    assert watch.shown.session is not session


@pytest.mark.parametrize("how", ["failed", "refused"])
def test_a_watch_that_fails_between_two_parts_leaves_nothing_for_the_next_run(
    qtbot: QtBot,
    watch: MainWindow,
    clock: Clock,
    servers: Servers,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
    how: str,
) -> None:
    session = watch.shown.session
    assert session is not None
    qtbot.waitUntil(lambda: len(session.steps) > 3)
    watch.selection.change(step=2)
    clock.s += 60 * MINUTE
    with monkeypatch.context() as patch:
        patch.setattr(watch.feed, "start_run", lambda _run: watch.feed.stop_run())
        refused = schema.Refused("Start", "ServerError", "The server is gone.")
        ended = schema.RunEnded("failed" if how == "failed" else "stopped")
        monkeypatch.setattr(servers.now, "_end", lambda _reason: None)
        with qtbot.waitSignal(watch.feed.refused, timeout=WITHIN_MS):
            watch.watching.look()
            servers.now._run = None
            servers.now.answer(*([] if how == "refused" else [refused]), ended, schema.StateChanged("idle"))
            if how == "refused":
                servers.now.answer(refused)
    qtbot.waitUntil(lambda: watch.control.state == "idle")
    with qtbot.waitSignal(watch.feed.session_started, timeout=WITHIN_MS):
        watch.control.run_prompt()
    assert watch.shown.is_live
    assert watch.shown.session is not session
    path = watch.shown.path
    qtbot.waitUntil(lambda: watch.control.state == "running")
    clock.s += MINUTE
    with qtbot.waitSignal(watch.keeping.kept, timeout=WITHIN_MS) as kept:
        watch.menus.actions["keep"].trigger()
    assert "continues" not in open_session(path).meta
    assert "continues" not in open_session(kept.args[0]).meta


def test_what_just_happened_is_in_two_parts_shortly_after_the_second_began(
    qtbot: QtBot, watch: MainWindow, clock: Clock, recordings: Recordings
) -> None:
    first = Path(watch.shown.path)
    next_part(qtbot, watch, clock, 60)
    clock.s += MINUTE
    qtbot.waitUntil(lambda: "continues" in open_session(watch.shown.path).meta)
    with qtbot.waitSignals([watch.keeping.kept, watch.keeping.kept], timeout=WITHIN_MS):
        watch.menus.actions["keep"].trigger()
    kept = sorted(recordings.folder.glob("kept*.dscope"))
    assert len(kept) == 2
    assert {open_session(path).meta.get("continues") for path in kept} == {None, first.name}
    clock.s += 10 * MINUTE
    with qtbot.waitSignal(watch.keeping.kept):
        watch.menus.actions["keep"].trigger()
    assert len(list(recordings.folder.glob("kept*.dscope"))) == 3


def test_a_run_of_our_own_is_never_divided(qtbot: QtBot, window: MainWindow, clock: Clock) -> None:  # noqa: F811
    press(window, "Step")
    qtbot.waitUntil(lambda: window.control.state == "paused" and window.shown.session is not None)
    path = window.shown.path
    clock.s += 1000 * MINUTE
    window.watching.look()
    assert (window.shown.path, window.control.state) == (path, "paused")


def test_a_name_is_kept_as_a_mark_is(tmp_path: Path, recordings: Recordings, qtbot: QtBot, window: MainWindow) -> None:  # noqa: F811
    press(window, "Step")
    qtbot.waitUntil(lambda: window.shown.session is not None and bool(window.shown.path))
    press(window, "Stop")
    qtbot.waitUntil(lambda: window.control.state == "idle")
    (path,) = recordings.paths()
    assert not is_worked_on(str(path))
    edit_file(path, [FactsSet({"name": "mine"})])
    assert is_worked_on(str(path))
