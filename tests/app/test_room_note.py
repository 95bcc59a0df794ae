"""Before a run: how many of the new tokens the model's context has room for after the prompt."""

from __future__ import annotations

import json

import pytest
from pytestqt.qtbot import QtBot

from app.window.main_window import MainWindow
from engine.client.source import Tells
from engine.host import protocol
from engine.session.schema import ModelReady, PromptsCounted
from tests.app.conftest import Engines


@pytest.fixture
def window_of_1024(window: MainWindow) -> MainWindow:
    """A window whose model has a context of 1024."""
    config = json.dumps({"layers": 8, "parameters": 1_000_000, "max_positions": 1024})
    window.feed.model_ready.emit(ModelReady({"model": "scripted", "model_config": config, "device": "cpu"}, {}))
    return window


def said(window: MainWindow) -> str:
    return window.run_panel.room.text().replace("\u2009", " ")


def answered(qtbot: QtBot, window: MainWindow, engines: Engines, tokens: int) -> None:
    """The engine is asked about the prompt, and answers."""
    before = len(engines.commands(protocol.CountPrompts))
    qtbot.waitUntil(lambda: len(engines.commands(protocol.CountPrompts)) > before)
    asked = engines.commands(protocol.CountPrompts)[-1]
    assert isinstance(asked, protocol.CountPrompts)
    window.feed.prompts_counted.emit(PromptsCounted([tokens], 1024, asked.ask))


def test_a_run_that_fits_for_sure_is_not_asked_about(window_of_1024: MainWindow) -> None:
    assert said(window_of_1024) == ""
    assert not window_of_1024.room._timer.isActive()


def test_more_tokens_than_the_context_has_room_for_are_said_before_the_run(
    qtbot: QtBot, window_of_1024: MainWindow, engines: Engines
) -> None:
    window = window_of_1024
    window.run_panel.tokens.setValue(4000)
    assert said(window) == "The context holds 1 024 tokens, those of the prompt included."
    answered(qtbot, window, engines, 5)
    assert said(window) == "The context holds 1 024: at most 1 019 after this prompt of 5."
    window.run_panel.tokens.setValue(1019)  # the same prompt is not counted again
    assert said(window) == ""
    assert not window.room._timer.isActive()


def test_a_prompt_without_room_is_said(qtbot: QtBot, window_of_1024: MainWindow, engines: Engines) -> None:
    window_of_1024.run_panel.prompt.setPlainText("word " * 1200)
    answered(qtbot, window_of_1024, engines, 1200)
    assert said(window_of_1024) == "The prompt has 1 200 tokens: the context of 1 024 has no room for a new one."


def test_an_answer_to_another_question_changes_nothing(
    qtbot: QtBot, window_of_1024: MainWindow, engines: Engines
) -> None:
    window = window_of_1024
    window.run_panel.tokens.setValue(4000)
    qtbot.waitUntil(lambda: bool(engines.commands(protocol.CountPrompts)))
    window.feed.prompts_counted.emit(PromptsCounted([700], 1024, 0))
    assert "700" not in said(window)


def test_nothing_is_said_of_a_server(window_of_1024: MainWindow) -> None:
    window = window_of_1024
    window.run_panel.tokens.setValue(4000)
    window.feed.now.tells = Tells(loads_models=False)
    window.room.look()
    assert said(window) == ""
    window.feed.now.tells = Tells()


def test_the_demo_model_knows_english_only(window_of_1024: MainWindow) -> None:
    window = window_of_1024
    window.run_panel.prompt.setPlainText("从前有一个国王")
    assert said(window) == "The demo model knows English only: choose another model for this prompt."
    window.run_panel.prompt.setPlainText("Das Mädchen · naïve – 3 €")
    assert said(window) == ""
    window.run_panel.prompt.setPlainText("从前有一个国王")
    window.model.load("/models/another")
    window.room.look()
    assert said(window) == ""
