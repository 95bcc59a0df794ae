"""The exports of the File menu: a whole session or the selected range of steps, in the background."""

from __future__ import annotations

import csv
import gzip
import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QFileDialog, QMessageBox
from pytestqt.qtbot import QtBot

from app.panels.query import QueryPanel
from app.window.main_window import MainWindow
from tests.app.test_saving import a_recording, open_


@pytest.fixture
def shown(qtbot: QtBot, window: MainWindow, tmp_path: Path) -> MainWindow:
    """A window on a recorded session."""
    open_(qtbot, window, a_recording(tmp_path / "run.dscope"))
    return window


def answer(window: MainWindow, text: str) -> None:
    """Press this button of the question about the range."""
    box = window.findChild(QMessageBox, "range-question")
    assert box is not None
    button = next(one for one in box.buttons() if one.text().replace("&", "") == text)
    button.click()


def test_tables_of_the_selected_range(
    qtbot: QtBot, shown: MainWindow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(tmp_path))
    shown.selection.change(steps=(3, 7))
    for name in ("export_csv", "export_parquet"):
        shown.menus.actions[name].trigger()
        with qtbot.waitSignal(shown.exports.said):
            answer(shown, "Steps 3–7 only")
    with (tmp_path / "run-steps-3-7-csv" / "steps.csv").open(encoding="utf-8", newline="") as file:
        assert [row["id"] for row in csv.DictReader(file)] == ["3", "4", "5", "6", "7"]
    table = pq.read_table(tmp_path / "run-steps-3-7-parquet" / "steps.parquet")
    assert table["id"].to_pylist() == [3, 4, 5, 6, 7]


def test_the_whole_session_though_a_range_is_selected_and_nothing_where_it_is_cancelled(
    qtbot: QtBot, shown: MainWindow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "trace.json.gz"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(out), "Chrome trace (*.json.gz *.json)"))
    shown.selection.change(steps=(3, 7))
    qtbot.waitUntil(lambda: not shown.jobs.busy)  # the panels read what they show of the range
    shown.menus.actions["export_trace"].trigger()
    answer(shown, "Cancel")
    assert not shown.jobs.busy
    shown.menus.actions["export_trace"].trigger()
    with qtbot.waitSignal(shown.exports.said):
        answer(shown, "Whole session")
    trace = json.loads(gzip.decompress(out.read_bytes()))
    assert shown.shown.session is not None
    steps = [event for event in trace["traceEvents"] if event["ph"] == "X" and event["name"].startswith("step ")]
    assert len(steps) == len(shown.shown.session.steps)


def test_without_a_range_there_is_no_question_and_no_folder_is_written_over(
    qtbot: QtBot, shown: MainWindow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(tmp_path))
    for _ in range(2):
        with qtbot.waitSignal(shown.exports.said):
            shown.menus.actions["export_csv"].trigger()
    assert shown.findChild(QMessageBox, "range-question") is None
    assert (tmp_path / "run-csv" / "steps.csv").exists()
    assert (tmp_path / "run-csv-2" / "steps.csv").exists()


def test_a_report_is_written_by_a_process_of_its_own(
    qtbot: QtBot, shown: MainWindow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "report.html"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(out), ""))
    shown.selection.change(steps=(3, 7))
    shown.menus.actions["export_report"].trigger()
    with qtbot.waitSignal(shown.exports.said, timeout=60_000):
        answer(shown, "Steps 3–7 only")
    html = out.read_text("utf-8")
    assert "steps 3–7</h1>" in html
    assert "data:image/png;base64,iVBOR" in html


def test_what_goes_wrong_with_a_report_is_a_sentence(qtbot: QtBot, shown: MainWindow, tmp_path: Path) -> None:
    with qtbot.waitSignal(shown.exports.failed, timeout=60_000) as failed:
        shown.exports.export_report(tmp_path / "no" / "folder" / "report.html")
    assert failed.args is not None
    sentence, details = failed.args
    assert "report.html cannot be written" in sentence
    assert details == ""
    assert "Traceback" not in sentence


def test_without_a_session_it_says_what_to_do(qtbot: QtBot, window: MainWindow) -> None:
    for name in ("export_report", "export_csv", "export_parquet", "export_trace"):
        with qtbot.waitSignal(window.exports.failed) as failed:
            window.menus.actions[name].trigger()
        assert failed.args is not None
        assert failed.args[0].startswith("There is nothing to export yet")


def test_the_answer_of_a_query_is_saved_as_csv(
    qtbot: QtBot, shown: MainWindow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "answer"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(out), ""))
    dock = shown.docks["query"]
    panel = dock.build()
    assert isinstance(panel, QueryPanel)
    panel.edit.setPlainText("SELECT id, '=1+1' AS formula, NULL AS none, x'0102' AS blob FROM steps WHERE id < 2")
    panel.run_query()
    qtbot.waitUntil(lambda: not panel.run.busy)
    with qtbot.waitSignal(shown.exports.said):
        panel.save_button.click()
    rows = list(csv.reader((tmp_path / "answer.csv").read_text(encoding="utf-8").splitlines()))
    assert rows == [["id", "formula", "none", "blob"], *([str(n), "'=1+1", "", "x'0102'"] for n in range(2))]
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(tmp_path / "no" / "folder.csv"), ""))
    with qtbot.waitSignal(shown.exports.failed):
        panel.save_button.click()
    shown.exports.copy_csv(dock)
    assert QGuiApplication.clipboard().text() == (tmp_path / "answer.csv").read_text(encoding="utf-8")
    assert shown.preferences.queries[0].startswith("SELECT id, '=1+1'")


def test_ctrl_return_in_the_editor_does_not_run_the_prompt(qtbot: QtBot, shown: MainWindow) -> None:
    shown.show()
    qtbot.waitExposed(shown)
    shown.docks["query"].show()
    shown.docks["query"].raise_()
    panel = shown.docks["query"].build()
    assert isinstance(panel, QueryPanel)
    panel.edit.setFocus()
    before = shown.shown.session
    panel.edit.setPlainText("SELECT 1")
    with qtbot.waitSignal(panel.run.changed):
        qtbot.keyClick(panel.edit, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: not panel.run.busy)
    assert panel.rows() == (["1"], [(1,)])
    assert shown.shown.session is before
