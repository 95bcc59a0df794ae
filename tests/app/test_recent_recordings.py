"""What a recording is, read without opening it as a session."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from app.core.recent_recordings import look_at
from app.models.scenarios import load_scenarios
from app.window.start_page import StartPage
from engine.session.patience import Patience
from tests.app.test_saving import OF_A_FILE, a_recording


def test_model_tokens_size_and_time(tmp_path: Path) -> None:
    path = a_recording(tmp_path / "a.dscope")
    (one,) = look_at([str(path), str(tmp_path / "gone.dscope")], Patience())
    assert (one.path, one.model, one.tokens, one.fault) == (str(path), "synthetic", OF_A_FILE, "")
    assert one.size_bytes == path.stat().st_size
    assert one.began_s == 1_790_000_000.0


def test_what_cannot_be_opened_says_why(tmp_path: Path) -> None:
    (tmp_path / "text.dscope").write_text("no session")
    (tmp_path / "folder.dscope").mkdir()
    text, folder = look_at([str(tmp_path / "text.dscope"), str(tmp_path / "folder.dscope")], Patience())
    assert "not a session file" in text.fault
    assert "is a folder" in folder.fault


def test_nothing_is_read_any_more_once_it_is_given_up(tmp_path: Path) -> None:
    patience = Patience()
    patience.give_up()
    assert look_at([str(a_recording(tmp_path / "a.dscope"))], patience) == []


@pytest.mark.parametrize("epoch", ["soon", "9" * 40, "-5", ""])
def test_a_moment_that_makes_no_sense_is_not_shown(qtbot: QtBot, tmp_path: Path, epoch: str) -> None:
    path = a_recording(tmp_path / "a.dscope")
    with sqlite3.connect(path) as file:
        file.execute("UPDATE meta SET value = ? WHERE key = 'epoch_ns'", (epoch,))
    file.close()
    page = StartPage(load_scenarios())
    qtbot.addWidget(page)
    page.show_recent(look_at([str(path)], Patience()))
    assert page.recent[0].sentence.startswith("synthetic")
