"""Two sessions side by side in the window: the figures of `compare`, the requests, what is chosen, what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QFileDialog, QWidget
from pytestqt.qtbot import QtBot

from app.cli.table import NOT_TOLD
from app.dialogs.compare import DOWN, PARTING_COLUMN, CompareDialog
from app.dialogs.palette import CommandPalette
from app.dialogs.shortcuts import keys_text
from app.main import main
from app.models.side_by_side import GROUPS, marked, times
from app.window.main_window import MainWindow
from engine.figures.metrics import summarise
from engine.figures.two_summaries import two_summaries
from engine.session import schema
from engine.session.file import open_session
from tests.app.panels.test_reach import controls
from tests.app.test_reach import unexplained
from tests.app.test_window import a_recording, run_to_the_end
from tests.engine.figures.served import probed, recorded, write
from tests.engine.session.synthetic import synthetic_session

NUMBER_OF_A, TTFT_A = 0, 4
"""Columns of the table of requests."""


def changed(events: list[Any], request: int, at: int) -> list[Any]:
    """The same run with another token at a place of one request."""
    found, seen = [], 0
    for event in events:
        is_its = isinstance(event, schema.Token) and event.request_id == request
        found.append(replace(event, token_id=99, text=" other") if is_its and seen == at else event)
        seen += is_its
    return found


@pytest.fixture
def a(tmp_path: Path) -> str:
    return str(write(recorded(), tmp_path / "a.dscope"))


@pytest.fixture
def b(tmp_path: Path) -> str:
    return str(write(changed(recorded(), 1, 4), tmp_path / "b.dscope"))


def opened(qtbot: QtBot, window: MainWindow, path: str) -> None:
    with qtbot.waitSignal(window.shown.opened):
        window.open_path(path)


def dialog_of(window: MainWindow) -> CompareDialog:
    window.menus.actions["compare"].trigger()
    found = window.findChild(CompareDialog)
    assert found is not None
    return found


def compared(qtbot: QtBot, window: MainWindow, a: str, b: str) -> CompareDialog:
    opened(qtbot, window, a)
    dialog = dialog_of(window)
    with qtbot.waitSignal(window.comparing.read):
        window.comparing.compare(b)
    return dialog


def figure_rows(dialog: CompareDialog) -> list[list[str]]:
    """The rows of figures, without the headings of groups."""
    table = dialog.figures
    rows = [[table.cell(row, column) for column in range(4)] for row in range(table.rowCount())]
    return [row for row in rows if row[0] not in GROUPS.values()]


def test_there_is_nothing_to_compare_before_a_session_is_shown(qtbot: QtBot, window: MainWindow, a: str) -> None:
    action = window.menus.actions["compare"]
    assert not action.isEnabled()
    opened(qtbot, window, a)
    assert action.isEnabled()
    assert keys_text(action) == "Ctrl+Shift+D"
    assert any(entry.endswith(": Compare with a session") for entry, _ in CommandPalette(window.menus.top).entries)


def test_the_figures_are_those_of_the_command(
    qtbot: QtBot, window: MainWindow, tmp_path: Path, a: str, capsys: pytest.CaptureFixture[str]
) -> None:
    own = str(a_recording(tmp_path / "own.dscope"))
    dialog = compared(qtbot, window, a, own)
    assert main(["compare", a, own, "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)["figures"]
    summaries = [summarise(open_session(path)) for path in (a, own)]
    rows = two_summaries(*summaries)
    assert {row.name: {"a": row.a, "b": row.b, "ratio": row.ratio} for row in rows} == figures
    assert [row[1:] for row in figure_rows(dialog)] == [
        [marked(row, row.a, summaries[0]), marked(row, row.b, summaries[1]), times(row)] for row in rows
    ]
    assert [NOT_TOLD, "0\u2009●", "—"] in [row[1:] for row in figure_rows(dialog)]  # padding, of a server and our own
    assert dialog.of_a.text() == "vLLM 0.32.0 · tiny · a.dscope"
    assert dialog.of_b.text() == "DecodeScope's own engine · synthetic · own.dscope"


def test_the_requests_say_where_they_part_and_enter_goes_there(
    qtbot: QtBot, window: MainWindow, a: str, b: str
) -> None:
    dialog = compared(qtbot, window, a, b)
    assert dialog.verdict.text() == "1 of 2 requests with the same prompt generated the same tokens."
    pairs = dialog.pairs
    assert pairs.cell(0, PARTING_COLUMN) == "nowhere"
    assert "against “⋅other” (99)" in pairs.cell(1, PARTING_COLUMN)
    assert pairs.hasFocus() or not dialog.isActiveWindow()
    session = window.shown.session
    assert session is not None
    pairs.selectRow(1)
    qtbot.keyClick(pairs, Qt.Key.Key_Return)
    assert window.selection.now.token == session.requests[1].token_rows[4]
    pairs.selectRow(0)
    pairs.doubleClicked.emit(pairs.currentIndex())
    assert window.selection.now.token == session.requests[0].token_rows[-1]


def test_the_requests_are_sorted_by_the_controls_and_by_the_heads(
    qtbot: QtBot, window: MainWindow, a: str, b: str
) -> None:
    dialog = compared(qtbot, window, a, b)
    pairs = dialog.pairs
    pairs.selectRow(1)
    dialog.order.setCurrentIndex(PARTING_COLUMN)
    assert [pairs.cell(row, NUMBER_OF_A) for row in range(2)] == ["1", "0"]
    assert pairs.currentIndex().row() == 0  # the selected request moved
    dialog.order.setCurrentIndex(NUMBER_OF_A)
    dialog.direction.buttons[DOWN].click()
    assert [pairs.cell(row, NUMBER_OF_A) for row in range(2)] == ["1", "0"]
    head = pairs.horizontalHeader()
    at = head.sectionViewportPosition(TTFT_A) + head.sectionSize(TTFT_A) // 2
    qtbot.mouseClick(head.viewport(), Qt.MouseButton.LeftButton, pos=QPoint(at, 5))
    assert dialog.order.currentIndex() == TTFT_A
    session = window.shown.session
    assert session is not None
    times_ns = [(one.first_token_ns or 0) - one.arrived_ns for one in session.requests.values()]
    first = str(times_ns.index(min(times_ns) if dialog.direction.value != DOWN else max(times_ns)))
    assert pairs.cell(0, NUMBER_OF_A) == first


def test_texts_are_compared_where_a_server_tells_no_ids(qtbot: QtBot, window: MainWindow, tmp_path: Path) -> None:
    path = str(write(probed(), tmp_path / "p.dscope"))
    untold = [replace(one, token_id=-1) if isinstance(one, schema.Token) else one for one in probed()]
    dialog = compared(qtbot, window, path, str(write(untold, tmp_path / "q.dscope")))
    words = "The generated texts are the same; the ids of their tokens are not told by this server."
    assert dialog.verdict.text() == words


@pytest.mark.parametrize("kind", ["missing", "damaged", "same"])
def test_what_cannot_be_compared_is_one_sentence_in_the_dialog(
    qtbot: QtBot, window: MainWindow, tmp_path: Path, a: str, b: str, kind: str
) -> None:
    bad = tmp_path / "bad.dscope"
    if kind == "damaged":
        bad.write_bytes(b"no session")
    dialog = compared(qtbot, window, a, b)
    before = figure_rows(dialog)
    window.comparing.compare(a if kind == "same" else str(bad))
    qtbot.waitUntil(lambda: not window.jobs.busy and not dialog.busy.isVisible())
    words = "This is the session that is shown" if kind == "same" else "bad.dscope"
    assert words in dialog.said.text()
    assert "\n" not in dialog.said.text()
    assert figure_rows(dialog) == before


def test_a_reading_is_given_up_and_a_closed_dialog_gives_up(qtbot: QtBot, window: MainWindow, a: str, b: str) -> None:
    opened(qtbot, window, a)
    dialog = dialog_of(window)
    assert dialog.isVisible()
    assert not dialog.isModal()
    window.comparing.compare(b)
    assert dialog.said.text() == "Reading b.dscope…"
    dialog.give_up.click()
    qtbot.waitUntil(lambda: not window.jobs.busy)
    assert not dialog.figures.isVisible()
    window.comparing.compare(b)
    qtbot.keyClick(dialog, Qt.Key.Key_Escape)
    assert not dialog.isVisible()
    qtbot.waitUntil(lambda: not window.jobs.busy)
    assert b not in window.preferences.recent_sessions


def test_recent_sessions_and_files_are_offered(
    qtbot: QtBot, window: MainWindow, a: str, b: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened(qtbot, window, b)
    opened(qtbot, window, a)
    dialog = dialog_of(window)
    assert [dialog.recent.itemText(place) for place in range(dialog.recent.count())] == [b]
    with qtbot.waitSignal(window.comparing.read):
        dialog.recent.activated.emit(0)
    assert dialog.of_b.text().endswith("b.dscope")
    opened(qtbot, window, b)
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (a, ""))
    with qtbot.waitSignal(window.comparing.read):
        dialog.browse.click()
    assert (dialog.of_a.text().endswith("b.dscope"), dialog.of_b.text().endswith("a.dscope")) == (True, True)


def test_another_session_in_the_window_is_compared_by_refresh(qtbot: QtBot, window: MainWindow, a: str, b: str) -> None:
    dialog = compared(qtbot, window, a, b)
    window.shown.show(synthetic_session(5), "")
    assert "another session now" in dialog.said.text()
    qtbot.keyClick(dialog.pairs, Qt.Key.Key_Return)
    assert window.selection.now.token is None
    with qtbot.waitSignal(window.comparing.read):
        dialog.refresh.click()
    assert dialog.of_a.text() == "DecodeScope's own engine · synthetic"
    assert not dialog.said.isVisible()


def test_a_run_of_this_window_is_compared(qtbot: QtBot, window: MainWindow, tmp_path: Path) -> None:
    other = str(a_recording(tmp_path / "other.dscope", 60))
    run_to_the_end(qtbot, window)
    dialog = dialog_of(window)
    with qtbot.waitSignal(window.comparing.read):
        window.comparing.compare(other)
    assert dialog.verdict.text() == "The generated tokens are the same."


def test_csv_and_markdown_hold_what_is_shown(qtbot: QtBot, window: MainWindow, a: str, b: str) -> None:
    dialog = compared(qtbot, window, a, b)
    dialog.copy_csv.click()
    figures, pairs = QGuiApplication.clipboard().text().split("\n\n")
    assert figures.splitlines()[0] == "figure,a,b,ratio,unit,provenance"
    assert figures.splitlines()[1] == "tokens,22,22,1.0,count,measured"
    assert len(pairs.splitlines()) == 1 + 2
    assert " other" in pairs
    dialog.copy_markdown.click()
    text = QGuiApplication.clipboard().text()
    assert "| Tokens and steps: tokens | 22\u2009● | 22\u2009● | 1.000 |" in text
    assert text.rstrip().endswith(dialog.verdict.text())


def test_every_control_is_explained_and_reached_by_tab(qtbot: QtBot, window: MainWindow, a: str, b: str) -> None:
    dialog = compared(qtbot, window, a, b)
    assert unexplained(dialog) == []
    wanted = set(controls(dialog))
    found: set[QWidget] = set()
    at: QWidget | None = dialog.recent
    while at is not None and at not in found:
        found.add(at)
        at = at.nextInFocusChain()
    assert wanted <= found
    assert {dialog.recent, dialog.browse, dialog.refresh, dialog.figures, dialog.order, dialog.pairs} <= wanted


def test_theme_and_language_change_in_the_open_dialog(qtbot: QtBot, window: MainWindow, a: str, b: str) -> None:
    dialog = compared(qtbot, window, a, b)
    dark = (dialog.pairs.styleSheet(), dialog.figures.styleSheet())
    window.choices.choose("theme", "light")
    light = (dialog.pairs.styleSheet(), dialog.figures.styleSheet())
    assert all(before != after for before, after in zip(dark, light, strict=True))
    window.choices.choose("language", "zh_CN")
    try:
        qtbot.waitUntil(lambda: dialog.windowTitle() != "Compare sessions")
        assert dialog.verdict.text() != "1 of 2 requests with the same prompt generated the same tokens."
    finally:
        window.choices.choose("language", "en")
    qtbot.waitUntil(lambda: dialog.windowTitle() == "Compare sessions")
    assert dialog.verdict.text() == "1 of 2 requests with the same prompt generated the same tokens."
