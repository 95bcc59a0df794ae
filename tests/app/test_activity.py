"""What the window says while a model is loaded, a run waits for it, or a first step takes long."""

from __future__ import annotations

import pytest
from PySide6.QtWidgets import QProgressBar
from pytestqt.qtbot import QtBot

from app.window.activity_words import stage_words, step_words, with_time
from app.window.main_window import MainWindow
from engine.session import schema
from engine.session.schema import StepProgress
from engine.session.store import Session
from tests.app.conftest import Engines
from tests.app.test_window import press


def plain_spaces(text: str) -> str:
    return text.replace("\u202f", " ").replace("\u2009", " ")


def empty_text(window: MainWindow) -> str:
    """The sentence of an empty panel that is on the screen."""
    window.start.leave()
    dock = next(one for one in window.docks.values() if one.is_seen)
    dock.build()
    window.activity.look()
    return plain_spaces(dock._empty.sentence.text())


def loading(window: MainWindow, stage: str = "Compiling the kernels") -> None:
    """The engine loads a model, and is at this stage."""
    window.feed.state_changed.emit("loading")
    window.feed.loading.emit(stage, 0.0)


def begun(window: MainWindow) -> Session:
    """A run has begun, and has no step yet."""
    session = Session()
    session.apply([schema.SessionStarted({"model": "scripted"})])
    window.feed.session_started.emit(session, "")
    window.feed.state_changed.emit("running")
    return session


def test_a_stage_of_loading_is_said_with_its_time(window: MainWindow) -> None:
    loading(window)
    words = "Compiling the CPU kernels once, about 20 s · 0.0 s"
    assert plain_spaces(window.run_panel.facts.text()).startswith(words[:-5])
    assert "Compiling the CPU kernels" in plain_spaces(window.status.state.text())
    window.feed.state_changed.emit("idle")
    assert "Compiling" not in window.status.state.text()


def test_the_time_ticks_while_nothing_is_told(qtbot: QtBot, window: MainWindow) -> None:
    loading(window)
    first = window.run_panel.facts.text()
    qtbot.waitUntil(lambda: window.run_panel.facts.text() != first)


def test_a_run_that_is_asked_for_while_a_model_is_loaded_waits_visibly(window: MainWindow) -> None:
    loading(window)
    press(window, "Queue run")
    assert window.control.queued
    assert window.run_panel.run_button.text() == "Cancel run"
    said = "The run starts when the model is ready: Compiling the CPU kernels once, about 20 s"
    assert plain_spaces(window.run_panel.activity.text).startswith(said)
    assert empty_text(window).startswith(said)
    begun(window)
    assert not window.control.queued
    assert window.run_panel.run_button.text() == "Pause"


@pytest.mark.parametrize("button", ["Cancel run", "Stop"])
def test_a_run_that_waits_can_be_cancelled(qtbot: QtBot, window: MainWindow, engines: Engines, button: str) -> None:
    loading(window)
    press(window, "Queue run")
    press(window, button)
    assert not window.control.queued
    assert window.run_panel.run_button.text() == "Queue run"
    assert window.run_panel.activity.text == ""


def test_a_scenario_that_is_picked_while_a_model_is_loaded_waits_too(window: MainWindow) -> None:
    loading(window)
    action = window.scenarios.actions[0]
    assert action.isEnabled()
    action.trigger()
    assert window.control.queued


def test_a_refused_run_waits_no_more(window: MainWindow) -> None:
    loading(window)
    press(window, "Queue run")
    window.control._on_refused("Load", "This folder has no config.json.")
    assert not window.control.asked


def test_a_first_step_that_takes_long_is_seen_everywhere(window: MainWindow) -> None:
    session = begun(window)
    window.feed.step_progress.emit(StepProgress(0, 12.3, 3039, 0, 3039, 3039, 0.4))
    said = "Prefilling the prompt, 3 039 positions, 40 % done · "
    assert plain_spaces(window.run_panel.activity.text).startswith(said)
    assert empty_text(window).startswith(said)
    assert said in plain_spaces(window.status.state.text())
    assert any(bar.isVisible() and bar.value() == 400 for bar in window.findChildren(QProgressBar))
    session.apply([a_step()])
    window.activity.look()
    assert window.run_panel.activity.text == ""


def test_the_panels_offer_no_run_while_one_goes_on(window: MainWindow) -> None:
    session = begun(window)
    window.activity._since -= 5.0
    assert empty_text(window).startswith("Running, no request has arrived yet · ")
    session.apply([schema.RequestArrived(0, "x", [1], ["x"], "{}", 0)])
    assert empty_text(window).startswith("Running, the first step is not finished · ")
    dock = next(one for one in window.docks.values() if one.is_seen)
    assert not dock._empty.run_button.isVisible()


def test_the_timer_rests_where_a_run_shows_itself(window: MainWindow) -> None:
    session = begun(window)
    assert window.activity._timer.isActive()
    session.apply([a_step()])
    window.activity.look()
    assert not window.activity._timer.isActive()


def test_the_words_of_a_step() -> None:
    said = [
        plain_spaces(step_words(progress))
        for progress in (
            StepProgress(0, 1.0, 0, 0, 0, 0, -1.0), StepProgress(3, 1.0, 512, 512, 1024, 3039, 0.257),
            StepProgress(9, 1.0, 700, 0, 0, 0, -1.0), StepProgress(0, 1.0, 12, 0, 12, 12, 1.5),
        )
    ]  # fmt: skip
    assert said == [
        "Encoding the prompt", "Prefilling positions 512–1 023 of 3 039, 26 % done", "Computing 700 positions",
        "Prefilling the prompt, 12 positions, 100 % done",
    ]  # fmt: skip
    assert stage_words("Loading weights (draft)") == "Draft model: Loading weights"
    assert stage_words("Something new") == "Something new"
    assert plain_spaces(with_time("Doing", 61.04)) == "Doing · 61.0 s"


def a_step() -> schema.Step:
    return schema.Step(
        0, 0, "prefill", 0, 10**9, -1, 1, 1, 0, 0, 0, 0, 1, 10, 20, 0, 0, 0, 1, 0, "sdpa", b"", b"",
    )  # fmt: skip
