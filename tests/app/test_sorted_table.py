"""The table that sorts: unknown values come last, and only the rows in sight are made."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PySide6.QtCore import Qt
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QHeaderView
from pytestqt.qtbot import QtBot

from app.widgets.sorted_table import SortedTable
from app.widgets.themed_table import Cell

ROWS = 20_000
UP, DOWN = Qt.SortOrder.AscendingOrder, Qt.SortOrder.DescendingOrder


@pytest.fixture
def made() -> list[int]:
    return []


@pytest.fixture
def table(qtbot: QtBot, made: list[int]) -> SortedTable:
    found = SortedTable("rows", words=1)
    qtbot.addWidget(found)
    found.resize(400, 300)

    def cells(row: int) -> list[Cell]:
        made.append(row)
        return [Cell(str(row)), Cell("word")]

    numbers = np.arange(ROWS, dtype=np.float64)
    known = np.where(numbers == 1, np.nan, -numbers)
    found.show_rows([("number", "A number."), ("word", "A word.")], [numbers, known], cells)
    found.show()
    qtbot.waitExposed(found)
    return found


def test_only_rows_in_sight_are_made(table: SortedTable, made: list[int]) -> None:
    table.grab()
    assert 0 < len(set(made)) < 200


@pytest.mark.parametrize(("order", "first"), [(UP, ROWS - 1), (DOWN, 0)])
def test_unknown_values_come_last_in_both_orders(table: SortedTable, order: Qt.SortOrder, first: int) -> None:
    table.sortByColumn(1, order)
    assert table.cell(0, 0) == str(first)
    assert table.cell(ROWS - 1, 0) == "1"


def test_the_selected_row_moves_with_its_place(table: SortedTable) -> None:
    table.selectRow(3)
    table.sortByColumn(0, DOWN)
    assert table.rows.row_at(table.currentIndex().row()) == 3
    assert [index.row() for index in table.selectionModel().selectedRows()] == [ROWS - 1 - 3]


def test_enter_and_a_double_click_give_the_row_and_not_its_place(qtbot: QtBot, table: SortedTable) -> None:
    table.sortByColumn(0, DOWN)
    table.selectRow(0)
    with qtbot.waitSignal(table.activated_row) as entered:
        qtbot.keyClick(table, Qt.Key.Key_Enter)
    with qtbot.waitSignal(table.activated_row) as clicked:
        table.doubleClicked.emit(table.currentIndex())
    assert entered.args == clicked.args == [ROWS - 1]


def test_rows_that_come_leave_what_is_seen_and_selected(qtbot: QtBot, table: SortedTable) -> None:
    table.sortByColumn(0, DOWN)
    table.selectRow(50)
    table.verticalScrollBar().setValue(40)
    numbers = np.arange(ROWS + 5, dtype=np.float64)
    table.update_rows([numbers, -numbers])
    assert table.cell(0, 0) == str(ROWS + 4)
    assert table.chosen == ROWS - 1 - 50
    assert table.verticalScrollBar().value() == 40


def test_some_of_the_rows_are_shown_with_the_selected_one_or_the_first_in_sight(table: SortedTable) -> None:
    numbers = np.arange(ROWS, dtype=np.float64)
    table.sortByColumn(0, UP)
    table.selectRow(9_000)
    some = np.arange(0, ROWS - 2, 3)
    table.update_rows([numbers, numbers], some)
    assert (table.rows.rowCount(), table.chosen) == (len(some), 9_000)
    assert table.viewport().rect().contains(table.visualRect(table.currentIndex()).center())
    table.update_rows([numbers, numbers], some + 1)
    assert (table.chosen, table.verticalScrollBar().value()) == (None, 0)
    assert table.rows.order.tolist() == (some + 1)[: table.rows.rowCount()].tolist()


def test_a_row_that_the_program_marks_is_not_one_that_the_user_chose(qtbot: QtBot, table: SortedTable) -> None:
    with qtbot.assertNotEmitted(table.chosen_row):
        table.mark_row(700)
        table.mark_row(None)
    with qtbot.waitSignal(table.chosen_row) as chosen:
        table.selectRow(4)
    assert chosen.args == [4]


def test_the_head_of_the_sorted_column_says_in_which_order(table: SortedTable) -> None:
    def heads() -> list[str]:
        return [str(table.rows.headerData(column, Qt.Orientation.Horizontal)) for column in (0, 1)]

    assert heads() == ["number ↑", "word"]
    table.sortByColumn(1, DOWN)
    assert heads() == ["number", "word ↓"]


def test_only_rows_in_sight_whose_cells_are_other_ones_are_told_of(qtbot: QtBot) -> None:
    values = np.arange(ROWS, dtype=np.float64)
    words = ["word"] * ROWS
    found = SortedTable("rows", words=1)
    qtbot.addWidget(found)
    found.resize(400, 300)
    found.show_rows([("n", ""), ("w", "")], [values, values], lambda row: [Cell(str(row)), Cell(words[row])])
    found.show()
    qtbot.waitExposed(found)
    found.grab()
    told: list[tuple[int, int]] = []
    found.rows.dataChanged.connect(lambda first, last: told.append((first.row(), last.row())))
    found.update_rows([values, values])
    assert told == []
    words[3] = words[ROWS - 1] = "other"
    found.update_rows([values, values])
    assert told == [(3, 3)]
    assert found.cell(3, 1) == found.cell(ROWS - 1, 1) == "other"


class OneKey(Sequence[NDArray[np.float64]]):
    """Keys of two columns, of which only the first may be asked for."""

    def __len__(self) -> int:
        return 2

    def __getitem__(self, place: Any) -> Any:
        assert place == 0, "the column is not sorted by"
        return np.arange(ROWS, dtype=np.float64)


def test_only_the_values_of_the_sorted_column_are_asked_for(table: SortedTable) -> None:
    table.update_rows(OneKey())
    table.sortByColumn(0, DOWN)
    assert table.cell(0, 0) == str(ROWS - 1)


def picture(qtbot: QtBot, text: str, muted: bool = False) -> QImage:
    found = SortedTable("rows", words=1)
    qtbot.addWidget(found)
    found.resize(200, 80)
    key = np.zeros(1)
    found.show_rows([("n", ""), ("w", "")], [key, key], lambda _row: [Cell(text, muted=muted), Cell("")])
    found.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
    found.setColumnWidth(0, 80)
    found.clearSelection()
    return found.grab().toImage().copy(0, 0, 80, 50)  # the first column


def test_a_figure_that_has_no_room_is_drawn_as_an_ellipsis_and_never_cut(qtbot: QtBot) -> None:
    assert picture(qtbot, "1 234 567 890 123 456 tokens".replace(" ", "\u2009")) == picture(qtbot, "…")
    assert picture(qtbot, "12") != picture(qtbot, "…")
    assert picture(qtbot, "12") != picture(qtbot, "12", muted=True)
