"""The rows of a query's answer as a table: texts are made when they come into sight, a click on a head sorts."""

from __future__ import annotations

from typing import Any, Final

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, QSignalBlocker, Qt, Signal
from PySide6.QtGui import QColor, QFontMetrics
from PySide6.QtWidgets import QAbstractItemView, QTableView, QWidget

from app.look.theme import GRID, theme, ui_font
from app.models.query_result import column_name, sort_key, value_text, value_tip
from app.widgets.plain import plain
from app.widgets.row_table import choose_whole_rows
from app.widgets.themed_table import selection_rules, table_rules
from engine.session.asking import Answered

Index = QModelIndex | QPersistentModelIndex
NO_INDEX: Final = QModelIndex()
ROLE: Final = Qt.ItemDataRole
WIDEST: Final = 320
"""Pixels that a column has at most before somebody pulls at it."""
MEASURED_ROWS: Final = 50


class QueryRows(QAbstractTableModel):
    """The rows of an answer in the order of a column, or as they came."""

    def __init__(self) -> None:
        super().__init__()
        self._answered = Answered([])
        self._order: list[int] = []
        self._right: frozenset[int] = frozenset()
        """The columns that begin with a number."""

    def show_answer(self, answered: Answered) -> None:
        self.beginResetModel()
        self._answered, self._order = answered, list(range(len(answered.rows)))
        first = next(iter(answered.rows), ())
        self._right = frozenset(n for n, value in enumerate(first) if isinstance(value, int | float))
        self.endResetModel()

    def row_at(self, place: int) -> int:
        """The number of the row that stands at this place, as the rows came."""
        return self._order[place]

    def rowCount(self, parent: Index = NO_INDEX) -> int:
        return 0 if parent.isValid() else len(self._order)

    def columnCount(self, parent: Index = NO_INDEX) -> int:
        return 0 if parent.isValid() else len(self._answered.columns)

    def data(self, index: Index, role: int = ROLE.DisplayRole) -> Any:
        value = self._answered.rows[self._order[index.row()]][index.column()]
        match role:
            case ROLE.DisplayRole | ROLE.AccessibleTextRole:
                return value_text(value)
            case ROLE.ToolTipRole:
                return plain(value_tip(value))
            case ROLE.ForegroundRole:
                return QColor(theme().muted if value is None else theme().text)
            case ROLE.TextAlignmentRole:
                side = Qt.AlignmentFlag.AlignRight if isinstance(value, int | float) else Qt.AlignmentFlag.AlignLeft
                return side | Qt.AlignmentFlag.AlignVCenter
        return None

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = ROLE.DisplayRole) -> Any:
        if orientation != Qt.Orientation.Horizontal:
            return str(section + 1) if role == ROLE.DisplayRole else None
        if role == ROLE.TextAlignmentRole:
            right = section in self._right
            return (
                Qt.AlignmentFlag.AlignRight if right else Qt.AlignmentFlag.AlignLeft
            ) | Qt.AlignmentFlag.AlignVCenter
        name = column_name(self._answered, section)
        if role == ROLE.DisplayRole:
            return name if len(name) <= 40 else f"{name[:39]}…"
        return plain(name) if role == ROLE.ToolTipRole else None

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """Sort as SQLite sorts; column -1 gives the order in which the rows came."""
        rows = self._answered.rows
        self.layoutAboutToBeChanged.emit()
        kept = self.persistentIndexList()
        before = [self._order[index.row()] for index in kept]
        if column < 0 or column >= len(self._answered.columns):
            self._order = list(range(len(rows)))
        else:
            self._order = sorted(
                range(len(rows)), key=lambda row: sort_key(rows[row][column]),
                reverse=order == Qt.SortOrder.DescendingOrder,
            )  # fmt: skip
        place = {row: n for n, row in enumerate(self._order)} if kept else {}
        self.changePersistentIndexList(
            kept, [self.index(place[row], index.column()) for row, index in zip(before, kept, strict=True)]
        )
        self.layoutChanged.emit()


class QueryTable(QTableView):
    """Shows QueryRows. `row_chosen` carries the number of the row that was clicked or reached by a key."""

    row_chosen = Signal(int)

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(name)
        self.rows = QueryRows()
        self.rows.setParent(self)
        self.setModel(self.rows)
        choose_whole_rows(self)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.verticalHeader().setMinimumSectionSize(4 * GRID)
        head = self.horizontalHeader()
        head.setHighlightSections(False)
        head.setResizeContentsPrecision(MEASURED_ROWS)
        head.setMinimumSectionSize(10 * GRID)
        self.setSortingEnabled(True)
        self.selectionModel().currentRowChanged.connect(self._on_row)
        self.restyle()

    def show_answer(self, answered: Answered) -> None:
        """Show these rows as they came."""
        head = self.horizontalHeader()
        with QSignalBlocker(head):
            head.setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
        self.rows.show_answer(answered)
        self.resizeColumnsToContents()
        for column in range(len(answered.columns)):
            if self.columnWidth(column) > WIDEST:
                self.setColumnWidth(column, WIDEST)
        self.scrollToTop()

    def cell(self, place: int, column: int) -> str:
        """The text of the cell at this place."""
        return str(self.rows.data(self.rows.index(place, column)))

    def restyle(self) -> None:
        """Take the theme's colours and fonts again."""
        self.setFont(ui_font())
        self.setStyleSheet(table_rules(f"padding: 0 {GRID}px", f"padding: 0 {GRID}px") + selection_rules())
        self.verticalHeader().setDefaultSectionSize(QFontMetrics(ui_font()).height() + GRID)

    def _on_row(self, now: QModelIndex, _before: QModelIndex) -> None:
        if now.isValid():
            self.row_chosen.emit(self.rows.row_at(now.row()))
