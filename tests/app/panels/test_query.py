"""Query panel: a query runs by its key, is shown as table, plot and CSV; a row selects; what is wrong is underlined."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QEvent, QMimeData, Qt
from PySide6.QtGui import QKeyEvent, QTextCursor
from PySide6.QtWidgets import QApplication, QCheckBox
from pytestqt.qtbot import QtBot

from app.core.jobs import Jobs
from app.core.preferences import Preferences
from app.core.selection import Selection
from app.look.units import THIN_SPACE
from app.models.query_plot import plot_of
from app.models.query_result import csv_value, value_text
from app.panels.base import PanelContext
from app.panels.query import QueryPanel
from app.widgets.sql_edit import SqlEdit
from engine.session.asking import Answered, Cut
from engine.session.file import open_session
from engine.session.format_document import examples
from engine.session.store import Session
from engine.session.writer import SessionWriter
from tests.app.panels.acting import RecordingControl
from tests.engine.session.hostile_sql import ENDLESS
from tests.engine.session.synthetic import synthetic_events, synthetic_session

STEPS = 30


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    path = tmp_path_factory.mktemp("query") / "run.dscope"
    with SessionWriter(path) as writer:
        for batch in synthetic_events(STEPS, layers=2, requests=2):
            writer.append(batch)
    found = open_session(path)
    yield found
    found.source.close()  # type: ignore[union-attr]


def query_panel(qtbot: QtBot, session: Session | None, preferences: Preferences | None = None,
                jobs: Jobs | None = None) -> QueryPanel:  # fmt: skip
    selection = Selection()
    selection.reset(session)
    panel = QueryPanel(PanelContext(selection, RecordingControl(), jobs, preferences=preferences))
    selection.setParent(panel)
    qtbot.addWidget(panel)
    panel.resize(1100, 400)
    panel.show_session(session)
    panel.show()
    return panel


def ask(panel: QueryPanel, sql: str) -> None:
    panel.edit.setPlainText(sql)
    QApplication.sendEvent(panel.edit, QKeyEvent(
        QEvent.Type.KeyPress, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier
    ))  # fmt: skip


def test_ctrl_return_in_the_editor_runs_the_query_and_not_the_prompt(qtbot: QtBot, session: Session) -> None:
    panel = query_panel(qtbot, session)
    override = QKeyEvent(QEvent.Type.ShortcutOverride, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    override.ignore()
    QApplication.sendEvent(panel.edit, override)
    assert override.isAccepted()
    ask(panel, "SELECT id, kind, NULL AS none, 0.5 AS half FROM steps ORDER BY id LIMIT 2")
    table = panel.answer.table
    assert [[table.cell(row, column) for column in range(4)] for row in range(2)] == [
        ["0", "prefill", "NULL", "0.5"], ["1", "decode", "NULL", "0.5"],
    ]  # fmt: skip
    assert panel.figures().startswith("2 rows · ")
    assert panel.rows() == (["id", "kind", "none", "half"], [(0, "prefill", "", 0.5), (1, "decode", "", 0.5)])


def test_only_what_is_selected_is_run_and_its_fault_is_underlined_in_its_place(qtbot: QtBot, session: Session) -> None:
    panel = query_panel(qtbot, session)
    text = "-- 𝄞 a note\nSELECT 1;\nSELECT nowhere FROM steps"
    panel.edit.setPlainText(text)
    cursor = panel.edit.textCursor()
    cursor.movePosition(QTextCursor.MoveOperation.End)
    cursor.movePosition(QTextCursor.MoveOperation.StartOfBlock, QTextCursor.MoveMode.KeepAnchor)
    panel.edit.setTextCursor(cursor)
    panel.run_query()
    assert panel.fault.fault == "SQL: no such column: nowhere."
    (wrong,) = panel.edit.extraSelections()
    assert wrong.cursor.selectedText() == "nowhere"
    assert panel.figures() == ""
    panel.edit.insertPlainText("x")
    assert panel.edit.extraSelections() == []


def test_a_row_selects_its_step_its_request_or_its_token(qtbot: QtBot, session: Session) -> None:
    panel = query_panel(qtbot, session)
    now = lambda: panel.context.selection.now  # noqa: E731
    ask(panel, "SELECT id, end_ns FROM steps WHERE id > 6 ORDER BY id")
    panel.answer.table.selectRow(1)
    assert now().step == 8
    assert panel.figures().endswith(" · selected step 8")
    ask(panel, "SELECT id FROM tokens ORDER BY id DESC")
    panel.answer.table.selectRow(2)
    token = len(session.tokens) - 3
    assert (now().token, now().step) == (token, int(session.tokens["step_id"][token]))
    ask(panel, 'SELECT step_id, request_id AS "a.request", 7 AS id FROM work WHERE step_id = 4 AND request_id = 1')
    panel.answer.table.selectRow(0)
    assert (now().step, now().request) == (4, 1)
    before = now()
    ask(panel, "SELECT 5 AS id, 1000000 AS step, 'x' AS request")
    panel.answer.table.selectRow(0)
    assert now() is before


def test_names_stand_for_the_selection(qtbot: QtBot, session: Session) -> None:
    panel = query_panel(qtbot, session)
    asked = "SELECT :first, :last, :step, :request, :token"
    ask(panel, asked)
    assert panel.rows()[1] == [(0, STEPS - 1, "", "", "")]
    panel.context.selection.change(steps=(3, 9))
    panel.context.selection.change(token=4)
    ask(panel, asked)
    now = panel.context.selection.now
    assert panel.rows()[1] == [(3, 9, now.step, now.request, 4)]


def test_a_head_sorts_as_sqlite_sorts(qtbot: QtBot, session: Session) -> None:
    panel = query_panel(qtbot, session)
    ask(panel, "VALUES (2), ('b'), (NULL), (x'01'), (-1.5), ('a')")
    table = panel.answer.table
    expected = panel.rows()[1]
    ask(panel, "SELECT * FROM (VALUES (2), ('b'), (NULL), (x'01'), (-1.5), ('a')) ORDER BY 1")
    in_order = [table.cell(row, 0) for row in range(6)]
    ask(panel, "VALUES (2), ('b'), (NULL), (x'01'), (-1.5), ('a')")
    assert panel.rows()[1] == expected
    table.sortByColumn(0, Qt.SortOrder.AscendingOrder)
    assert [table.cell(row, 0) for row in range(6)] == in_order
    table.sortByColumn(0, Qt.SortOrder.DescendingOrder)
    assert [table.cell(row, 0) for row in range(6)] == in_order[::-1]


def test_the_answer_is_drawn_over_a_column_that_is_chosen(qtbot: QtBot, session: Session) -> None:
    panel = query_panel(qtbot, session)
    ask(panel, "SELECT id, end_ns - start_ns AS ns, running, kind FROM steps")
    panel.show_page("plot")
    page = panel.answer.plot
    assert panel.answer.currentWidget() is page
    assert [box.text() for box in page.boxes] == ["id", "ns", "running"]
    assert [box.isChecked() for box in page.boxes] == [False, True, False]
    assert page.along.currentText() == "id"
    (line,) = page.chart.plot.getPlotItem().listDataItems()
    assert line.getData()[1].tolist() == (session.steps["end_ns"] - session.steps["start_ns"]).tolist()
    _toggle(page.boxes[2])
    assert len(page.chart.plot.getPlotItem().listDataItems()) == 2
    ask(panel, "SELECT kind, count(*) AS n FROM steps GROUP BY kind")
    assert page.style_picker.value == "bars"
    ask(panel, "SELECT kind FROM steps")
    assert page.nothing.isVisibleTo(panel)


def _toggle(box: QCheckBox) -> None:
    box.setChecked(not box.isChecked())


def test_a_long_line_keeps_its_peaks_and_few_points() -> None:
    rows = [(n, 1000 if n == 77_777 else n % 7) for n in range(100_000)]
    answered = Answered(["x", "y"], [tuple(row) for row in rows])
    for style in ("line", "points", "bars"):
        (series,) = plot_of(answered, 0, [1], style, "row").series  # type: ignore[arg-type]
        assert len(series.x) < 20_000
        assert (series.y == 1000).sum() == 1
        assert series.x.min() < 100
        assert series.x.max() > 99_000


def test_values_are_written_as_sqlite_gave_them() -> None:
    assert value_text(1234567) == "1234567"
    assert value_text(0.1) == "0.1"
    assert value_text("a\nb") == "a↵b"
    assert value_text("x" * 500) == "x" * 199 + "…"
    assert value_text(Cut(5000, bytes(range(64)))) == f"x'0001020304050607…' · 5{THIN_SPACE}000{THIN_SPACE}B"
    assert value_text(Cut(0, b"")) == f"x'' · 0{THIN_SPACE}B"
    assert csv_value(Cut(3, b"\x01\x02\xff")) == "x'0102ff'"


def test_a_click_on_a_table_or_column_inserts_its_name(qtbot: QtBot, session: Session) -> None:
    panel = query_panel(qtbot, session)
    panel.edit.setPlainText("SELECT * FROM")
    panel.edit.moveCursor(QTextCursor.MoveOperation.End)
    found = panel.tables.findItems("work", Qt.MatchFlag.MatchExactly)
    panel.tables.itemClicked.emit(found[0], 0)
    columns = [found[0].child(n) for n in range(found[0].childCount())]
    panel.tables.itemClicked.emit(next(one for one in columns if one.text(0) == "end"), 0)
    assert panel.edit.toPlainText() == 'SELECT * FROM work "end"'
    assert [one.text(1) for one in columns if one.text(0) == "first"] == ["positions"]


def test_examples_and_history_fill_the_editor_and_undo_brings_it_back(
    qtbot: QtBot, session: Session, tmp_path: Path
) -> None:
    preferences = Preferences.at(tmp_path / "settings.ini")
    panel = query_panel(qtbot, session, preferences)
    panel.edit.setPlainText("SELECT 1")
    panel.run_query()
    panel.examples_button.menu().aboutToShow.emit()
    actions = panel.examples_button.menu().actions()
    assert len(actions) == len(examples())
    actions[1].trigger()
    assert panel.edit.toPlainText() == examples()[1].sql
    panel.run_query()
    panel.edit.undo()
    assert panel.edit.toPlainText() == "SELECT 1"
    assert Preferences.at(tmp_path / "settings.ini").queries == [examples()[1].sql, "SELECT 1"]
    panel.history_button.menu().aboutToShow.emit()
    _, second, *_, forget = panel.history_button.menu().actions()
    assert second.text() == "SELECT 1"
    forget.trigger()
    assert preferences.queries == []
    for n in range(100):
        preferences.queries = [f"SELECT {n}", *preferences.queries]
    assert (len(preferences.queries), preferences.queries[0]) == (40, "SELECT 99")


def test_a_query_that_runs_can_be_cancelled_by_escape(qtbot: QtBot, session: Session) -> None:
    jobs = Jobs(lambda failure: pytest.fail(failure.sentence))
    panel = query_panel(qtbot, session, jobs=jobs)
    ask(panel, f"{ENDLESS} SELECT max(i) FROM n")
    assert panel.is_behind
    assert panel.figures().startswith("running for ")
    assert panel.cancel_button.isEnabled()
    with qtbot.waitSignal(panel.run.changed, timeout=20_000):
        qtbot.keyClick(panel.edit, Qt.Key.Key_Escape)
    assert panel.fault.fault == "The query was cancelled."
    assert not panel.cancel_button.isEnabled()
    qtbot.waitUntil(lambda: not jobs.busy)


def test_the_fault_of_the_query_before_is_gone_while_the_next_one_runs(qtbot: QtBot, session: Session) -> None:
    jobs = Jobs(pytest.fail)
    panel = query_panel(qtbot, session, jobs=jobs)
    ask(panel, "SELEC broken")
    qtbot.waitUntil(lambda: bool(panel.fault.fault))
    ask(panel, ENDLESS)
    assert panel.run.busy
    assert panel.fault.fault == ""
    panel.run.cancel()
    qtbot.waitUntil(lambda: not jobs.busy)


def test_another_session_drops_the_answer(qtbot: QtBot, session: Session) -> None:
    panel = query_panel(qtbot, session)
    ask(panel, "SELECT 1")
    panel.show_session(synthetic_session(4))
    assert panel.is_empty
    assert "in memory only" in panel.empty_text()
    assert panel.rows() == ([], [])
    panel.run_query()  # there is nothing to ask
    assert panel.run.outcome is None
    panel.show_session(None)
    assert panel.empty_text().startswith("Open a recording")


def test_a_text_that_no_query_can_be_is_not_pasted(qtbot: QtBot) -> None:
    edit = SqlEdit()
    qtbot.addWidget(edit)
    edit.setPlainText("SELECT 1")
    pasted = QMimeData()
    pasted.setText("x" * 200_000)
    with qtbot.waitSignal(edit.refused):
        edit.insertFromMimeData(pasted)
    assert edit.toPlainText() == "SELECT 1"


def test_comments_and_texts_over_several_lines_keep_their_colour(qtbot: QtBot) -> None:
    edit = SqlEdit()
    qtbot.addWidget(edit)
    edit.setPlainText("SELECT /* one\nFROM two\n*/ 'three\nFROM' FROM steps")
    colours = []
    block = edit.document().begin()
    while block.isValid():
        colours.append([(one.start, one.length) for one in block.layout().formats()])
        block = block.next()
    assert colours[1] == [(0, 8)]
    assert colours[2][0] == (0, 2)
    assert colours[3][:2] == [(0, 5), (6, 4)]


def test_names_and_texts_from_a_file_are_shown_in_one_line_and_turn_nothing(qtbot: QtBot, session: Session) -> None:
    panel = query_panel(qtbot, session)
    ask(panel, "SELECT 1 AS \"a\n b\u202ec\", '<b>\u202ex\ny</b>' AS t, char(27) || 'z' AS \"&amp\"")
    head = panel.answer.table.rows.headerData
    assert head(0, Qt.Orientation.Horizontal) == "a b\\u202ec"
    assert panel.answer.table.cell(0, 1) == "<b>\\u202ex↵y</b>"
    panel.show_page("plot")
    assert panel.answer.plot.boxes[0].text() == "a b\\u202ec"
    assert "\u202e" not in panel.answer.plot.along.itemText(1)
