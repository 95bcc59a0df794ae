"""The Session panel alone: its facts, the fields of name and notes, and what a row does."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QFontMetricsF, QGuiApplication
from PySide6.QtWidgets import QApplication, QPlainTextEdit
from pytestqt.qtbot import QtBot

from app.core.selection import Selection
from app.look import theme
from app.look.theme import ui_font
from app.panels.base import EngineControl, Panel, PanelContext
from app.panels.session import SessionPanel
from app.widgets.fact_table import BREAK, PADDING, Fact, FactTable, breakable
from engine.session.edits import MOST_OF_NOTES
from engine.session.schema import FactsSet, Mark
from engine.session.store import Session
from tests.app.panels.acting import RecordingControl, shown
from tests.app.pictures import check_panel
from tests.engine.figures.served import recorded, session_of
from tests.engine.session.synthetic import synthetic_session


class Edits:
    """Edits that are made in the session at once, as those of an opened file, or only when `arrive` is called."""

    def __init__(self, session: Session, live: bool = False) -> None:
        self.session, self.live = session, live
        self.made: list[tuple[str, str]] = []

    def set_fact(self, key: str, value: str, words: str) -> None:
        self.made.append((key, value))
        if not self.live:
            self.arrive()

    def arrive(self) -> None:
        self.session.apply([FactsSet(dict(self.made))])

    def change_mark(self, before: Mark | None, after: Mark | None, words: str) -> None:
        raise AssertionError("this panel changes no mark")


def editing(qtbot: QtBot, live: bool = False) -> tuple[SessionPanel, Edits]:
    session = synthetic_session(20)
    edits, selection = Edits(session, live), Selection()
    panel = SessionPanel(PanelContext(selection, cast(EngineControl, RecordingControl()), edits=edits))
    selection.setParent(panel)
    qtbot.addWidget(panel)
    panel.resize(900, 500)
    panel.show_session(session)
    with qtbot.waitActive(panel):
        panel.show()
        panel.activateWindow()
    return panel, edits


def table_of(panel: Panel) -> FactTable:
    return cast(SessionPanel, panel).table


def test_a_name_is_kept_when_it_is_finished(qtbot: QtBot) -> None:
    panel, edits = editing(qtbot)
    field = panel.words.name
    assert field.placeholderText() == "in memory only"
    qtbot.keyClicks(field, "  my   run ")
    assert edits.made == []
    qtbot.keyClick(field, Qt.Key.Key_Return)
    assert edits.made == [("name", "my run")]
    assert field.text() == "my run"
    qtbot.keyClick(field, Qt.Key.Key_Return)
    assert len(edits.made) == 1


def test_notes_are_kept_when_the_field_is_left(qtbot: QtBot) -> None:
    panel, edits = editing(qtbot)
    panel.words.notes.setFocus()
    qtbot.keyClicks(panel.words.notes, "a note")
    panel.words.name.setFocus()
    assert edits.made == [("notes", "a note")]


def test_notes_are_kept_without_leaving_the_field(qtbot: QtBot) -> None:
    panel, edits = editing(qtbot)
    panel.words.notes.setFocus()
    qtbot.keyClicks(panel.words.notes, "x")
    qtbot.waitUntil(lambda: edits.made == [("notes", "x")])
    assert panel.words.notes.hasFocus()


def test_escape_takes_back_what_is_typed(qtbot: QtBot) -> None:
    panel, edits = editing(qtbot)
    panel.words.name.setFocus()
    qtbot.keyClicks(panel.words.name, "wrong")
    qtbot.keyClick(panel.words.name, Qt.Key.Key_Escape)
    assert panel.words.name.text() == ""
    panel.words.notes.setFocus()
    assert edits.made == []


def test_a_live_run_has_the_name_a_little_later_and_the_field_does_not_flicker(qtbot: QtBot) -> None:
    panel, edits = editing(qtbot, live=True)
    panel.words.name.setText("mine")
    panel.words.hand_over()
    panel.refresh()
    assert panel.words.name.text() == "mine"
    edits.arrive()
    panel.refresh()
    assert panel.words.name.text() == "mine"
    edits.session.apply([FactsSet({"name": ""})])  # taken back
    panel.refresh()
    assert panel.words.name.text() == ""


def test_words_that_could_not_be_kept_go_back(qtbot: QtBot) -> None:
    panel, edits = editing(qtbot)
    panel.words.name.setText("mine")
    panel.words.notes.setPlainText("a note")
    panel.words.hand_over()
    edits.session.apply([FactsSet({"name": "", "notes": ""})])  # what `Edits` does where the file cannot be written
    panel.refresh()
    assert (panel.words.name.text(), panel.words.notes.toPlainText()) == ("", "")


def test_what_is_being_typed_is_not_replaced_by_what_arrives(qtbot: QtBot) -> None:
    panel, edits = editing(qtbot)
    panel.words.notes.setFocus()
    qtbot.keyClicks(panel.words.notes, "half a sen")
    edits.session.apply([FactsSet({"notes": "of another window"})])
    panel.refresh()
    assert panel.words.notes.toPlainText() == "half a sen"


def test_too_long_notes_are_refused_in_a_sentence_and_stay_to_be_shortened(qtbot: QtBot) -> None:
    panel, edits = editing(qtbot)
    panel.words.notes.setPlainText("word " * (MOST_OF_NOTES // 5 + 1))
    panel.words.hand_over()
    assert edits.made == []
    assert "100\u2009000 at most" in panel.words.said.text()
    panel.words.notes.setPlainText("short")
    panel.words.hand_over()
    assert edits.made == [("notes", "short")]
    assert not panel.words.said.isVisibleTo(panel)


def test_another_recording_has_words_of_its_own(qtbot: QtBot) -> None:
    panel, _ = editing(qtbot)
    panel.words.name.setText("mine")
    panel.words.hand_over()
    other = synthetic_session(4)
    other.meta = {**other.meta, "notes": "of the other"}
    panel.show_session(other)
    assert (panel.words.name.text(), panel.words.notes.toPlainText()) == ("", "of the other")


def test_a_click_on_a_change_of_switches_selects_its_step(qtbot: QtBot) -> None:
    panel, _ = editing(qtbot)
    row = panel.table.row_named("from step 0")
    panel.table.cellClicked.emit(row, 1)
    assert panel.context.selection.now.step == 0
    panel.context.selection.change(step=None)
    panel.table.selectRow(row)
    qtbot.keyClick(panel.table, Qt.Key.Key_Return)
    assert panel.context.selection.now.step == 0


def test_a_value_is_copied_whole_and_a_part_of_it_can_be_selected(qtbot: QtBot) -> None:
    panel, edits = editing(qtbot)
    command = "decodescope record --prompt " + "word " * 500
    edits.session.meta = {**edits.session.meta, "command": command}
    panel.refresh()
    table = panel.table
    row = table.row_named("Command")
    table.selectRow(row)
    qtbot.keyClick(table, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert QGuiApplication.clipboard().text() == command
    table.edit(table.model().index(row, 1))
    editor = table.findChild(QPlainTextEdit)
    assert editor is not None
    assert editor.toPlainText() == command
    assert editor.isReadOnly()
    qtbot.keyClick(editor, Qt.Key.Key_Escape)
    QApplication.processEvents()
    assert table.cell(row, 1).endswith("…")


def test_the_table_is_not_written_again_where_nothing_changed(qtbot: QtBot) -> None:
    panel, edits = editing(qtbot)
    writes: list[int] = []
    panel.table.model().dataChanged.connect(lambda *_: writes.append(1))
    edits.session.revision += 1
    panel.refresh()
    assert writes == []


def test_copied_rows_hold_every_fact_with_its_group(qtbot: QtBot) -> None:
    panel, _ = editing(qtbot)
    panel.words.name.setText("mine")
    panel.words.hand_over()
    head, rows = panel.rows()
    assert head == ["group", "name", "value", "step"]
    assert ("Recording", "name", "mine", None) in rows
    assert ("Model", "Name", "synthetic", None) in rows


def test_without_a_window_nothing_can_be_edited() -> None:
    panel = cast(SessionPanel, shown(SessionPanel, synthetic_session(4)))
    assert panel.words.name.isReadOnly()
    assert panel.words.notes.isReadOnly()


@pytest.mark.parametrize("length", [23, 25, 200])
def test_a_long_word_breaks_and_loses_nothing(length: int) -> None:
    word = "x" * length
    assert breakable(word).replace(BREAK, "") == word
    assert (BREAK in breakable(word)) == (length > 24)
    path = "/a/very/long/path/of/a/recording.dscope"
    assert f"/{BREAK}" in breakable(path)


def test_long_values_wrap_within_the_width(qtbot: QtBot) -> None:
    table = FactTable("facts")
    qtbot.addWidget(table)
    table.resize(400, 300)
    table.show()
    table.show_facts([Fact("A", "short", "x"), Fact("A", "path", "/folder" * 30)], ("Fact", "Value"))
    assert table.columnWidth(0) + table.columnWidth(1) <= table.viewport().width()
    assert table.rowHeight(2) > 2 * table.rowHeight(1)


def test_the_longest_name_of_a_fact_stands_in_one_line(qtbot: QtBot) -> None:
    """Widths are fractions of a pixel: rounded down, the column of the names was too narrow for the longest."""
    table = FactTable("facts")
    qtbot.addWidget(table)
    table.resize(700, 300)
    table.show()
    for name in ("L3 and memory", "W", "Memory of a model", "il", "AVAVAV", "a longer name, with a comma"):
        table.show_facts([Fact("A", name, "x")], ("Fact", "Value"))
        exact = QFontMetricsF(ui_font()).horizontalAdvance(name)
        assert table.columnWidth(0) - PADDING >= exact
        assert table.rowHeight(1) < 2 * QFontMetricsF(ui_font()).height()


LOOKS: dict[str, Callable[[], Panel]] = {
    "session": lambda: shown(SessionPanel, synthetic_session(60, requests=3), 1100, 420),
    "session-narrow": lambda: shown(SessionPanel, session_of(recorded()), 420, 640),
}


@pytest.mark.parametrize("name", sorted(LOOKS))
@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_it_looks_as_it_did(qtbot: QtBot, name: str, scheme: theme.Scheme) -> None:
    check_panel(qtbot, LOOKS[name], name, scheme)
