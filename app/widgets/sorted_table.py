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
from app.widgets.row_table import choose_whole_rows
from app.widgets.text_cells import TextCells
from app.widgets.themed_table import Cell, selection_rules, table_rules

Index = QModelIndex | QPersistentModelIndex
Keys = Sequence[NDArray[np.float64]]
"""For each column the values by which it sorts; only those of the sorted column are asked for, and of the first."""
NO_INDEX: Final = QModelIndex()
ROLE: Final = Qt.ItemDataRole
ORDER: Final = Qt.SortOrder
ANSWERED: Final = frozenset(
    {ROLE.DisplayRole, ROLE.AccessibleTextRole, ROLE.ToolTipRole, ROLE.ForegroundRole, ROLE.TextAlignmentRole}
)
MEASURED_ROWS: Final = 100
"""Rows in sight whose texts set the widths of the columns."""
MOST_MADE: Final = 1000
"""Rows whose cells are kept."""
LEAST_WIDTH: Final = 10 * GRID
"""Pixels of the narrowest column."""


def with_arrow(head: str, order: Qt.SortOrder | None) -> str:
    """The head of a column; where it is the sorted one, with an arrow that says in which order.

    The arrow is part of the text: one that Qt draws covers the end of a name that is aligned to the right, and points
    up in some styles where the largest comes first.
    """
    return head if order is None else f"{head} {'↑' if order == ORDER.AscendingOrder else '↓'}"


class SortedRows(QAbstractTableModel):
    """Rows in the order of a column; unknown values (NaN) come last in both orders."""

    def __init__(self, left: frozenset[int]) -> None:
        super().__init__()
        self._left = left
        self._heads: list[tuple[str, str]] = []
        self._keys: Keys = ()
        self._cells: Callable[[int], Sequence[Cell]] = lambda row: ()
        self._order: NDArray[np.int64] = np.empty(0, np.int64)
        self._sorted = (0, ORDER.AscendingOrder)
        self._made: dict[int, Sequence[Cell]] = {}
        """The cells of rows that Qt has asked for since they last changed: it asks for them one by one."""

    def show_rows(self, heads: list[tuple[str, str]], keys: Keys, cells: Callable[[int], Sequence[Cell]]) -> None:
        """(name, definition) of each column, the values by which each column sorts, and the cells of a row."""
        self.beginResetModel()
        self._heads, self._keys, self._cells = heads, keys, cells
        self._order, self._made = np.arange(len(keys[0]) if keys else 0), {}
        self.endResetModel()

    def update_rows(
        self, keys: Keys, rows: NDArray[np.int64] | None = None, in_sight: tuple[int, int] | None = None
    ) -> bool:
        """Other values of the same columns, of more rows, or of `rows` alone; the order of the columns stays.

        `in_sight` are the places [first, end) that are seen: of the others nobody is told that they changed. Returns
        whether what stood in the view is gone, so that the selection must be made again. Rows that are only added do
        not do that.
        """
        shown = np.arange(len(keys[0])) if rows is None else rows
        order = self._ordered(keys, shown)
        made, self._made = self._made, {}
        before = len(self._order)
        if rows is not None and not np.isin(self._order, rows, assume_unique=True).all():
            self.beginResetModel()
            self._keys, self._order = keys, order
            self.endResetModel()
            return True
        self._keys = keys
        if len(order) > before:
            self.beginInsertRows(QModelIndex(), before, len(order) - 1)
            self._order = np.append(self._order, np.setdiff1d(shown, self._order, assume_unique=True))
            self.endInsertRows()
        if not np.array_equal(order, self._order):
            self._reorder(order)
        elif before:
            first, end = (0, before) if in_sight is None else in_sight
            self._tell_changed(range(max(first, 0), min(end, before)), made)
        return False

    def _tell_changed(self, places: range, made: dict[int, Sequence[Cell]]) -> None:
        """Tell of the rows at these places whose cells are other ones than those that were made before."""
        last = len(self._heads) - 1
        for place in places:
            row = self.row_at(place)
            if row in made and list(self._cells_of(row)) != list(made[row]):
                self.dataChanged.emit(self.index(place, 0), self.index(place, last))

    def row_at(self, place: int) -> int:
        """The number of the row that stands at this place."""
        return int(self._order[place])

    def place_of(self, row: int) -> int:
        """Where this row stands; -1 where it is not shown."""
        found = np.flatnonzero(self._order == row)
        return int(found[0]) if len(found) else -1

    @property
    def order(self) -> NDArray[np.int64]:
        """The numbers of the shown rows, from above."""
        return self._order

    def rowCount(self, parent: Index = NO_INDEX) -> int:
        return 0 if parent.isValid() else len(self._order)

    def columnCount(self, parent: Index = NO_INDEX) -> int:
        return 0 if parent.isValid() else len(self._heads)

    def data(self, index: Index, role: int = ROLE.DisplayRole) -> Any:
        if role not in ANSWERED:
            return None  # Qt asks for many more
        cell = self.cell(index)
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
                return self._head(section)
            case ROLE.ToolTipRole:
                return plain(self._heads[section][1])
            case ROLE.TextAlignmentRole:
                return self._alignment(section)
        return None

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        if not 0 <= column < len(self._keys):
            return
        self._sorted = (column, order)
        self._reorder(self._ordered(self._keys, np.sort(self._order)))
        self.headerDataChanged.emit(Qt.Orientation.Horizontal, 0, len(self._heads) - 1)

    def _ordered(self, keys: Keys, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Rows, which ascend, in the order of the sorted column; equal ones stay in the order of their numbers."""
        column, order = self._sorted
        if column >= len(keys):
            return rows
        values = keys[column][rows]
        found: NDArray[np.int64] = rows[np.argsort(values if order == ORDER.AscendingOrder else -values, kind="stable")]
        return found

    def _reorder(self, order: NDArray[np.int64]) -> None:
        self.layoutAboutToBeChanged.emit()
        kept = self.persistentIndexList()  # among them the selected row
        rows = [self.row_at(index.row()) for index in kept]
        self._order = order
        moved = [self.index(self.place_of(row), index.column()) for row, index in zip(rows, kept, strict=True)]
        self.changePersistentIndexList(kept, moved)
        self.layoutChanged.emit()

    def _head(self, column: int) -> str:
        return with_arrow(self._heads[column][0], self._sorted[1] if column == self._sorted[0] else None)

    def cell(self, index: Index) -> Cell:
        """The cell that an index names."""
        return self._cells_of(self.row_at(index.row()))[index.column()]

    def _cells_of(self, row: int) -> Sequence[Cell]:
        found = self._made.get(row)
        if found is None:
            if len(self._made) >= MOST_MADE:
                self._made.clear()
            found = self._made[row] = self._cells(row)
        return found

    def is_left(self, column: int) -> bool:
        """Whether the texts of a column stand at its left."""
        return column in self._left

    def _alignment(self, column: int) -> Qt.AlignmentFlag:
        side = Qt.AlignmentFlag.AlignLeft if self.is_left(column) else Qt.AlignmentFlag.AlignRight
        return side | Qt.AlignmentFlag.AlignVCenter


class SortedTable(QTableView):
    """Shows SortedRows; a click on a head sorts. The column `words` is aligned to the left and takes the width that the
    others leave; its long texts are elided. The columns in `left` are aligned to the left, too.

    `chosen_row` carries the number of the row that the user went to, `activated_row` that of the one that was
    double-clicked, or on which Enter was pressed. Unless `picks_first`, no row is selected at first.
    """

    chosen_row = Signal(int)
    activated_row = Signal(int)

    def __init__(
        self,
        name: str,
        words: int,
        parent: QWidget | None = None,
        left: frozenset[int] = frozenset(),
        picks_first: bool = True,
    ) -> None:
        super().__init__(parent)
        self.setAccessibleName(name)
        self._words, self._picks_first = words, picks_first
        self.rows = SortedRows(left | {words})
        self.rows.setParent(self)
        self._drawing = TextCells(self, self.rows.cell, self.rows.is_left)
        self.setItemDelegate(self._drawing)
        self.setModel(self.rows)
        choose_whole_rows(self)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.verticalHeader().setMinimumSectionSize(4 * GRID)
        head = self.horizontalHeader()
        head.setHighlightSections(False)
        head.setResizeContentsPrecision(MEASURED_ROWS)
        head.setMinimumSectionSize(LEAST_WIDTH)
        head.setSortIndicator(0, Qt.SortOrder.AscendingOrder)
        self.setSortingEnabled(True)
        head.setSortIndicatorShown(False)  # the head's text has the arrow
        self.doubleClicked.connect(self._on_activated)
        self._marking = False
        """Whether a row is selected by the program, not by the user."""
        self.selectionModel().selectionChanged.connect(self._on_selected)
        self.restyle()

    def show_rows(self, heads: list[tuple[str, str]], keys: Keys, cells: Callable[[int], Sequence[Cell]]) -> None:
        """Show these rows (`SortedRows.show_rows`), sorted as those before; the first one is selected."""
        self._marking = True
        self.rows.show_rows(heads, keys, cells)
        head = self.horizontalHeader()
        self.sortByColumn(min(head.sortIndicatorSection(), len(heads) - 1), head.sortIndicatorOrder())
        self.fit()
        if self.rows.rowCount() and self._picks_first:
            self.selectRow(0)
        self._marking = False

    def fit(self) -> None:
        """Make each column as wide as its texts in sight; the words take what is left."""
        head = self.horizontalHeader()
        head.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        head.setSectionResizeMode(self._words, QHeaderView.ResizeMode.Stretch)

    def update_rows(self, keys: Keys, rows: NDArray[np.int64] | None = None) -> None:
        """Show other values of the same columns (`SortedRows.update_rows`): what is selected and seen stays.

        Where rows that were shown are gone, the selected one is in sight, or else the first.
        """
        chosen, at = self.chosen, self.verticalScrollBar().value()
        self._marking = True
        gone = self.rows.update_rows(keys, rows, self._in_sight())
        if gone:
            self._select(chosen)
        self._marking = False
        if not gone:
            self.verticalScrollBar().setValue(at)
        elif self.chosen is not None:
            self.scrollTo(self.currentIndex())
        else:
            self.scrollToTop()

    def _in_sight(self) -> tuple[int, int]:
        """The places [first, end) of the rows that are seen."""
        last = self.rowAt(self.viewport().height() - 1)
        return max(self.rowAt(0), 0), self.rows.rowCount() if last < 0 else last + 1

    @property
    def chosen(self) -> int | None:
        """The number of the selected row."""
        selected = self.selectionModel().selectedRows()
        return self.rows.row_at(selected[0].row()) if selected else None

    def mark_row(self, row: int | None) -> None:
        """Select this row and scroll to it, or none; `chosen_row` is not emitted."""
        if row == self.chosen:
            return
        self._marking = True
        self._select(row)
        self._marking = False
        if self.currentIndex().isValid():
            self.scrollTo(self.currentIndex())

    def _select(self, row: int | None) -> None:
        place = -1 if row is None else self.rows.place_of(row)
        if place >= 0:
            self.selectRow(place)
        else:
            self.clearSelection()
            self.setCurrentIndex(QModelIndex())

    def cell(self, place: int, column: int) -> str:
        """The text of the cell at this place."""
        return str(self.rows.data(self.rows.index(place, column)))

    def restyle(self) -> None:
        """Take the theme's colours and fonts again."""
        self.setFont(ui_font())
        self._drawing.restyle()
        self.setStyleSheet(table_rules(f"padding: 0 {GRID}px", f"padding: 0 {GRID}px") + selection_rules())
        self.verticalHeader().setDefaultSectionSize(QFontMetrics(ui_font()).height() + GRID)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.currentIndex().isValid():
            self._on_activated(self.currentIndex())
            event.accept()
            return
        super().keyPressEvent(event)

    def _on_selected(self) -> None:
        """A row was selected. One that only became the present one was not: the first does when the focus comes."""
        if self.chosen is not None and not self._marking:
            self.chosen_row.emit(self.chosen)

    def _on_activated(self, index: QModelIndex) -> None:
        self.activated_row.emit(self.rows.row_at(index.row()))
