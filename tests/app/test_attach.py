"""The window attached to a server: the dialog, what a run is then, what cannot be done, and how it ends."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from app.core.preferences import Preferences
from app.dialogs.palette import CommandPalette
from app.dialogs.shortcuts import ShortcutSheet, keys_text
from app.window.feed import Feed
from app.window.main_window import MainWindow
from engine.client.recordings import Recordings
from engine.client.source import Tells
from engine.client.suite import Suite
from engine.host import protocol
from engine.session import schema
from engine.session.file import open_session
from engine.session.writer import SessionWriter
from tests.app.conftest import Engines, WindowMaker, loads_sent
from tests.app.servers import Servers, dialog_of
from tests.app.test_reach import unexplained
from tests.app.test_window import error_text, press
from tests.engine.serving.attached_to import vllm
from tests.engine.serving.fake_server import FakeServer, Gate, SeenRequest, Wire, answering, replaying
from tests.engine.serving.recorded_exchange import recorded

WITHIN_MS = 20_000
"""How long a test waits for a real process."""
KEY = "sk-a-key-that-nobody-may-see"
OWN_ENGINE = "This needs DecodeScope's own engine: detach from the server first."
NOT_PAUSED = "A server cannot be paused from here."


@pytest.fixture
def servers() -> Servers:
    return Servers()


@pytest.fixture
def window(
    qtbot: QtBot, make: WindowMaker, engines: Engines, recordings: Recordings, servers: Servers,
    monkeypatch: pytest.MonkeyPatch,
) -> MainWindow:  # fmt: skip
    """A window whose own engine is scripted, as is every server that it attaches to."""
    for name in ("DECODESCOPE_API_KEY", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    feed = Feed(engines, SessionWriter, recordings, servers)
    shown = make(feed)
    with qtbot.waitSignal(feed.model_ready):
        shown.control.start("demo")
    qtbot.waitUntil(lambda: shown.control.state == "idle")
    return shown


def attach(qtbot: QtBot, window: MainWindow, server: FakeServer, key: str = "", watch: bool = False) -> None:
    """Attach by the dialog, and wait until the window is ready for a run; a watch begins by itself, and ends."""
    dialog = dialog_of(window)
    dialog.address.setEditText(server.url)
    dialog.secret.setText(key)
    dialog.recorder.setText("none")
    (dialog.watch if watch else dialog.send).click()
    done = window.feed.run_ended if watch else window.feed.model_ready
    with qtbot.waitSignals([dialog.finished, done], timeout=WITHIN_MS):
        dialog.attach.click()
    qtbot.waitUntil(lambda: window.control.state == "idle" and window.server.name != "", timeout=WITHIN_MS)


def run(qtbot: QtBot, window: MainWindow) -> None:
    with qtbot.waitSignal(window.feed.run_ended, timeout=WITHIN_MS):
        press(window, "Run")
    qtbot.waitUntil(lambda: window.control.state == "idle")


def test_attaching_ends_our_engine_and_names_the_server(
    qtbot: QtBot, window: MainWindow, engines: Engines, servers: Servers
) -> None:
    with vllm("vllm-0.32-metrics-part") as server:
        attach(qtbot, window, server)
    assert engines.now.closed
    assert servers.asked[0][0].url == server.url
    box = window.run_panel.server
    assert box.isVisible()
    assert not window.run_panel.model.isVisible()
    assert box.title.text() == "vLLM 0.32.0 · demo"
    assert box.levels.text() == "● probe  ● metrics  ● recorder"
    assert not box.lacking.isVisible()
    assert window.windowTitle() == f"vLLM 0.32.0 · {server.url} — DecodeScope"
    assert "attached" in window.status.state.text()
    assert window.preferences.recent_servers == [server.url]


def test_what_a_server_lacks_is_said(qtbot: QtBot, window: MainWindow, servers: Servers) -> None:
    servers.recorder = False
    with vllm() as server:
        attach(qtbot, window, server)
    box = window.run_panel.server
    assert box.levels.text() == "● probe"
    assert box.lacking.isVisible()
    lacking = [line.partition(":")[0] for line in box.lacking.text().splitlines()]
    assert lacking == ["No page of metrics", "No recorder"]
    box.work.buttons["watch"].click()
    assert box.lacking.text().endswith("There is nothing to watch here: send prompts instead.")


@pytest.mark.parametrize(
    ("script", "words"),
    [
        (replaying(recorded("vllm-0.32-no-key")), "it wants a key, or another one"),
        (answering(200, b"<html>"), "is no server of the OpenAI API"),
    ],
)
def test_what_cannot_be_attached_to_leaves_the_dialog_and_our_engine(
    qtbot: QtBot, window: MainWindow, engines: Engines, servers: Servers, script: object, words: str
) -> None:
    dialog = dialog_of(window)
    with FakeServer() as server:
        server.scripts["/v1/models"] = script  # type: ignore[assignment]
        dialog.address.setEditText(server.url)
        dialog.attach.click()
        qtbot.waitUntil(lambda: words in dialog.said.text())
    assert dialog.isVisible()
    assert dialog.attach.isEnabled()
    assert not dialog.busy.isVisible()
    assert (servers.asked, engines.now.closed) == ([], False)
    assert window.preferences.recent_servers == []
    dialog.reject()


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("", "The address of the server is empty"),
        ("ftp://here", "reached by http or https"),
        ("http://name:secret@localhost", "holds a user name or a password"),
    ],
)
def test_an_address_that_is_none_is_refused_in_the_dialog(
    qtbot: QtBot, window: MainWindow, url: str, words: str
) -> None:
    dialog = dialog_of(window)
    dialog.address.setEditText(url)
    qtbot.keyClick(dialog.address, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: words in dialog.said.text())
    assert "secret" not in dialog.said.text()
    dialog.reject()


def test_nobody_there(qtbot: QtBot, window: MainWindow) -> None:
    with FakeServer() as server:
        url = server.url
    dialog = dialog_of(window)
    dialog.address.setEditText(url)
    dialog.attach.click()
    qtbot.waitUntil(lambda: dialog.said.text().startswith(f"Nothing answers at {url}"))
    assert dialog.isVisible()
    dialog.reject()


def test_looking_fills_in_the_models(qtbot: QtBot, window: MainWindow, servers: Servers) -> None:
    dialog = dialog_of(window)
    with vllm() as server:
        server.scripts["/v1/models"] = answering(200, b'{"data":[{"id":"one"},{"id":"two"}]}')
        dialog.address.setEditText(server.url)
        dialog.look.click()
        qtbot.waitUntil(lambda: dialog.model.count() == 2)
        assert dialog.model.currentText() == "one"
        assert dialog.said.text().endswith("Models: one, two")
        dialog.model.setEditText("three")
        dialog.attach.click()
        qtbot.waitUntil(lambda: "The server has no model three" in dialog.said.text())
    assert servers.asked == []
    dialog.reject()


def test_what_the_server_tells_is_listed_with_the_flags_that_would_add_more(qtbot: QtBot, window: MainWindow) -> None:
    dialog = dialog_of(window)
    with vllm("vllm-0.32-completion-all", "vllm-0.32-metrics-part") as server:
        dialog.address.setEditText(server.url)
        dialog.recorder.setText("none")
        dialog.findings.click()
        qtbot.waitUntil(dialog.found.isVisible)
    lines = dialog.found.toPlainText().splitlines()
    assert lines[0].startswith("server (told): This is vLLM 0.32.0")
    assert any(line.startswith("    to add it: --") for line in lines)
    assert any(line.startswith("metrics (told): ") for line in lines)
    dialog.reject()


@pytest.mark.parametrize("by", ["button", "escape"])
def test_a_server_that_does_not_answer_can_be_given_up(
    qtbot: QtBot, window: MainWindow, servers: Servers, by: str
) -> None:
    gate = Gate()

    async def hangs(request: SeenRequest, wire: Wire) -> None:
        await gate.passed()
        await answering(200, b'{"data":[{"id":"one"}]}')(request, wire)

    with vllm() as server:
        server.scripts["/v1/models"] = hangs
        dialog = dialog_of(window)
        dialog.address.setEditText(server.url)
        dialog.attach.click()
        gate.wait_reached()
        assert dialog.busy.isVisible()
        assert not dialog.attach.isEnabled()
        if by == "button":
            dialog.give_up.click()
            assert dialog.attach.isEnabled()
        else:
            qtbot.keyClick(dialog.address, Qt.Key.Key_Escape)
            assert not dialog.isVisible()
        gate.open()
        qtbot.waitUntil(lambda: not window.jobs.busy)
    assert servers.asked == []
    if by == "button":
        dialog.reject()


def test_what_is_typed_is_asked_also_if_a_recent_address_begins_with_it(
    qtbot: QtBot, window: MainWindow, preferences: Preferences
) -> None:
    preferences.remember_server("http://127.0.0.1:8000")
    dialog = dialog_of(window)
    assert dialog.address.itemText(0) == "http://127.0.0.1:8000"
    dialog.address.clearEditText()
    qtbot.keyClicks(dialog.address, "http://127.0.0.1:80")
    assert dialog.spec.url == "http://127.0.0.1:80"
    dialog.reject()


def test_hostile_names_of_a_server_are_shown_as_they_are(qtbot: QtBot, window: MainWindow) -> None:
    name = "<img src='x'>\u202e" + "x" * 2000
    dialog = dialog_of(window)
    with vllm() as server:
        server.scripts["/v1/models"] = answering(200, json.dumps({"data": [{"id": name}] * 150}).encode())
        dialog.address.setEditText(server.url)
        dialog.look.click()
        qtbot.waitUntil(lambda: dialog.model.count() > 0)
    assert dialog.model.count() <= 100
    shown = dialog.model.itemText(0) + dialog.said.text()
    assert "\u202e" not in shown
    assert dialog.said.textFormat() == Qt.TextFormat.PlainText
    assert len(dialog.model.itemText(0)) < 1000
    assert dialog.height() < 800
    dialog.reject()


def test_what_cannot_be_done_with_a_server_is_greyed_out_and_says_why(qtbot: QtBot, window: MainWindow) -> None:
    with vllm() as server:
        attach(qtbot, window, server)
    panel, actions = window.run_panel, window.menus.actions
    assert (actions["step"].isEnabled(), actions["step"].toolTip()) == (False, NOT_PAUSED)
    assert not actions["measure_ceilings"].isEnabled()
    assert "cannot be measured" in actions["measure_ceilings"].toolTip()
    for button in panel.switches.findChildren(QWidget):
        if button.focusPolicy() & Qt.FocusPolicy.TabFocus and button.isVisible():
            assert not button.isEnabled()
            assert "cannot be flipped" in button.toolTip()
    assert not any(button.isEnabled() for button in panel.detail.buttons.values())
    assert (panel.probe.isEnabled(), panel.probe.toolTip()) == (False, "Attention is not told by a server.")
    for action in window.scenarios.actions:
        assert not action.isEnabled()
        assert "detach from the server" in action.toolTip()
    assert set(window.feed.unavailable.values()) == {OWN_ENGINE}


def test_what_panels_ask_of_an_engine_is_not_asked_of_a_server(
    qtbot: QtBot, window: MainWindow, servers: Servers
) -> None:
    with vllm() as server:
        attach(qtbot, window, server)
    window.selection.change(layer=1)
    window.feed.set_probe(None)
    said: list[str] = []
    window.control.failed.connect(lambda sentence, _: said.append(sentence))
    window.feed.measure_ceilings()
    window.feed.start_suite(Suite.of_improvements("The cat", {}, {}))
    qtbot.waitUntil(lambda: len(said) == 2)
    assert said == [
        "A server's device cannot be measured from here.",
        OWN_ENGINE,
    ]
    run(qtbot, window)
    assert [type(one).__name__ for one in servers.now.sent] == ["Start"]


def test_the_language_can_be_changed_while_a_server_is_attached_to(qtbot: QtBot, window: MainWindow) -> None:
    with vllm() as server:
        attach(qtbot, window, server)
    window.choices.choose("language", "zh_CN")
    try:
        qtbot.waitUntil(lambda: window.menus.actions["step"].toolTip() == "无法从这里暂停服务器。")
        assert window.menus.actions["attach"].text() == "连接到服务器…"
        assert "已连接" in window.status.state.text()
        assert "记录器" in window.run_panel.server.levels.text()
        assert unexplained(window.run_panel) == []
    finally:
        window.choices.choose("language", "en")
    qtbot.waitUntil(lambda: window.menus.actions["step"].toolTip() == NOT_PAUSED)


def test_while_a_server_is_recorded_there_is_no_pause(qtbot: QtBot, window: MainWindow, servers: Servers) -> None:
    servers.steps = 50_000
    with vllm() as server:
        attach(qtbot, window, server)
    press(window, "Run")
    qtbot.waitUntil(lambda: window.control.state == "running")
    run_action = window.menus.actions["run"]
    assert (run_action.text(), run_action.isEnabled(), run_action.toolTip()) == ("Pause", False, NOT_PAUSED)
    window.control.run_or_pause()
    window.control.step()
    window.control.stop()
    qtbot.waitUntil(lambda: window.control.state == "idle")
    assert [type(one).__name__ for one in servers.now.sent] == ["Start", "Stop"]
    assert "recording the server" not in window.status.state.text()


def test_what_is_greyed_out_follows_what_the_source_tells(qtbot: QtBot, window: MainWindow, servers: Servers) -> None:
    servers.tells = Tells(loads_models=False)
    with vllm() as server:
        attach(qtbot, window, server)
    panel, actions = window.run_panel, window.menus.actions
    assert actions["step"].isEnabled()
    assert actions["measure_ceilings"].isEnabled()
    assert panel.probe.isEnabled()
    assert panel.detail.buttons["layer"].isEnabled()
    assert panel.switches.findChild(QWidget) is not None
    assert window.scenarios.actions[0].isEnabled()


def test_a_run_sends_the_prompts_and_is_recorded(
    qtbot: QtBot, window: MainWindow, servers: Servers, recordings: Recordings
) -> None:
    with vllm() as server:
        attach(qtbot, window, server)
    window.run_panel.prompt.setPlainText("Once upon")
    run(qtbot, window)
    (start,) = [one for one in servers.now.sent if isinstance(one, protocol.Start)]
    assert [one.prompt for one in start.run.requests] == ["Once upon"]
    (path,) = recordings.paths()
    kept = open_session(path)
    assert kept.serving is not None
    assert kept.serving.url == server.url
    assert window.shown.is_live
    assert len(kept.steps) == 60
    assert window.windowTitle().startswith(f"{path.name} — vLLM 0.32.0 · {server.url}")
    window.status_control.refresh()
    assert window.status.device.text().startswith("vLLM 0.32.0 · device not told by this server")
    assert window.status.overhead.text() == ""


def test_only_watching_sends_nothing_and_begins_at_once(qtbot: QtBot, window: MainWindow, servers: Servers) -> None:
    with vllm() as server:
        attach(qtbot, window, server, watch=True)
    panel = window.run_panel
    assert panel.server.watches
    assert not panel.prompt.isEnabled()
    panel.server.work.buttons["send"].click()
    assert panel.prompt.isEnabled()
    run(qtbot, window)
    starts = [one for one in servers.now.sent if isinstance(one, protocol.Start)]
    assert [len(one.run.requests) for one in starts] == [0, 1]


def test_what_a_server_refuses_is_said_and_the_window_goes_on(
    qtbot: QtBot, window: MainWindow, servers: Servers
) -> None:
    with vllm() as server:
        attach(qtbot, window, server)
    servers.now.answer(schema.Refused("Start", "InputError", "The server knows no min_p."))
    qtbot.waitUntil(lambda: window.control.state == "idle" and bool(window.findChildren(QWidget, "error-dialog")))
    assert error_text(window) == "The server knows no min_p."
    run(qtbot, window)


def test_a_server_that_dies_in_the_middle_keeps_the_session_and_is_attached_to_again_by_the_next_run(
    qtbot: QtBot, window: MainWindow, servers: Servers, recordings: Recordings
) -> None:
    servers.steps = 50_000
    with vllm() as server:
        attach(qtbot, window, server)
    press(window, "Run")
    qtbot.waitUntil(lambda: window.shown.session is not None and len(window.shown.session.tokens) > 5)
    first = servers.now
    with qtbot.waitSignal(window.feed.recorded):
        first.answer(
            schema.Refused("Start", "ServerError", "The server is gone; what was recorded until then is kept."),
            schema.RunEnded("failed"), schema.StateChanged("idle"),
        )  # fmt: skip
        first.steps = 0
    qtbot.waitUntil(lambda: window.control.state == "idle")
    assert error_text(window) == "The server is gone; what was recorded until then is kept."
    (path,) = recordings.paths()
    assert len(open_session(path).tokens) > 5
    assert window.shown.session is not None
    assert window.server.name
    assert "not attached" in window.status.state.text()
    servers.steps = 60
    run(qtbot, window)
    assert len(servers.attached) == 2
    assert first.closed
    assert servers.asked[0] == servers.asked[1]
    assert "not attached" not in window.status.state.text()


def test_a_server_that_is_still_gone_is_told_once_and_can_be_attached_to_again(
    qtbot: QtBot, window: MainWindow, servers: Servers
) -> None:
    with vllm() as server:
        attach(qtbot, window, server, key=KEY)
    servers.refusal = "Nothing answers there."
    window.menus.actions["attach_again"].trigger()
    qtbot.waitUntil(lambda: window.control.state == "stopped")
    assert error_text(window) == "Nothing answers there."
    assert "not attached" in window.status.state.text()
    assert window.run_panel.facts.text() == "Nothing answers there."
    servers.refusal = ""
    window.menus.actions["attach_again"].trigger()
    qtbot.waitUntil(lambda: window.control.state == "idle")
    assert not window.run_panel.facts.isVisible()
    assert {key for _, key in servers.asked} == {KEY}
    run(qtbot, window)


def test_the_process_that_attaches_dies_and_the_server_is_attached_to_again(
    qtbot: QtBot, window: MainWindow, servers: Servers, recordings: Recordings
) -> None:
    servers.steps = 50_000
    with vllm() as server:
        attach(qtbot, window, server)
    press(window, "Run")
    qtbot.waitUntil(lambda: window.shown.session is not None and len(window.shown.session.tokens) > 5)
    servers.now.kill()
    qtbot.waitUntil(lambda: len(servers.attached) == 2 and window.control.state == "idle")
    text = error_text(window)
    assert "is kept" in text
    assert "The server is being attached to again." in text
    assert len(open_session(recordings.paths()[0]).tokens) > 5


@pytest.mark.parametrize("by", ["button", "menu", "model"])
def test_detaching_brings_our_engine_back(
    qtbot: QtBot, window: MainWindow, engines: Engines, servers: Servers, by: str, tmp_path: Path
) -> None:
    with vllm() as server:
        attach(qtbot, window, server)
    run(qtbot, window)
    kept = window.shown.session
    with qtbot.waitSignal(window.feed.model_ready):
        match by:
            case "button":
                window.run_panel.server.detach_wanted.emit()
            case "menu":
                window.menus.actions["detach"].trigger()
            case "model":
                window.open_path(str(tmp_path))
    qtbot.waitUntil(lambda: window.control.state == "idle")
    assert servers.now.closed
    assert loads_sent(engines) == ["demo", str(tmp_path) if by == "model" else "demo"]
    assert window.shown.session is kept
    assert window.server.name == ""
    assert "vLLM" not in window.windowTitle()
    assert window.run_panel.model.isVisible()
    assert not window.run_panel.server.isVisible()
    assert window.menus.actions["step"].isEnabled()
    assert window.menus.actions["step"].toolTip() == "Run one step, then pause"
    assert not window.menus.actions["detach"].isEnabled()
    assert window.run_panel.switches.isEnabled()
    assert window.run_panel.probe.isEnabled()
    run(qtbot, window)
    assert len(engines.started) == 2


def test_closing_the_window_while_a_server_is_recorded_keeps_the_session(
    qtbot: QtBot, window: MainWindow, servers: Servers, recordings: Recordings
) -> None:
    servers.steps = 50_000
    with vllm() as server:
        attach(qtbot, window, server)
    press(window, "Run")
    qtbot.waitUntil(lambda: window.shown.session is not None and len(window.shown.session.tokens) > 5)
    window.close()
    assert servers.now.closed
    assert len(open_session(recordings.paths()[0]).tokens) > 5


def test_every_field_has_a_name_and_a_tip_and_is_reached_by_tab(qtbot: QtBot, window: MainWindow) -> None:
    dialog = dialog_of(window)
    assert unexplained(dialog) == []
    assert dialog.focusWidget() is dialog.address
    reached: list[QWidget | None] = []
    for _ in range(20):
        reached.append(dialog.focusWidget())
        qtbot.keyClick(dialog.focusWidget(), Qt.Key.Key_Tab)
    order = [
        dialog.address, dialog.look, dialog.secret, dialog.model, dialog.send, dialog.alternatives, dialog.recorder,
        dialog.kv_events, dialog.findings, dialog.attach,
    ]  # fmt: skip
    places = [reached.index(one) for one in order]
    assert places == sorted(places)
    qtbot.keyClick(dialog, Qt.Key.Key_Escape)
    assert not dialog.isVisible()


def test_the_run_panel_of_a_server_can_be_named_and_explained(qtbot: QtBot, window: MainWindow) -> None:
    with vllm() as server:
        attach(qtbot, window, server)
    assert unexplained(window.run_panel) == []


def test_the_menu_the_palette_and_the_sheet_of_keys_have_it(window: MainWindow) -> None:
    action = window.menus.actions["attach"]
    assert keys_text(action) == "Ctrl+Shift+A"
    palette = CommandPalette(window.menus.top, window)
    assert ("File: Attach to a server", action) in palette.entries
    assert not [text for text, _ in palette.entries if text in ("File: Attach again", "File: Detach from the server")]
    sheet = ShortcutSheet(window.menus.top, window)
    assert "Attach to a server" in [label.text() for label in sheet.findChildren(QWidget) if hasattr(label, "text")]
    palette.close()
    sheet.close()


def test_a_key_goes_to_the_server_and_is_written_nowhere(
    qtbot: QtBot, make: WindowMaker, engines: Engines, recordings: Recordings, preferences: Preferences, tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """The real process attaches to a server that wants a key, runs, and is attached to again."""
    feed = Feed(engines, SessionWriter, recordings)
    window = make(feed)
    with qtbot.waitSignal(feed.model_ready):
        window.control.start("demo")
    with vllm("vllm-0.32-completion-ids", "vllm-0.32-metrics-part") as server:
        attach(qtbot, window, server, key=KEY)
        dialog = dialog_of(window)
        assert dialog.key == ""
        assert dialog.address.currentText() == server.url
        dialog.reject()
        window.run_panel.tokens.setValue(8)
        run(qtbot, window)
        with qtbot.waitSignal(feed.model_ready, timeout=WITHIN_MS):
            window.menus.actions["attach_again"].trigger()
        sent = [one.headers.get("authorization") for one in server.seen]
    assert set(sent) == {f"Bearer {KEY}"}
    assert window.shown.session is not None
    assert len(window.shown.session.tokens) > 0
    window.close()
    written = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert preferences.path in written
    assert any(path.suffix == ".dscope" for path in written)
    assert [path for path, content in written.items() if KEY.encode() in content] == []
    assert server.url in Preferences.at(preferences.path).recent_servers
    assert KEY not in "".join(capfd.readouterr())
    assert KEY not in repr(feed.client) + repr(vars(feed))
