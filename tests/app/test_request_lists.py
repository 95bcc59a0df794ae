"""A request list is read in the background as soon as it is chosen; what is wrong with it keeps a run from starting."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PySide6.QtGui import QDesktopServices
from pytestqt.qtbot import QtBot

from app.window.main_window import MainWindow
from app.window.run_panel import AT_ONCE
from engine.core.settings import RequestSpec
from engine.host import protocol
from tests.app.conftest import Engines


def a_list(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def choose(qtbot: QtBot, window: MainWindow, path: Path) -> None:
    window.open_path(str(path))
    qtbot.waitUntil(lambda: window.run_panel.requests.facts is not None)


def started(engines: Engines) -> list[tuple[RequestSpec, ...]]:
    return [one.run.requests for one in engines.commands(protocol.Start)]  # type: ignore[attr-defined]


def test_what_is_in_a_list_is_told_when_it_is_chosen(qtbot: QtBot, window: MainWindow, tmp_path: Path) -> None:
    prompts = ("One", "Two\nlines", "A longer prompt", "The fourth")
    lines = [
        json.dumps({"prompt": prompt, "max_new_tokens": 10 + i, "arrival_s": i * 0.5, "temperature": 0})
        for i, prompt in enumerate(prompts)
    ]
    choose(qtbot, window, a_list(tmp_path / "r.jsonl", *lines))
    shown = window.run_panel.requests
    assert shown.count_label.text() == "4 requests"
    assert shown.facts_label.text().replace("\u2009", " ") == (
        "prompts of 3–15 characters · at most 10–13 new tokens · arrive over 1.50 s · all with temperature 0"
    )
    assert [label.text() for label in shown.prompts] == ["“One”", "“Two↵lines”", "“A⋅longer⋅prompt”"]
    assert shown.fault.isHidden()
    assert window.run_panel.run_button.isEnabled()
    window.run_panel.set_requests_file(None)
    assert shown.isHidden()


def test_every_wrong_line_is_named_and_no_run_starts_until_the_file_is_mended(
    qtbot: QtBot, window: MainWindow, engines: Engines, tmp_path: Path
) -> None:
    path = tmp_path / "r.jsonl"
    choose(qtbot, window, a_list(path, '{"prompt": "a"}', "hello", "", '{"prompt": 1}', "[]", '{"heat": 1}', "{"))
    panel = window.run_panel
    assert panel.requests.count_label.text() == "6 requests, 5 of them wrong"
    told = panel.requests.fault.text()
    assert "line 2: it is not JSON" in told
    assert 'line 4: "prompt" must be a text.' in told
    assert told.endswith("and 2 more")
    assert "line 7" in panel.requests.fault.toolTip()
    for name in ("run", "run_prompt", "step"):
        assert not window.menus.actions[name].isEnabled()
        assert "line 2" in window.menus.actions[name].toolTip() or name == "step"
    a_list(path, '{"prompt": "a"}', '{"prompt": "b", "seed": 3}')
    qtbot.waitUntil(panel.run_button.isEnabled)  # the file is watched
    panel.run_button.click()
    qtbot.waitUntil(lambda: len(started(engines)) == 1)
    assert [one.prompt for one in started(engines)[0]] == ["a", "b"]
    qtbot.waitUntil(lambda: window.control.state == "idle" and not window.refresher.active)


def test_a_list_can_be_read_again_and_opened(
    qtbot: QtBot, window: MainWindow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "r.jsonl"
    window.open_path(str(path))
    shown = window.run_panel.requests
    qtbot.waitUntil(lambda: "cannot be read: No such file" in shown.fault.text())
    assert "cannot be read" in window.run_panel.blocked
    a_list(path, '{"prompt": "a"}')
    shown.reload.click()
    qtbot.waitUntil(lambda: window.run_panel.blocked == "")
    opened: list[str] = []
    monkeypatch.setattr(QDesktopServices, "openUrl", lambda url: opened.append(url.toLocalFile()))
    shown.open.click()
    assert opened == [str(path)]


def test_a_long_list_takes_the_settings_of_the_panel_in_the_background(
    qtbot: QtBot, window: MainWindow, engines: Engines, tmp_path: Path
) -> None:
    lines = [f'{{"prompt": "{i}"}}' for i in range(AT_ONCE + 1)]
    choose(qtbot, window, a_list(tmp_path / "r.jsonl", *lines))
    window.run_panel.tokens.setValue(17)
    window.control.run_prompt()
    assert window.jobs.busy
    qtbot.waitUntil(lambda: len(started(engines)) == 1)
    assert {one.max_new_tokens for one in started(engines)[0]} == {17}
    assert len(started(engines)[0]) == AT_ONCE + 1
    qtbot.waitUntil(lambda: window.control.state == "idle" and not window.refresher.active)


def test_the_newest_list_counts_while_an_older_one_is_still_read(
    qtbot: QtBot, window: MainWindow, tmp_path: Path
) -> None:
    window.open_path(str(a_list(tmp_path / "old.jsonl", *['{"prompt": "old"}'] * 5000)))
    choose(qtbot, window, a_list(tmp_path / "new.jsonl", '{"prompt": "new"}'))
    qtbot.waitUntil(lambda: not window.jobs.busy)
    assert window.run_panel.requests.count_label.text() == "1 request"
