"""The window as a person uses it, with an engine that is played by a script."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent, QGuiApplication
from PySide6.QtWidgets import QDialog, QLineEdit, QMessageBox, QPushButton
from pytestqt.qtbot import QtBot

from app.core.preferences import Preferences
from app.look import theme
from app.window.documents import droppable
from app.window.feed import Feed
from app.window.main_window import MainWindow
from engine.client.recordings import Recordings
from engine.core.settings import Probe
from engine.host import protocol
from engine.session.file import open_session
from engine.session.store import Session
from engine.session.writer import SessionWriter
from tests.app.conftest import Engines, WindowMaker, loads_sent, switches_sent
from tests.engine.importing.made import serving_trace
from tests.engine.session.synthetic import synthetic_events, synthetic_session


def press(window: MainWindow, text: str) -> None:
    button = next(one for one in window.run_panel.findChildren(QPushButton) if one.text() == text)
    assert button.isEnabled()
    button.click()


def run_to_the_end(qtbot: QtBot, window: MainWindow) -> None:
    """Press Run and wait until the window has heard of the end and drawn what was left."""
    with qtbot.waitSignal(window.feed.run_ended):
        press(window, "Run")
    qtbot.waitUntil(lambda: window.control.state == "idle" and not window.refresher.active)


def error_text(window: MainWindow) -> str:
    box = window.findChild(QMessageBox, "error-dialog")
    assert box is not None
    text = box.text()
    box.close()
    return text


def a_recording(path: Path, steps: int = 50) -> Path:
    with SessionWriter(path) as writer:
        for batch in synthetic_events(steps, attention_rows=8):
            writer.append(batch)
    return path


def test_run_writes_text_panels_and_a_recording(qtbot: QtBot, window: MainWindow, recordings: Recordings) -> None:
    run_to_the_end(qtbot, window)
    assert window.shown.session is not None
    assert len(window.shown.session.steps) == 60
    shown = "".join(str(text) for text in window.shown.session.tokens["text"])
    assert window.run_panel.text.text.endswith(shown)
    (path,) = recordings.paths()
    assert len(open_session(path).steps) == 60
    assert str(path) in window.preferences.recent_sessions


def test_each_run_is_a_new_session_and_a_new_recording(
    qtbot: QtBot, window: MainWindow, recordings: Recordings
) -> None:
    run_to_the_end(qtbot, window)
    first = window.shown.session
    run_to_the_end(qtbot, window)
    assert window.shown.session is not first
    assert len(recordings.paths()) == 2


def test_pause_step_resume_stop(qtbot: QtBot, window: MainWindow, engines: Engines) -> None:
    engines.now.steps = 50_000
    press(window, "Run")
    qtbot.waitUntil(lambda: window.control.state == "running")
    press(window, "Pause")
    qtbot.waitUntil(lambda: window.control.state == "paused")
    steps = len(window.shown.session.steps) if window.shown.session else 0
    press(window, "Step")
    qtbot.waitUntil(lambda: window.shown.session is not None and len(window.shown.session.steps) > steps)
    press(window, "Resume")
    qtbot.waitUntil(lambda: window.control.state == "running")
    with qtbot.waitSignal(window.feed.run_ended) as ended:
        press(window, "Stop")
    assert ended.args == ["stopped"]
    qtbot.waitUntil(lambda: window.control.state == "idle")  # the engine says so after it said that the run ended
    assert not window.menus.actions["stop"].isEnabled()


def test_step_while_idle_starts_a_paused_run(qtbot: QtBot, window: MainWindow, engines: Engines) -> None:
    press(window, "Step")
    qtbot.waitUntil(lambda: window.control.state == "paused")
    (start,) = engines.commands(protocol.Start)
    assert isinstance(start, protocol.Start)
    assert start.paused
    qtbot.waitUntil(lambda: bool(engines.commands(protocol.StepOnce)))


def test_presses_while_a_run_begins_start_no_other(qtbot: QtBot, window: MainWindow, engines: Engines) -> None:
    """The first token of a run may be there before the window has heard that it is paused."""
    press(window, "Step")
    window.control.step()  # it is asked for
    window.control.run_or_pause()
    window.feed.session_started.emit(Session(), "")
    window.control.step()  # it has begun, and its state is not told yet
    window.control.run_or_pause()
    qtbot.waitUntil(lambda: window.control.state == "paused")
    qtbot.waitUntil(lambda: len(engines.commands(protocol.StepOnce)) == 3)
    assert len(engines.commands(protocol.Start)) == 1
    assert not engines.commands(protocol.Stop)


def test_a_switch_is_sent_at_once_and_falls_back_when_it_is_refused(
    qtbot: QtBot, window: MainWindow, engines: Engines
) -> None:
    engines.now.steps = 50_000
    press(window, "Run")
    qtbot.waitUntil(lambda: window.shown.session is not None and bool(window.shown.session.configs))
    press(window, "none")
    qtbot.waitUntil(lambda: switches_sent(engines) == [{"kv": "none"}])
    with qtbot.waitSignal(window.feed.refused):
        press(window, "paged")
    assert error_text(window) == "kv=paged cannot run here."
    assert window.run_panel.switches.switches.kv == "contiguous"  # what the session says is in force


def test_what_cannot_run_is_greyed_out_with_its_reason(window: MainWindow) -> None:
    triton = next(one for one in window.run_panel.findChildren(QPushButton) if one.text() == "triton")
    assert not triton.isEnabled()
    assert "Triton needs a CUDA device." in triton.toolTip()


def test_a_killed_engine_is_told_kept_and_started_again(
    qtbot: QtBot, window: MainWindow, engines: Engines, recordings: Recordings
) -> None:
    engines.now.steps = 50_000
    press(window, "Run")
    qtbot.waitUntil(lambda: window.shown.session is not None and len(window.shown.session.steps) > 100)
    with qtbot.waitSignals([window.feed.engine_died, window.feed.model_ready]):
        engines.now.die("The engine process was killed (signal 9).")
    assert "killed (signal 9)" in error_text(window)
    assert loads_sent(engines) == ["demo", "demo"]
    assert engines.started[0].closed
    (path,) = recordings.paths()
    kept = open_session(path)
    assert len(kept.steps) > 100
    assert [mark.kind for mark in kept.marks][-1] == "fault"
    qtbot.waitUntil(lambda: window.control.state == "idle")
    run_to_the_end(qtbot, window)
    assert len(recordings.paths()) == 2


def test_a_model_that_is_refused_is_told(qtbot: QtBot, window: MainWindow) -> None:
    with qtbot.waitSignal(window.feed.refused):
        window.model.load("refused")
    assert error_text(window) == "This folder has no config.json."


def test_run_before_the_model_is_there_waits_for_it(
    qtbot: QtBot, make: WindowMaker, engines: Engines, recordings: Recordings
) -> None:
    feed = Feed(engines, SessionWriter, recordings)
    window = make(feed)
    window.control.start("demo")
    with qtbot.waitSignal(feed.run_ended):
        window.control.run_prompt()
    assert loads_sent(engines) == ["demo"]


def test_selection_goes_back_and_forward_by_keys(qtbot: QtBot, window: MainWindow) -> None:
    run_to_the_end(qtbot, window)
    window.selection.change(step=3)
    window.selection.change(steps=(5, 9))
    window.run_panel.setFocus()
    qtbot.keyClick(window, Qt.Key.Key_Left, Qt.KeyboardModifier.AltModifier)
    assert window.selection.now.steps is None
    assert window.selection.now.step == 3
    qtbot.keyClick(window, Qt.Key.Key_Right, Qt.KeyboardModifier.AltModifier)
    assert window.selection.now.steps == (5, 9)
    window.menus.actions["clear"].trigger()
    assert window.selection.now.steps is None
    assert window.selection.now.step is None


def test_dragging_over_the_strip_selects_steps_and_clicking_one(qtbot: QtBot, window: MainWindow) -> None:
    run_to_the_end(qtbot, window)
    strip = window.strip
    y = strip.height() // 2
    xs = [round(strip.x_of(step + 0.5)) for step in (10, 20)]
    qtbot.mousePress(strip, Qt.MouseButton.LeftButton, pos=QPoint(xs[0], y))
    qtbot.mouseMove(strip, QPoint(xs[1], y))
    qtbot.mouseRelease(strip, Qt.MouseButton.LeftButton, pos=QPoint(xs[1], y))
    assert window.selection.now.steps == (10, 20)
    qtbot.mouseClick(strip, Qt.MouseButton.LeftButton, pos=QPoint(xs[0], y))
    assert window.selection.now.step == 10
    qtbot.mouseDClick(strip, Qt.MouseButton.LeftButton, pos=QPoint(xs[0], y))
    qtbot.mouseRelease(strip, Qt.MouseButton.LeftButton, pos=QPoint(xs[0], y))  # Qt leaves the button pressed
    assert window.selection.now.steps is None


def test_the_attention_probe_follows_the_selected_layer(qtbot: QtBot, window: MainWindow, engines: Engines) -> None:
    engines.now.steps = 50_000
    press(window, "Run")
    qtbot.waitUntil(lambda: window.control.state == "running")
    window.selection.change(layer=3, head=2)
    wanted = protocol.SetObservation(window.run_panel.observation())
    assert wanted.observation.probe == Probe(3, 2)
    qtbot.waitUntil(lambda: wanted in engines.commands(protocol.SetObservation))


def test_the_layout_is_kept_and_restored(
    window: MainWindow, make: WindowMaker, engines: Engines, recordings: Recordings, preferences: Preferences
) -> None:
    window.start.leave()
    window.docks["timeline"].close()
    window.close()
    assert preferences.layout is not None
    again = make(Feed(engines, SessionWriter, recordings))
    again.start.leave()
    assert not again.docks["timeline"].isVisible()
    assert again.docks["latency"].isVisible()
    again.panels.restore_layout()
    assert again.docks["timeline"].isVisible()


def test_the_theme_is_switched_everywhere_and_kept(window: MainWindow, preferences: Preferences) -> None:
    window.menus.choices["theme"]["light"].trigger()
    assert theme.theme() is theme.LIGHT
    assert preferences.scheme == "light"
    corner = window.run_panel.grab().toImage().pixelColor(2, 2).name()
    assert corner == theme.LIGHT.panel
    window.menus.choices["theme"]["dark"].trigger()
    assert theme.theme() is theme.DARK
    assert window.run_panel.grab().toImage().pixelColor(2, 2).name() == theme.DARK.panel


def test_a_recorded_session_is_opened_saved_and_exported(qtbot: QtBot, window: MainWindow, tmp_path: Path) -> None:
    path = a_recording(tmp_path / "a.dscope")
    with qtbot.waitSignal(window.shown.opened):
        window.open_path(str(path))
    assert window.shown.session is not None
    assert len(window.shown.session.steps) == 50
    assert window.windowTitle() == "a.dscope — DecodeScope"
    assert window.preferences.recent_sessions[0] == str(path)
    with qtbot.waitSignal(window.shown.saved):
        window.shown.save_as(tmp_path / "copy.dscope")
    assert len(open_session(tmp_path / "copy.dscope").steps) == 50
    window.exports.export_picture(window, tmp_path / "a.png", "png")
    window.exports.export_picture(window.docks["timeline"], tmp_path / "a.svg", "svg")
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    assert "<svg" in (tmp_path / "a.svg").read_text()
    with qtbot.waitSignal(window.exports.said):
        window.exports.export_trace(tmp_path / "a.json.gz")
    assert (tmp_path / "a.json.gz").read_bytes().startswith(b"\x1f\x8b")
    with qtbot.waitSignal(window.exports.said):
        window.exports.export_trace(tmp_path / "a.pftrace")
    assert b"step 49" in (tmp_path / "a.pftrace").read_bytes()


def test_a_file_that_is_no_session_is_one_sentence(qtbot: QtBot, window: MainWindow, tmp_path: Path) -> None:
    bad = tmp_path / "bad.dscope"
    bad.write_text("no session")
    with qtbot.waitSignal(window.shown.failed):
        window.open_path(str(bad))
    assert error_text(window) == f"{bad} is not a session file: it is not an SQLite database."


def test_the_live_run_can_be_gone_back_to(qtbot: QtBot, window: MainWindow, tmp_path: Path) -> None:
    run_to_the_end(qtbot, window)
    live = window.shown.session
    with qtbot.waitSignal(window.shown.opened):
        window.open_path(str(a_recording(tmp_path / "a.dscope")))
    assert window.shown.session is not live
    window.menus.actions["show_live"].trigger()
    assert window.shown.session is live


def test_a_session_dropped_on_the_window_is_opened(qtbot: QtBot, window: MainWindow, tmp_path: Path) -> None:
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(a_recording(tmp_path / "a.dscope")))])
    drop = QDropEvent(
        QPointF(10, 10), Qt.DropAction.CopyAction, data, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    )
    with qtbot.waitSignal(window.shown.opened):
        window.dropEvent(drop)


def test_a_trace_is_imported_and_known_again_when_it_is_opened_once_more(
    qtbot: QtBot, window: MainWindow, tmp_path: Path
) -> None:
    path = serving_trace(5, layers=2).write(tmp_path / "run.pt.trace.json.gz")
    for _ in range(2):
        with qtbot.waitSignal(window.shown.opened):
            window.open_path(str(path))
        assert window.shown.session is not None
        assert len(window.shown.session.kernels) == 5 * (2 * 10 + 3) + 1
        (made,) = window.feed.recordings.folder.glob("*.dscope")
        assert window.shown.path == window.preferences.recent_sessions[0] == str(made)
        assert made.name.endswith("_run.dscope")
    assert window.docks["timeline"].panel is not None
    assert not window.docks["timeline"].panel.is_empty


def test_an_import_says_how_far_it_is_and_can_be_given_up(qtbot: QtBot, window: MainWindow, tmp_path: Path) -> None:
    path = serving_trace(5, layers=2).write(tmp_path / "run.json")
    said: list[str] = []

    def watch() -> None:
        said.append(window.jobs.doing)
        if "importing" in window.jobs.doing:
            window.documents.give_up()

    window.jobs.changed.connect(watch)
    window.open_path(str(path))
    qtbot.waitUntil(lambda: not window.jobs.busy)
    window.jobs.changed.disconnect(watch)
    assert said[0] == "opening run.json"
    if any(one.startswith("importing run.json, ") for one in said):
        assert window.shown.session is None
        assert not list(window.feed.recordings.folder.glob("*.dscope"))


@pytest.mark.parametrize("name", ["a.json", "a.json.gz", "A.PT.TRACE.JSON", "a.pt.trace.json.gz"])
def test_a_trace_can_be_dropped(name: str) -> None:
    assert droppable(f"/nowhere/{name}")


def test_a_file_that_is_no_trace_is_one_sentence(qtbot: QtBot, window: MainWindow, tmp_path: Path) -> None:
    bad = tmp_path / "bad.json"
    bad.write_text("no trace")
    with qtbot.waitSignal(window.shown.failed):
        window.open_path(str(bad))
    assert error_text(window) == f"{bad} is no profiler's trace: it is not JSON."


def test_copying_a_panel_gives_a_picture_and_a_table(qtbot: QtBot, window: MainWindow) -> None:
    run_to_the_end(qtbot, window)
    window.exports.copy_picture(window.docks["timeline"])
    assert not QGuiApplication.clipboard().pixmap().isNull()
    window.selection.change(steps=(0, 59))  # without a selection the table holds what is in view
    window.exports.copy_csv(window.docks["timeline"])
    rows = list(csv.reader(io.StringIO(QGuiApplication.clipboard().text())))
    assert rows[0][:3] == ["token", "request", "step"]
    assert len(rows) == 1 + 60


def test_the_palette_runs_what_is_typed(qtbot: QtBot, window: MainWindow) -> None:
    window.menus.actions["palette"].trigger()
    palette = window.findChild(QDialog, "command-palette")
    assert palette is not None
    typed = palette.findChild(QLineEdit)
    assert typed is not None
    qtbot.keyClicks(typed, "run from")
    with qtbot.waitSignal(window.feed.run_ended):
        qtbot.keyClick(typed, Qt.Key.Key_Return)


def test_every_command_has_a_name_and_no_key_is_given_twice(window: MainWindow) -> None:
    from app.dialogs.shortcuts import all_actions

    actions = [action for menu in window.menus.top for action in all_actions(menu)]
    assert all(action.text() for action in actions)
    keys = [keys.toString() for action in actions for keys in action.shortcuts()]
    assert len(keys) == len(set(keys))


def test_closing_while_running_keeps_the_recording_and_asks_nothing(
    qtbot: QtBot, window: MainWindow, engines: Engines, recordings: Recordings
) -> None:
    engines.now.steps = 50_000
    press(window, "Run")
    qtbot.waitUntil(lambda: window.shown.session is not None and len(window.shown.session.steps) > 100)
    window.close()
    assert window.feed.isFinished()
    assert engines.now.closed
    (path,) = recordings.paths()
    assert len(open_session(path).steps) == len(window.shown.session.steps if window.shown.session else [])


def test_the_line_about_the_model_follows_the_language(qtbot: QtBot, window: MainWindow) -> None:
    facts = window.run_panel.facts
    assert facts.text().replace("\u2009", " ") == "1.00 M parameters · 8 layers · float32 · cpu"
    window.choices.choose("language", "zh_CN")
    try:
        qtbot.waitUntil(lambda: "8 层" in facts.text())
    finally:
        window.choices.choose("language", "en")
    qtbot.waitUntil(lambda: "8 layers" in facts.text())


def test_the_status_of_a_session_follows_the_language(qtbot: QtBot, window: MainWindow) -> None:
    window.shown.show(synthetic_session(5), "")
    dropped = window.status.dropped
    window.status_control.refresh()
    assert dropped.text() == "nothing dropped"
    window.choices.choose("language", "zh_CN")
    try:
        qtbot.waitUntil(lambda: dropped.text() not in ("", "nothing dropped"))
    finally:
        window.choices.choose("language", "en")
    qtbot.waitUntil(lambda: dropped.text() == "nothing dropped")


def test_a_long_session_is_painted_at_once_and_its_panels_follow_one_by_one(
    qtbot: QtBot, window: MainWindow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.window.main_window.LONG", 60)
    first, second = a_recording(tmp_path / "one.dscope"), a_recording(tmp_path / "other.dscope", 70)
    for path, steps in ((first, 50), (second, 70)):
        with qtbot.waitSignal(window.shown.opened):
            window.shown.open(str(path))
        seen = [dock for dock in window.docks.values() if dock.is_seen]
        assert window.refresher.has_turns
        assert any(dock.needs_refresh for dock in seen)
        qtbot.waitUntil(lambda: not window.refresher.has_turns)
        assert not any(dock.needs_refresh for dock in window.docks.values() if dock.is_seen)
        timeline = window.docks["timeline"].build()
        assert timeline.session is window.shown.session
        assert f"{steps} steps" in window.docks["timeline"].header.figures.text()
