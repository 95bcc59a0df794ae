"""A table of many rows that can be sorted by any column; the cells of a row are made when it comes into sight."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt, Signal
from PySide6.QtGui import QColor, QFontMetrics, QKeyEvent
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableView, QWidget

from app.look.theme import GRID, theme, ui_font
from app.widgets.plain import plain
from app.widgets.themed_table import Cell, selection_rules, table_rules
from app.widgets.whole_figures import WholeFigures

Index = QModelIndex | QPersistentModelIndex
NO_INDEX: Final = QModelIndex()
ROLE: Final = Qt.ItemDataRole
MEASURED_ROWS: Final = 100
"""Rows in sight whose texts set the widths of the columns."""

LEAST_WIDTH: Final = 10 * GRID
"""Pixels of the narrowest column."""


class SortedRows(QAbstractTableModel):
    """Rows in the order of a column; unknown values (NaN) come last in both orders."""

    def __init__(self, left: frozenset[int]) -> None:
        super().__init__()
        self._left = left
        self._heads: list[tuple[str, str]] = []
        self._keys: list[NDArray[np.float64]] = []
        self._cells: Callable[[int], Sequence[Cell]] = lambda row: ()
        self._order: NDArray[np.int64] = np.empty(0, np.int64)
        self._made: tuple[int, Sequence[Cell]] = (-1, ())
        """The row whose cells were made last: Qt asks for them one by one."""

    def show_rows(
        self, heads: list[tuple[str, str]], keys: list[NDArray[np.float64]], cells: Callable[[int], Sequence[Cell]]
    ) -> None:
        """(name, definition) of each column, the values by which each column sorts, and the cells of a row."""
        self.beginResetModel()
        self._heads, self._keys, self._cells = heads, keys, cells
        self._order, self._made = np.arange(len(keys[0]) if keys else 0), (-1, ())
        self.endResetModel()

    def row_at(self, place: int) -> int:
        """The number of the row that stands at this place."""
        return int(self._order[place])

    def place_of(self, row: int) -> int:
        """Where this row stands."""
        return int(np.flatnonzero(self._order == row)[0])

    def rowCount(self, parent: Index = NO_INDEX) -> int:
        return 0 if parent.isValid() else len(self._order)

    def columnCount(self, parent: Index = NO_INDEX) -> int:
        return 0 if parent.isValid() else len(self._heads)

    def data(self, index: Index, role: int = ROLE.DisplayRole) -> Any:
        cell = self._cell(index)
        match role:
            case ROLE.DisplayRole | ROLE.AccessibleTextRole:
                return cell.text
            case ROLE.ToolTipRole:
                return plain(cell.tip or cell.text)
            case ROLE.ForegroundRole:
                return QColor(theme().muted if cell.muted else theme().text)
            case ROLE.TextAlignmentRole:
                return self._alignment(index.column())
        return None

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = ROLE.DisplayRole) -> Any:
        if orientation != Qt.Orientation.Horizontal:
            return None
        match role:
            case ROLE.DisplayRole:
                return self._heads[section][0]
            case ROLE.ToolTipRole:
                return plain(self._heads[section][1])
            case ROLE.TextAlignmentRole:
                return self._alignment(section)
        return None

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        if not 0 <= column < len(self._keys):
            return
        keys = self._keys[column]
        self.layoutAboutToBeChanged.emit()
        kept = self.persistentIndexList()  # among them the selected row
        rows = [self.row_at(index.row()) for index in kept]
        self._order = np.argsort(keys if order == Qt.SortOrder.AscendingOrder else -keys, kind="stable")
        moved = [self.index(self.place_of(row), index.column()) for row, index in zip(rows, kept, strict=True)]
        self.changePersistentIndexList(kept, moved)
        self.layoutChanged.emit()

    def _cell(self, index: Index) -> Cell:
        row = self.row_at(index.row())
        if self._made[0] != row:
            self._made = (row, self._cells(row))
        return self._made[1][index.column()]

    def _alignment(self, column: int) -> Qt.AlignmentFlag:
        side = Qt.AlignmentFlag.AlignLeft if column in self._left else Qt.AlignmentFlag.AlignRight
        return side | Qt.AlignmentFlag.AlignVCenter


class SortedTable(QTableView):
    """Shows SortedRows; a click on a head sorts. The column `words` is aligned to the left and takes the width that the
    others leave; its long texts are elided.

    `activated_row` carries the number of the row that was double-clicked, or on which Enter was pressed.
    """

    activated_row = Signal(int)

    def __init__(self, name: str, words: int, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setItemDelegate(WholeFigures(self))
        self.setAccessibleName(name)
        self._words = words
        self.rows = SortedRows(frozenset({words}))
        self.rows.setParent(self)
        self.setModel(self.rows)
        self.setFrameShape(self.Shape.NoFrame)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setTabKeyNavigation(False)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.verticalHeader().hide()
        self.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self.verticalHeader().setMinimumSectionSize(4 * GRID)
        head = self.horizontalHeader()
        head.setHighlightSections(False)
        head.setResizeContentsPrecision(MEASURED_ROWS)
        head.setMinimumSectionSize(LEAST_WIDTH)
        head.setSortIndicator(0, Qt.SortOrder.AscendingOrder)
        self.setSortingEnabled(True)
        head.setSortIndicatorShown(False)  # its arrow would cover the end of a name that is aligned to the right
        self.doubleClicked.connect(self._on_activated)
        self.restyle()

    def show_rows(
        self, heads: list[tuple[str, str]], keys: list[NDArray[np.float64]], cells: Callable[[int], Sequence[Cell]]
    ) -> None:
        """Show these rows (`SortedRows.show_rows`), sorted as those before, with the first one selected."""
        self.rows.show_rows(heads, keys, cells)
        head = self.horizontalHeader()
        self.sortByColumn(min(head.sortIndicatorSection(), len(heads) - 1), head.sortIndicatorOrder())
        head.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        head.setSectionResizeMode(self._words, QHeaderView.ResizeMode.Stretch)
        if self.rows.rowCount():
            self.selectRow(0)

    def cell(self, place: int, column: int) -> str:
        """The text of the cell at this place."""
        return str(self.rows.data(self.rows.index(place, column)))

    def restyle(self) -> None:
        """Take the theme's colours and fonts again."""
        self.setFont(ui_font())
        self.setStyleSheet(table_rules(f"padding: 0 {GRID}px", f"padding: 0 {GRID}px") + selection_rules())
        self.verticalHeader().setDefaultSectionSize(QFontMetrics(ui_font()).height() + GRID)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.currentIndex().isValid():
            self._on_activated(self.currentIndex())
            event.accept()
            return
        super().keyPressEvent(event)

    def _on_activated(self, index: QModelIndex) -> None:
        self.activated_row.emit(self.rows.row_at(index.row()))
