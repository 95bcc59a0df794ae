"""The Compare panel in the window: what is chosen, read, shown, pinned and refused; its figures are the command's."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from PySide6.QtCore import QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent, QFontMetrics, QGuiApplication
from PySide6.QtWidgets import QFileDialog, QInputDialog, QScrollArea
from pytestqt.qtbot import QtBot

from app.dialogs.palette import CommandPalette
from app.dialogs.shortcuts import keys_text
from app.main import main
from app.models.comparing import Choice
from app.panels.compare import PARTING_COLUMN, ComparePanel
from app.window.main_window import MainWindow
from engine.session import schema
from tests.app.cli.test_compare import events
from tests.app.test_window import a_recording, run_to_the_end
from tests.engine.figures.served import recorded, write
from tests.engine.session.synthetic import synthetic_session


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


def opened(qtbot: QtBot, window: MainWindow, path: str) -> ComparePanel:
    """The panel, with this file shown in the window."""
    with qtbot.waitSignal(window.shown.opened):
        window.open_path(path)
    window.panels.bring_up("compare")
    panel = window.docks["compare"].build()
    assert isinstance(panel, ComparePanel)
    return panel


def compared(qtbot: QtBot, window: MainWindow, a: str, b: str) -> ComparePanel:
    panel = opened(qtbot, window, a)
    with qtbot.waitSignal(panel.comparing.read):
        panel.comparing.choose(Choice(b))
    return panel


def cells(panel: ComparePanel) -> list[list[str]]:
    table = panel.differences
    return [[table.cell(row, column) for column in range(7)] for row in range(table.rowCount())]


def test_the_menu_brings_the_panel_up_and_asks_for_the_file(
    qtbot: QtBot, window: MainWindow, a: str, b: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    action = window.menus.actions["compare"]
    assert not action.isEnabled()
    panel = opened(qtbot, window, a)
    assert action.isEnabled()
    assert keys_text(action) == "Ctrl+Shift+D"
    assert any(entry.endswith(": Compare with a session") for entry, _ in CommandPalette(window.menus.top).entries)
    asked = []
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *given: asked.append(given[2]) or (b, ""))
    with qtbot.waitSignal(panel.comparing.read):
        action.trigger()
    assert asked == [str(Path(a).parent)]  # where nothing was opened by a dialog before
    assert "a.dscope" in panel.of_a.text()
    assert "b.dscope" in panel.of_b.text()
    assert b in window.preferences.recent_sessions


def test_the_figures_are_those_of_the_command(
    qtbot: QtBot, window: MainWindow, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one = str(write(events(1.0, 1), tmp_path / "fast.dscope"))
    other = str(write(events(1.5, 2), tmp_path / "slow.dscope"))
    panel = compared(qtbot, window, one, other)
    assert main(["compare", one, other, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    names, rows = panel.rows()
    by_name = {row[0]: dict(zip(names, row, strict=True)) for row in rows}
    assert by_name
    for name, row in by_name.items():
        assert told["differences"][name]["a"] == row["a"]
        assert told["differences"][name]["significant"] == row["significant"]
        assert told["differences"][name]["interval"] == (None if row["low"] is None else [row["low"], row["high"]])
    panel.show_page("explained")
    causes = {str(row[0]): row[1] for row in panel.rows()[1]}
    assert causes == told["explained"]["parts_s"]
    assert main(["compare", one, other]) == 0
    printed = capsys.readouterr().out
    assert panel.headline.text() in printed
    assert panel.rule.text() in printed
    for bar in panel.bars.bars:
        amount, part = bar.number.split(" · ")
        assert re.search(rf"{re.escape(bar.name)} +{re.escape(amount)} +{re.escape(part)}", printed)
    text = printed.replace("\u2009●", "").replace("\u2009ƒ", "")
    for row in cells(panel):
        assert all(cell.replace("\u2009●", "").replace("\u2009ƒ", "") in text for cell in row[1:6])


def test_a_session_compared_with_itself_has_no_difference(qtbot: QtBot, window: MainWindow, tmp_path: Path) -> None:
    path = str(a_recording(tmp_path / "one.dscope", 40))
    panel = opened(qtbot, window, path)
    panel.comparing.choose(Choice(path))
    qtbot.waitUntil(lambda: panel.comparing.compared is not None)
    assert panel.headline.text() == "No difference."
    assert {row[6] for row in cells(panel)} == {""}


def test_the_requests_say_where_they_part_and_a_click_goes_there(
    qtbot: QtBot, window: MainWindow, a: str, b: str
) -> None:
    panel = compared(qtbot, window, a, b)
    panel.show_page("requests")
    assert panel.verdict.text() == "1 of 2 requests with the same prompt generated the same tokens."
    assert panel.pairs.cell(0, PARTING_COLUMN) == "nowhere"
    assert "against “⋅other” (99)" in panel.pairs.cell(1, PARTING_COLUMN)
    session = window.shown.session
    assert session is not None
    panel.pairs.selectRow(1)
    qtbot.keyClick(panel.pairs, Qt.Key.Key_Return)
    assert window.selection.now.token == session.requests[1].token_rows[4]
    panel.pairs.clicked.emit(panel.pairs.rows.index(0, 0))
    assert window.selection.now.token == session.requests[0].token_rows[-1]
    assert panel.common.text().startswith("Before the texts part")
    assert panel.rows()[0][0] == "request a"


@pytest.mark.parametrize("kind", ["missing", "damaged"])
def test_what_cannot_be_compared_is_one_sentence(
    qtbot: QtBot, window: MainWindow, tmp_path: Path, a: str, b: str, kind: str
) -> None:
    bad = tmp_path / "bad.dscope"
    if kind == "damaged":
        bad.write_bytes(b"no session")
    panel = compared(qtbot, window, a, b)
    before = cells(panel)
    panel.comparing.choose(Choice(str(bad)))
    qtbot.waitUntil(lambda: not window.jobs.busy and bool(panel.comparing.fault))
    assert "bad.dscope" in panel.fault.fault
    assert cells(panel) == before


def test_a_reading_is_given_up(qtbot: QtBot, window: MainWindow, a: str, b: str) -> None:
    panel = opened(qtbot, window, a)
    panel.comparing.choose(Choice(b))
    assert panel.said.text() == "Comparing with b.dscope…"
    panel.controls.give_up.click()
    qtbot.waitUntil(lambda: not window.jobs.busy)
    assert panel.comparing.compared is None
    assert b not in window.preferences.recent_sessions


def test_a_file_is_dropped_on_the_panel(qtbot: QtBot, window: MainWindow, a: str, b: str) -> None:
    panel = opened(qtbot, window, a)
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(b)])
    event = QDropEvent(
        QPointF(5, 5), Qt.DropAction.CopyAction, mime, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    )
    with qtbot.waitSignal(panel.comparing.read):
        panel.dropEvent(event)
    assert event.isAccepted()
    assert window.shown.path == a


def test_a_range_is_pinned_and_another_one_compared_with_it(
    qtbot: QtBot, window: MainWindow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = str(a_recording(tmp_path / "one.dscope", 60))
    panel = opened(qtbot, window, path)
    window.selection.change(steps=(0, 29))
    panel.controls.pin.click()
    dialog = window.findChild(QInputDialog, "baseline-name-dialog")
    assert dialog is not None
    title = QFontMetrics(dialog.font()).horizontalAdvance(f"{dialog.windowTitle()} — DecodeScope")
    assert dialog.sizeHint().width() > title + 100  # beside it the frame has its buttons
    dialog.textValueSelected.emit("  ")
    assert panel.comparing.pinned == []
    dialog.textValueSelected.emit("first half")
    dialog.reject()
    pinned = panel.comparing.pinned
    assert [(one.name, one.path, one.steps) for one in pinned] == [("first half", path, (0, 29))]
    assert panel.controls.recordings.itemText(0).startswith("★ first half · steps 0–29")
    window.selection.change(steps=(30, 59))
    panel.controls.recordings.activated.emit(0)
    qtbot.waitUntil(lambda: panel.comparing.compared is not None and not panel.comparing.doing)
    found = panel.comparing.compared
    assert found is not None
    assert (found.a_steps, found.b_steps) == ((30, 59), (0, 29))
    assert "steps 30–59" in panel.of_a.text()
    panel.controls.unpin.click()
    assert panel.comparing.pinned == []


def test_a_baseline_is_compared_with_whatever_is_shown(qtbot: QtBot, window: MainWindow, a: str, b: str) -> None:
    panel = opened(qtbot, window, b)
    panel.comparing.pin("the version before")
    panel.controls.automatic.click()
    with qtbot.waitSignal(panel.comparing.read):
        opened(qtbot, window, a)
    assert panel.comparing.choice == Choice(b, None, "the version before")
    assert "b.dscope" in panel.of_b.text()


def test_a_run_of_this_window_is_compared_again_as_it_grows(qtbot: QtBot, window: MainWindow, tmp_path: Path) -> None:
    other = str(a_recording(tmp_path / "other.dscope", 60))
    run_to_the_end(qtbot, window)
    window.panels.bring_up("compare")
    panel = window.docks["compare"].build()
    assert isinstance(panel, ComparePanel)
    with qtbot.waitSignal(panel.comparing.read):
        panel.comparing.choose(Choice(other))
    assert panel.verdict.text() == "The generated tokens are the same."
    session = window.shown.session
    assert session is not None
    session.revision += 1
    assert panel.comparing.is_behind
    panel.refresh()
    assert not panel.comparing.doing  # there was no rest yet
    with qtbot.waitSignal(panel.comparing.read):
        panel.controls.refresh.click()
    assert not panel.comparing.is_behind


def test_markdown_holds_what_is_shown(qtbot: QtBot, window: MainWindow, a: str, b: str) -> None:
    panel = compared(qtbot, window, a, b)
    panel.copy_markdown.click()
    text = QGuiApplication.clipboard().text()
    assert "| Latency: tokens/s |" in text
    assert text.rstrip().endswith(panel.verdict.text())


def test_charts_show_both_sides_and_a_click_selects_a_step(qtbot: QtBot, window: MainWindow, tmp_path: Path) -> None:
    one, other = (str(a_recording(tmp_path / name, 40)) for name in ("one.dscope", "other.dscope"))
    panel = compared(qtbot, window, one, other)
    panel.show_page("charts")
    charts = panel.charts
    for place in range(charts.quantity.count()):
        charts.quantity.setCurrentIndex(place)
        chart = charts.charts["chosen"]
        assert [line.label for line in chart.lines] == ["A", "B"]
        assert panel.rows()[1]
    charts.axis.buttons["step"].click()
    charts.charts["chosen"].clicked.emit(7.5)
    assert window.selection.now.step == 7
    assert charts.charts["chosen"].marker == 8.0
    assert "A: " in charts._describe("chosen", 7.0)


def test_another_session_clears_what_was_compared(qtbot: QtBot, window: MainWindow, a: str, b: str) -> None:
    panel = compared(qtbot, window, a, b)
    window.shown.show(synthetic_session(5), "")
    assert panel.comparing.compared is None
    assert not panel.differences.isVisible()


def test_theme_and_language_change_while_it_is_shown(qtbot: QtBot, window: MainWindow, a: str, b: str) -> None:
    panel = compared(qtbot, window, a, b)
    dark = panel.differences.styleSheet()
    window.choices.choose("theme", "light")
    assert panel.differences.styleSheet() != dark
    window.choices.choose("language", "zh_CN")
    try:
        again = window.docks["compare"].build()
        assert isinstance(again, ComparePanel)
        assert again.comparing.compared is not None
        assert again.differences.rowCount() > 0
    finally:
        window.choices.choose("language", "en")


def test_a_range_chosen_during_a_rest_is_compared_after_it_without_any_news(
    qtbot: QtBot, window: MainWindow, a: str, b: str
) -> None:
    """A recording, or a run that is over, has no news: "it is compared in a moment" stood there for ever."""
    panel = compared(qtbot, window, a, b)
    comparing = panel.comparing
    now = [comparing._rest_until - 0.05]
    comparing._clock = lambda: now[0]
    window.selection.change(steps=(1, 3))
    assert not comparing.doing
    assert panel.said.text() == "There is more since: it is compared in a moment, or by Refresh."
    now[0] += 1.0
    qtbot.waitUntil(lambda: comparing.compared is not None and comparing.compared.a_steps == (1, 3))
    assert not comparing.doing


def test_every_part_of_the_explanation_can_be_reached_in_a_low_panel(
    qtbot: QtBot, window: MainWindow, tmp_path: Path
) -> None:
    one = str(write(events(1.0, 1), tmp_path / "fast.dscope"))
    other = str(write(events(1.5, 2), tmp_path / "slow.dscope"))
    panel = compared(qtbot, window, one, other)
    panel.show_page("explained")
    panel.resize(700, 180)
    area = panel.bars.parentWidget().parentWidget()
    assert isinstance(area, QScrollArea)
    assert panel.bars.height() == panel.bars.sizeHint().height()
    assert area.height() <= 180


def test_the_tools_of_the_charts_are_in_the_row_of_the_pages(qtbot: QtBot, window: MainWindow, a: str, b: str) -> None:
    panel = compared(qtbot, window, a, b)
    assert not panel.charts.tools.isVisibleTo(panel)
    panel.show_page("charts")
    assert panel.charts.tools.isVisibleTo(panel)
    assert not panel.headline.isVisibleTo(panel)
    panel.show_page("differences")
    assert panel.headline.isVisibleTo(panel)


def test_a_figure_without_an_interval_says_why(qtbot: QtBot, window: MainWindow, a: str, b: str) -> None:
    panel = compared(qtbot, window, a, b)
    table = panel.differences
    without = [row for row in range(table.rowCount()) if table.cell(row, 5) == "—"]
    assert without
    for row in without:
        item = table.item(row, 5)
        assert item is not None
        assert "few" in item.toolTip() or "Counted" in item.toolTip()
