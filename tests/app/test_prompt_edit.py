"""What is pasted into the prompt never holds up the window."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData
from pytestqt.qtbot import QtBot

from app.widgets.prompt_edit import MOST_CHARACTERS, PromptEdit
from app.window.main_window import MainWindow
from tests.app.test_window import error_text


def paste(box: PromptEdit, text: str) -> None:
    data = QMimeData()
    data.setText(text)
    box.insertFromMimeData(data)


def test_too_much_is_refused_with_a_sentence_and_nothing_is_inserted(qtbot: QtBot, window: MainWindow) -> None:
    prompt = window.run_panel.prompt
    before = prompt.toPlainText()
    start = time.monotonic()
    paste(prompt, "x" * 10_000_000)
    assert time.monotonic() - start < 10
    assert prompt.toPlainText() == before
    told = error_text(window).replace("\u2009", " ").replace("\u202f", " ")
    assert told == "This text has 10 000 000 characters, and the prompt takes 500 000: put it into a request list."


@pytest.mark.parametrize("times", [1, 10])
def test_as_much_as_it_takes_is_there_at_once_though_it_has_no_spaces(qtbot: QtBot, times: int) -> None:
    box = PromptEdit("")
    qtbot.addWidget(box)
    box.resize(300, 60)
    with qtbot.waitExposed(box):
        box.show()
    start = time.monotonic()
    for _ in range(times):
        paste(box, "x" * ((MOST_CHARACTERS - 1) // times))
        box.grab()
    assert time.monotonic() - start < 30  # it took minutes
    assert len(box.toPlainText()) == (MOST_CHARACTERS - 1) // times * times
    paste(box, "yes" if times == 1 else "y" * 20)
    assert "y" not in box.toPlainText()


def test_a_request_list_that_is_a_pipe_does_not_hold_up_the_window(
    qtbot: QtBot, window: MainWindow, tmp_path: Path
) -> None:
    os.mkfifo(tmp_path / "list.jsonl")
    window.run_panel.set_requests_file(tmp_path / "list.jsonl")
    qtbot.waitUntil(lambda: window.run_panel.requests.fault.fault.endswith("list.jsonl is not a file."))
    assert not window.run_panel.run_button.isEnabled()
    assert "is not a file." in window.run_panel.run_button.toolTip()
