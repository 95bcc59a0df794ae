"""What is saved belongs to the session it was asked for, in whatever order things are saved, opened, run and closed."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from app.window.main_window import MainWindow
from engine.client.recordings import Recordings
from engine.errors import SessionFileError
from engine.session import file as session_file
from engine.session.file import open_session, save_as
from engine.session.patience import Patience
from tests.app.conftest import Engines
from tests.app.test_window import a_recording, error_text, press, run_to_the_end

OF_A_FILE = 50
"""Steps of a recording that is opened; a run has other numbers."""


def begin_long_run(qtbot: QtBot, window: MainWindow, engines: Engines) -> None:
    engines.now.steps = 50_000
    press(window, "Run")
    qtbot.waitUntil(lambda: window.shown.session is not None and len(window.shown.session.steps) > 100)


def save(qtbot: QtBot, window: MainWindow, target: Path) -> None:
    with qtbot.waitSignal(window.shown.saved):
        window.shown.save_as(target)


def open_(qtbot: QtBot, window: MainWindow, path: Path) -> None:
    with qtbot.waitSignal(window.shown.opened):
        window.shown.open(str(path))


def stop(qtbot: QtBot, window: MainWindow) -> None:
    with qtbot.waitSignal(window.feed.run_ended):
        window.control.stop()


def steps_of(path: Path) -> int:
    return len(open_session(path).steps)


def test_a_run_saved_while_it_goes_on_is_what_its_name_holds_whatever_is_shown_at_its_end(
    qtbot: QtBot, window: MainWindow, engines: Engines, tmp_path: Path
) -> None:
    begin_long_run(qtbot, window, engines)
    live = window.shown.session
    save(qtbot, window, tmp_path / "x.dscope")
    open_(qtbot, window, a_recording(tmp_path / "b.dscope"))
    with qtbot.waitSignal(window.shown.saved) as saved:
        stop(qtbot, window)
    assert live is not None
    assert steps_of(tmp_path / "x.dscope") == len(live.steps) > 100
    assert saved.args == [window.shown.live.path if window.shown.live else "", str(tmp_path / "x.dscope")]
    assert window.windowTitle() == "b.dscope — DecodeScope"  # that is what is shown


def test_a_run_that_is_followed_by_another_is_saved_whole(
    qtbot: QtBot, window: MainWindow, engines: Engines, tmp_path: Path
) -> None:
    begin_long_run(qtbot, window, engines)
    first = window.shown.session
    save(qtbot, window, tmp_path / "x.dscope")
    with qtbot.waitSignal(window.shown.saved):
        window.control.run_prompt()  # ends the first run
    assert first is not None
    assert steps_of(tmp_path / "x.dscope") == len(first.steps)
    qtbot.waitUntil(lambda: window.shown.session is not first)  # the copy may be made before the engine has answered
    stop(qtbot, window)
    assert steps_of(tmp_path / "x.dscope") == len(first.steps)


def test_a_run_whose_engine_dies_is_saved_with_the_mark_of_it(
    qtbot: QtBot, window: MainWindow, engines: Engines, tmp_path: Path
) -> None:
    begin_long_run(qtbot, window, engines)
    save(qtbot, window, tmp_path / "x.dscope")
    with qtbot.waitSignal(window.shown.saved):
        engines.now.die("The engine process was killed (signal 9).")
    assert open_session(tmp_path / "x.dscope").marks[-1].kind == "fault"
    error_text(window)


def test_closing_the_window_saves_the_run_to_its_end(
    qtbot: QtBot, window: MainWindow, engines: Engines, tmp_path: Path, recordings: Recordings
) -> None:
    begin_long_run(qtbot, window, engines)
    save(qtbot, window, tmp_path / "x.dscope")
    open_(qtbot, window, a_recording(tmp_path / "b.dscope"))
    window.shown.save_as(tmp_path / "of-b.dscope")  # and at once:
    window.close()
    (path,) = recordings.paths()
    assert steps_of(tmp_path / "x.dscope") == steps_of(path) > 100
    assert steps_of(tmp_path / "of-b.dscope") == OF_A_FILE


def test_a_run_that_ends_while_it_is_copied_is_copied_again(
    qtbot: QtBot, window: MainWindow, engines: Engines, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin_long_run(qtbot, window, engines)
    live = window.shown.session
    copies: list[int] = []

    def save_and_wait(source: str, target: str) -> None:
        save_as(source, target)
        copies.append(steps_of(Path(target)))
        if len(copies) == 1:  # the copy is made, and nobody has heard of it yet
            window.feed.stop_run()
            while window.feed.now.active:
                window.feed.msleep(1)

    monkeypatch.setattr(session_file, "save_as", save_and_wait)
    window.shown.save_as(tmp_path / "x.dscope")
    qtbot.waitUntil(lambda: len(copies) == 2)
    qtbot.waitUntil(lambda: not window.jobs.busy)
    assert live is not None
    assert steps_of(tmp_path / "x.dscope") == len(live.steps)


def test_what_was_saved_last_under_a_name_stays_there(
    qtbot: QtBot, window: MainWindow, engines: Engines, tmp_path: Path
) -> None:
    begin_long_run(qtbot, window, engines)
    save(qtbot, window, tmp_path / "x.dscope")
    save(qtbot, window, tmp_path / "y.dscope")
    open_(qtbot, window, a_recording(tmp_path / "b.dscope"))
    save(qtbot, window, tmp_path / "x.dscope")  # now b, over the run
    with qtbot.waitSignal(window.shown.saved):
        stop(qtbot, window)
    qtbot.waitUntil(lambda: not window.jobs.busy)
    assert steps_of(tmp_path / "x.dscope") == OF_A_FILE
    assert steps_of(tmp_path / "y.dscope") > 100


def test_a_dialog_that_is_answered_after_another_session_came_saves_the_one_it_was_opened_for(
    qtbot: QtBot, window: MainWindow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_(qtbot, window, a_recording(tmp_path / "b.dscope"))

    def answer(*_: object) -> tuple[str, str]:
        run_to_the_end(qtbot, window)  # a run that waited for its model begins while the dialog is open
        return str(tmp_path / "x.dscope"), ""

    monkeypatch.setattr("app.window.documents.QFileDialog.getSaveFileName", answer)
    with qtbot.waitSignal(window.shown.saved):
        window.documents.ask_save()
    assert steps_of(tmp_path / "x.dscope") == OF_A_FILE


def test_a_copy_that_cannot_be_renewed_at_the_end_is_told_before_the_window_goes(
    qtbot: QtBot, window: MainWindow, engines: Engines, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin_long_run(qtbot, window, engines)
    save(qtbot, window, tmp_path / "x.dscope")
    before = (tmp_path / "x.dscope").read_bytes()

    def fail(*_: object) -> None:
        raise SessionFileError("The disk is full.")

    said: list[str] = []
    monkeypatch.setattr(session_file, "save_as", fail)
    monkeypatch.setattr("PySide6.QtWidgets.QMessageBox.exec", lambda box: said.append(box.text()))
    window.close()
    assert said == ["The disk is full."]
    assert (tmp_path / "x.dscope").read_bytes() == before


def test_of_two_files_the_one_that_was_asked_for_last_is_shown(
    qtbot: QtBot, window: MainWindow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow, quick = a_recording(tmp_path / "slow.dscope", 60), a_recording(tmp_path / "quick.dscope")
    shown = window.shown.opened

    def open_slowly(path: str, patience: Patience) -> object:
        if path == str(slow):
            for _ in range(500):
                if window.shown.path == str(quick):
                    break
                window.feed.msleep(10)
        return open_session(path, patience)

    monkeypatch.setattr(session_file, "open_session", open_slowly)
    with qtbot.waitSignal(shown):
        window.shown.open(str(slow))
        window.shown.open(str(quick))
    qtbot.waitUntil(lambda: not window.jobs.busy)
    assert window.shown.path == str(quick)


def test_a_session_is_written_as_a_trace_to_its_end_though_another_one_is_shown(
    qtbot: QtBot, window: MainWindow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from engine.export import chrome

    write = chrome.write_chrome
    open_(qtbot, window, a_recording(tmp_path / "b.dscope"))
    other = str(a_recording(tmp_path / "c.dscope"))

    def write_late(session: object, path: str, steps: object) -> None:
        for _ in range(500):
            if window.shown.path == other:
                break
            window.feed.msleep(10)
        session.source.step_blobs(0)  # type: ignore[attr-defined]
        write(session, path, steps)  # type: ignore[arg-type]

    monkeypatch.setattr(chrome, "write_chrome", write_late)
    with qtbot.waitSignal(window.exports.said) as said:
        window.exports.export_trace(tmp_path / "b.json")
        window.shown.open(other)
    assert said.args == [f"Exported {tmp_path / 'b.json'}"]
    assert window.shown.files() == {Path(other)}  # that of the first one was let go


def test_what_was_saved_last_stays_also_under_another_name_of_its_folder(
    qtbot: QtBot, window: MainWindow, engines: Engines, tmp_path: Path
) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "folder")
    begin_long_run(qtbot, window, engines)
    save(qtbot, window, tmp_path / "folder" / "x.dscope")
    open_(qtbot, window, a_recording(tmp_path / "b.dscope"))
    save(qtbot, window, tmp_path / "link" / "x.dscope")
    stop(qtbot, window)
    qtbot.waitUntil(lambda: not window.jobs.busy)
    assert steps_of(tmp_path / "folder" / "x.dscope") == OF_A_FILE


def test_a_run_is_saved_to_its_end_where_something_else_could_not_take_its_name(
    qtbot: QtBot, window: MainWindow, engines: Engines, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin_long_run(qtbot, window, engines)
    live = window.shown.session
    save(qtbot, window, tmp_path / "x.dscope")
    other = a_recording(tmp_path / "b.dscope")

    def fail_once(source: str, target: str) -> None:
        if source == str(other):
            raise SessionFileError("The disk is full.")
        save_as(source, target)

    monkeypatch.setattr(session_file, "save_as", fail_once)
    open_(qtbot, window, other)
    with qtbot.waitSignal(window.shown.failed):
        window.shown.save_as(tmp_path / "x.dscope")
    with qtbot.waitSignal(window.shown.saved):
        stop(qtbot, window)
    error_text(window)
    assert live is not None
    assert steps_of(tmp_path / "x.dscope") == len(live.steps)


def test_nothing_is_saved_over_the_file_of_the_session_that_is_shown(
    qtbot: QtBot, window: MainWindow, tmp_path: Path
) -> None:
    run_to_the_end(qtbot, window)
    assert window.shown.live is not None
    run, path = window.shown.live.session, window.shown.live.path
    shown = a_recording(tmp_path / "b.dscope")
    open_(qtbot, window, shown)
    with qtbot.waitSignal(window.shown.failed):
        window.shown.save_as(shown, path)  # a dialog that was opened while the run was shown
    assert str(shown) in error_text(window)
    save(qtbot, window, tmp_path / "y.dscope")
    assert steps_of(tmp_path / "y.dscope") == OF_A_FILE != len(run.steps)


def test_a_saved_run_that_is_gone_back_to_bears_the_name_it_was_saved_under(
    qtbot: QtBot, window: MainWindow, engines: Engines, tmp_path: Path
) -> None:
    begin_long_run(qtbot, window, engines)
    save(qtbot, window, tmp_path / "x.dscope")
    assert window.windowTitle() == "x.dscope — DecodeScope"
    open_(qtbot, window, a_recording(tmp_path / "b.dscope"))
    window.menus.actions["show_live"].trigger()
    assert window.windowTitle() == "x.dscope — DecodeScope"


def test_a_recording_is_not_saved_over_the_run_that_goes_on(
    qtbot: QtBot, window: MainWindow, engines: Engines, tmp_path: Path
) -> None:
    begin_long_run(qtbot, window, engines)
    assert window.shown.live is not None
    run, path = window.shown.live.session, window.shown.live.path
    open_(qtbot, window, a_recording(tmp_path / "b.dscope"))
    with qtbot.waitSignal(window.shown.failed):
        window.shown.save_as(Path(path))
    error_text(window)
    stop(qtbot, window)
    assert steps_of(Path(path)) == len(run.steps)


def test_a_run_that_is_saved_while_a_file_is_opened_is_the_one_that_was_shown_then(
    qtbot: QtBot, window: MainWindow, tmp_path: Path
) -> None:
    run_to_the_end(qtbot, window)
    assert window.shown.live is not None
    with qtbot.waitSignals([window.shown.opened, window.shown.saved]):
        window.shown.open(str(a_recording(tmp_path / "b.dscope")))
        window.shown.save_as(tmp_path / "x.dscope")
    assert steps_of(tmp_path / "x.dscope") == len(window.shown.live.session.steps)
    assert window.windowTitle() == "b.dscope — DecodeScope"
