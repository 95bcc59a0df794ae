"""Run > Compare precision: the dialog, the run that follows, its panel, its end."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtWidgets import QFileDialog
from pytestqt.qtbot import QtBot

from app.dialogs.precision import PrecisionDialog
from app.window.activity_words import comparison_words, stage_words
from app.window.main_window import MainWindow
from engine.client.compared_text import SAMPLE_NAME, sample_text
from engine.core.settings import CompareSpec
from engine.figures.precision import precision_figures
from engine.host import protocol
from engine.session.writer import SessionWriter
from tests.app.conftest import NEVER, Engines
from tests.engine.lens import made


@pytest.fixture
def dialog(qtbot: QtBot, window: MainWindow) -> PrecisionDialog:
    """The dialog of a window whose model is loaded."""
    action = window.menus.actions["compare_precision"]
    qtbot.waitUntil(action.isEnabled)
    action.trigger()
    found = window.precision.dialog
    assert found is not None
    return found


def asked(engines: Engines) -> list[CompareSpec]:
    """The comparisons that the engine was asked for."""
    sent = engines.started[-1].sent
    return [command.spec for command in sent if isinstance(command, protocol.CompareModels)]


def test_the_engine_compares_what_the_dialog_says_and_the_panel_comes_up(
    qtbot: QtBot, window: MainWindow, engines: Engines, dialog: PrecisionDialog, tmp_path: Path
) -> None:
    text = tmp_path / "tale.txt"
    text.write_text("The cat sits on the mat.")
    dialog.model.setEditText(str(tmp_path))
    dialog.dtype.setCurrentText("bfloat16")
    dialog.text.setText(str(text))
    dialog.window_tokens.setValue(64)
    dialog.most_tokens.setValue(1000)
    dialog.layer_tokens.setValue(0)
    dialog.compare.click()
    qtbot.waitUntil(lambda: bool(asked(engines)))
    assert asked(engines) == [
        CompareSpec(str(tmp_path), "The cat sits on the mat.", "tale.txt", "bfloat16", 64, 1000, 0)
    ]
    assert window.precision.dialog is None
    dock = window.docks["precision"]
    qtbot.waitUntil(lambda: window.shown.session is not None and len(window.shown.session.precision_layers) == 12)
    qtbot.waitUntil(lambda: not window.control.active)
    qtbot.waitUntil(lambda: dock.panel is not None and len(getattr(dock.panel, "bars").bars) == 12)  # noqa: B009
    assert dock.is_seen
    assert "nats a token" in dock.header.figures.text()
    other = window.docks["latency"]
    assert other._empty.sentence.text().startswith("A comparison of two precisions tells")
    assert window.shown.path
    assert precision_figures(window.shown.session).done == 1.0  # type: ignore[arg-type, union-attr]


def test_an_opened_comparison_brings_its_panel_up_and_is_no_run(
    qtbot: QtBot, window: MainWindow, tmp_path: Path
) -> None:
    path = tmp_path / "compared.dscope"
    with SessionWriter(path) as writer:
        writer.append([*made.started(), *made.positions(0, 300), *made.layers()])
    said: list[str] = []
    window.take_over.said.connect(said.append)
    window.open_path(str(path))
    dock = window.docks["precision"]
    qtbot.waitUntil(lambda: window.shown.path == str(path) and dock.is_seen)
    qtbot.waitUntil(lambda: "nats a token" in dock.header.figures.text())
    assert not window.replay.can_begin
    assert not window.menus.actions["replay"].isEnabled()
    window.menus.actions["take_over"].trigger()
    assert said == ["A comparison of precisions has no prompt and no settings that a run could have."]


def test_without_a_text_the_one_of_the_program_is_read(
    qtbot: QtBot, engines: Engines, dialog: PrecisionDialog, tmp_path: Path
) -> None:
    dialog.model.setEditText(str(tmp_path))
    dialog.compare.click()
    qtbot.waitUntil(lambda: bool(asked(engines)))
    (spec,) = asked(engines)
    assert (spec.text, spec.text_name) == (sample_text(), SAMPLE_NAME)
    assert (spec.window, spec.most_tokens, spec.layer_tokens) == (512, 2048, 512)


def test_what_is_not_there_is_said_in_the_dialog_which_stays(
    qtbot: QtBot, window: MainWindow, engines: Engines, dialog: PrecisionDialog, tmp_path: Path
) -> None:
    dialog.compare.click()
    assert dialog.said.text() == "Name model B: a checkpoint folder or a GGUF file."
    dialog.model.setEditText(str(tmp_path / "none"))
    dialog.compare.click()
    qtbot.waitUntil(lambda: "There is no file or folder" in dialog.said.text())
    dialog.model.setEditText(str(tmp_path))
    dialog.text.setText(str(tmp_path / "none.txt"))
    dialog.compare.click()
    qtbot.waitUntil(lambda: "none.txt cannot be read" in dialog.said.text())
    assert window.precision.dialog is dialog
    dialog.reject()
    assert window.precision.dialog is None
    assert asked(engines) == []


def test_a_refusal_is_told_and_the_window_can_run_again(
    qtbot: QtBot, window: MainWindow, dialog: PrecisionDialog, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    monkeypatch.setattr("app.window.main_window.show_error", lambda _window, sentence, _details: said.append(sentence))
    dialog.model.setEditText("demo")
    dialog.compare.click()
    qtbot.waitUntil(lambda: bool(said))
    assert said == ["demo is no other precision of it."]
    assert not window.control.asked
    assert window.menus.actions["compare_precision"].isEnabled()


def test_it_is_stopped_while_the_other_model_is_loaded(
    qtbot: QtBot, window: MainWindow, engines: Engines, dialog: PrecisionDialog, tmp_path: Path
) -> None:
    dialog.model.setEditText(str(tmp_path))
    dialog.most_tokens.setValue(NEVER)
    dialog.compare.click()
    qtbot.waitUntil(lambda: bool(asked(engines)))
    qtbot.waitUntil(lambda: window.run_panel.activity.text.startswith("Model B: Loading weights"))
    assert window.run_panel.run_button.text() == "Cancel run"
    window.menus.actions["stop"].trigger()
    qtbot.waitUntil(lambda: any(isinstance(one, protocol.Stop) for one in engines.started[-1].sent))
    assert not window.control.asked
    qtbot.waitUntil(lambda: window.run_panel.run_button.text() == "Run")


def test_buttons_choose_a_folder_a_file_and_a_text(
    window: MainWindow, dialog: PrecisionDialog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: "/models/b")
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: ("/models/b.gguf", ""))
    dialog.folder.click()
    assert dialog.asked.model == "/models/b"
    dialog.file.click()
    assert dialog.asked.model == "/models/b.gguf"
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: ("/texts/a.txt", ""))
    dialog.text_file.click()
    assert dialog.asked.text == "/texts/a.txt"
    assert window.preferences.folder("text") == "/texts"
    dialog.reject()


def test_what_goes_on_is_said_with_its_share() -> None:
    assert stage_words("Loading weights (B)") == "Model B: Loading weights"
    assert comparison_words(0.344).replace("\u202f", " ") == "Comparing precisions, 34 % done"
