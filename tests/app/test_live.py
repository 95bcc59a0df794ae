"""The window with the real engine process and the demo model."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from app.core.drawing_share import CROWDED_SHARE, SHARE, DrawingShare
from app.panels.query import QueryPanel
from app.window.feed import Feed
from app.window.main_window import MainWindow
from app.window.refresher import Refresher
from engine.client.recordings import Recordings
from engine.session.file import open_session
from engine.session.store import LAUNCHES
from tests.app.conftest import WindowMaker
from tests.app.test_switch_controls import button as switch_button
from tests.app.test_window import error_text, press

WAIT_MS = 60_000
MANY = 900
COMPARING = ("summary", "parallel", "before-after", "compare")
"""Panels that hold two ways against each other: one plain run gives them no figure."""


@pytest.fixture
def live(qtbot: QtBot, make: WindowMaker, real_feed: Feed, monkeypatch: pytest.MonkeyPatch) -> Iterator[MainWindow]:
    """A window whose engine has loaded the demo model, asked for 24 tokens."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    window = make(real_feed)
    with qtbot.waitSignal(real_feed.model_ready, timeout=WAIT_MS):
        window.control.start("demo")
    qtbot.waitUntil(lambda: window.control.state == "idle")
    window.run_panel.ignore_eos.setChecked(True)
    window.run_panel.tokens.setValue(24)
    return window


def tokens_of(window: MainWindow) -> list[int]:
    assert window.shown.session is not None
    return [int(token) for token in window.shown.session.tokens["token_id"]]


def test_every_panel_shows_a_real_run(qtbot: QtBot, live: MainWindow, recordings: Recordings) -> None:
    with qtbot.waitSignal(live.feed.run_ended, timeout=WAIT_MS):
        press(live, "Run")
    assert len(tokens_of(live)) == 24
    assert live.shown.session is not None
    assert live.run_panel.text.text.startswith("The cat sits on")
    for dock in live.docks.values():
        live.panels.bring_up(dock.entry.name)
        dock.refresh()
        panel = dock.build()
        shows_no_run = dock.entry.name in ("kernels", "precision")  # imported traces, comparisons of precisions
        assert panel.is_empty == shows_no_run, dock.entry.name
        if isinstance(panel, QueryPanel):
            panel.run_query()
            qtbot.waitUntil(lambda run=panel.run: not run.busy, timeout=WAIT_MS)  # type: ignore[misc]
        if dock.entry.name in COMPARING or panel.is_empty:
            continue
        assert panel.figures(), dock.entry.name
        names, rows = panel.rows()
        assert all(len(row) == len(names) for row in rows), dock.entry.name
        if dock.entry.name != "utilisation" or len(live.shown.session.device_samples):  # a run may end before a reading
            assert rows, dock.entry.name
    (path,) = recordings.paths()
    kept = open_session(path)
    assert kept.tokens["token_id"].tolist() == tokens_of(live)
    assert np.array_equal(kept.steps["end_ns"], live.shown.session.steps["end_ns"])
    assert np.array_equal(kept.phases["us"], live.shown.session.phases["us"])


def test_a_session_that_begins_is_not_drawn_as_one_that_is_over(
    qtbot: QtBot, live: MainWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is shown before the engine says that it runs: all panels would be drawn empty, beside its first steps."""
    drawn_in: list[str] = []
    monkeypatch.setattr(live, "_share", DrawingShare(2))
    monkeypatch.setattr(Refresher, "draw_all", lambda self: drawn_in.append(live.control.state))
    with qtbot.waitSignal(live.feed.session_started, timeout=WAIT_MS):
        live.control.run_prompt(paused=True)
    assert drawn_in == []
    assert live.refresher.active
    qtbot.waitUntil(lambda: live.control.state == "paused")
    assert live.refresher.share() == 1.0  # nothing computes
    with qtbot.waitSignal(live.feed.run_ended, timeout=WAIT_MS):
        live.control.stop()
    qtbot.waitUntil(lambda: not live.refresher.active)
    assert drawn_in
    assert live.refresher.share() == SHARE  # one thread on two cores
    monkeypatch.setattr(live, "_share", DrawingShare(1))
    assert live.refresher.share() == CROWDED_SHARE


def test_a_teacher_forced_pass_fills_the_panels_that_hold_it_against_the_steps(qtbot: QtBot, live: MainWindow) -> None:
    with qtbot.waitSignal(live.feed.run_ended, timeout=WAIT_MS):
        live.feed.start_run(replace(live.run_panel.run_spec(), teacher_pass=True))
    for name in ("summary", "parallel"):
        live.panels.bring_up(name)
        live.docks[name].refresh()
        panel = live.docks[name].build()
        assert panel.figures(), name
        assert panel.rows()[1], name


def test_switches_flipped_while_it_runs_leave_the_text_as_it_was(qtbot: QtBot, live: MainWindow) -> None:
    live.run_panel.tokens.setValue(60)
    with qtbot.waitSignal(live.feed.run_ended, timeout=WAIT_MS):
        press(live, "Run")
    plain = tokens_of(live)
    qtbot.waitUntil(lambda: live.control.state == "idle", timeout=WAIT_MS)
    press(live, "Step")
    qtbot.waitUntil(lambda: live.control.state == "paused", timeout=WAIT_MS)
    for switch in ("none", "reference"):
        press(live, switch)
    steps = len(live.shown.session.steps) if live.shown.session else 0
    press(live, "Step")
    qtbot.waitUntil(lambda: live.shown.session is not None and len(live.shown.session.steps) > steps, timeout=WAIT_MS)
    press(live, "contiguous")
    with qtbot.waitSignal(live.feed.run_ended, timeout=WAIT_MS):
        press(live, "Resume")
    assert tokens_of(live) == plain
    assert live.shown.session is not None
    assert [config.switches["kv"] for config in live.shown.session.configs][-1] == "contiguous"
    assert int(live.shown.session.steps["positions_recomputed"].sum()) > 0


def test_the_compiled_step_is_switched_between_two_steps(qtbot: QtBot, live: MainWindow) -> None:
    if reason := live.feed.unavailable.get("graphs=True"):
        pytest.skip(reason)
    live.run_panel.probe.setChecked(False)

    def one_step(steps: int) -> None:
        press(live, "Step")
        qtbot.waitUntil(lambda: len(tokens_of(live)) == steps if live.shown.session else False, timeout=WAIT_MS)

    one_step(1)
    for steps, value in ((2, "off"), (3, "on")):
        switch_button(live.run_panel.switches, f"Compiled step: {value}").click()
        one_step(steps)
    with qtbot.waitSignal(live.feed.run_ended, timeout=WAIT_MS):
        press(live, "Stop")
    assert live.shown.session is not None
    assert [LAUNCHES[code] for code in live.shown.session.steps["launch"]] == ["compiled", "eager", "compiled"]
    assert [config.switches["graphs"] for config in live.shown.session.configs] == [True, False, True]


def test_kill_9_in_mid_run_is_told_and_run_works_again(qtbot: QtBot, live: MainWindow, recordings: Recordings) -> None:
    live.run_panel.tokens.setValue(MANY)
    press(live, "Run")
    qtbot.waitUntil(lambda: live.shown.session is not None and len(live.shown.session.tokens) >= 10, timeout=WAIT_MS)
    pid = live.feed.client.engine_pid
    assert pid is not None
    with qtbot.waitSignals([live.feed.engine_died, live.feed.model_ready], timeout=WAIT_MS):
        os.kill(pid, signal.SIGKILL)
    assert "killed (signal 9)" in error_text(live)
    (path,) = recordings.paths()
    kept = open_session(path)
    assert len(kept.tokens) == len(tokens_of(live)) >= 10
    assert [mark.kind for mark in kept.marks][-1] == "fault"
    live.run_panel.tokens.setValue(12)
    qtbot.waitUntil(lambda: live.control.state == "idle")
    with qtbot.waitSignal(live.feed.run_ended, timeout=WAIT_MS):
        press(live, "Run")
    assert len(tokens_of(live)) == 12


def test_stop_ends_a_run_at_once_and_closing_ends_the_engine(qtbot: QtBot, live: MainWindow, tmp_path: Path) -> None:
    live.run_panel.tokens.setValue(MANY)
    press(live, "Run")
    qtbot.waitUntil(lambda: live.control.state == "running" and len(tokens_of(live)) >= 3, timeout=WAIT_MS)
    with qtbot.waitSignal(live.feed.run_ended, timeout=WAIT_MS):
        press(live, "Stop")
    assert live.shown.session is not None
    assert live.shown.session.requests[0].finish_reason == "cancelled"
    pid = live.feed.client.engine_pid
    live.close()
    assert pid is not None
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
