"""A plain table of figures in the theme's colours: a definition a column, cells with units, a swatch a row."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QColor, QFontMetrics, QIcon, QPixmap
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QSizePolicy, QTableWidget, QTableWidgetItem, QWidget

from app.look.theme import GRID, theme, ui_font
from app.widgets.plain import plain


@dataclass(frozen=True, slots=True)
class Cell:
    """What one cell says; `tip` says more, `swatch` is a colour shown before the words."""

    text: str
    tip: str = ""
    swatch: str = ""
    bold: bool = False
    muted: bool = False


class FigureTable(QTableWidget):
    """Rows of cells; the first column and those of `words` are left, the others right.

    `chosen` carries the key of the row that was walked to.
    """

    chosen = Signal(str)

    def __init__(self, name: str, parent: QWidget | None = None, words: frozenset[int] = frozenset()) -> None:
        super().__init__(0, 0, parent)
        self._rows: list[list[Cell]] = []
        self._heads: list[tuple[str, str]] = []
        self._keys: list[str] = []
        self._left = words | {0}
        """Columns of words; those of numbers end at the right."""
        self.setAccessibleName(name)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setFrameShape(self.Shape.NoFrame)
        self.setShowGrid(False)
        self.setTabKeyNavigation(False)
        self.setWordWrap(False)
        self.verticalHeader().hide()
        self.verticalHeader().setMinimumSectionSize(4 * GRID)
        self.horizontalHeader().setHighlightSections(False)
        self.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        self.horizontalHeader().setStretchLastSection(True)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self.itemSelectionChanged.connect(self._on_chosen)
        self.restyle()

    def show_rows(self, heads: list[tuple[str, str]], rows: list[list[Cell]], keys: list[str] | None = None) -> None:
        """Write the table: (name, definition) a column, a list of cells a row."""
        self._keys = keys or []
        if heads == self._heads and rows == self._rows:
            return
        shape = (len(rows), len(heads)) != (self.rowCount(), self.columnCount())
        self._heads, self._rows = heads, rows
        self.setRowCount(len(rows))
        self.setColumnCount(len(heads))
        for column, (name, definition) in enumerate(heads):
            head = QTableWidgetItem(name)
            head.setToolTip(plain(definition))
            head.setTextAlignment(self._alignment(column))
            self.setHorizontalHeaderItem(column, head)
        for row, cells in enumerate(rows):
            for column, cell in enumerate(cells):
                self._write(row, column, cell)
        if shape:
            self._set_heights()
            self.updateGeometry()

    def cell(self, row: int, column: int) -> str:
        """What a cell says."""
        return self._rows[row][column].text

    def row_of(self, key: str) -> int:
        """The row with a key; -1 where there is none."""
        return self._keys.index(key) if key in self._keys else -1

    def mark_key(self, key: str) -> None:
        """Select the row of a key."""
        row = self.row_of(key)
        if row >= 0:
            self.selectRow(row)

    def restyle(self) -> None:
        """Take the theme's colours and fonts again."""
        colours = theme()
        self.setFont(ui_font())
        self.setStyleSheet(
            f"QTableWidget {{ background: {colours.panel}; outline: 0; }}"
            f"QTableWidget:focus {{ border: 1px solid {colours.accent}; }}"
            f"QTableWidget::item {{ padding: 0 {GRID}px; }}"
            f"QTableWidget::item:selected {{ background: {colours.line}; color: {colours.text}; }}"
            f"QHeaderView::section {{ background: {colours.panel}; color: {colours.muted}; border: 0;"
            f" border-bottom: 1px solid {colours.line}; padding: 0 {GRID}px; }}"
        )
        for row, cells in enumerate(self._rows):
            for column, cell in enumerate(cells):
                self._write(row, column, cell)
        self._set_heights()
        self.updateGeometry()

    def sizeHint(self) -> QSize:
        head = self.horizontalHeader()
        widths = [max(self.sizeHintForColumn(i), head.sectionSizeHint(i)) for i in range(self.columnCount())]
        width = sum(widths) + 2 * GRID
        return QSize(max(width, 240), self._height_of(self.rowCount()))

    def minimumSizeHint(self) -> QSize:
        return QSize(160, self._height_of(min(self.rowCount(), 2)))

    def _height_of(self, rows: int) -> int:
        head = self.horizontalHeader().sizeHint().height()
        return head + sum(self.rowHeight(row) for row in range(rows)) + 2 * GRID

    def _set_heights(self) -> None:
        height = QFontMetrics(ui_font()).height() + GRID
        self.verticalHeader().setDefaultSectionSize(height)
        for row in range(self.rowCount()):
            self.setRowHeight(row, height)

    def _alignment(self, column: int) -> Qt.AlignmentFlag:
        side = Qt.AlignmentFlag.AlignLeft if column in self._left else Qt.AlignmentFlag.AlignRight
        return side | Qt.AlignmentFlag.AlignVCenter

    def _write(self, row: int, column: int, cell: Cell) -> None:
        item = self.item(row, column)
        if item is None:
            item = QTableWidgetItem()
            self.setItem(row, column, item)
        item.setText(cell.text)
        item.setToolTip(plain(cell.tip or cell.text))
        item.setTextAlignment(self._alignment(column))
        item.setFont(ui_font(bold=cell.bold))
        item.setForeground(QColor(theme().muted if cell.muted else theme().text))
        icon = QIcon()
        if cell.swatch:
            swatch = QPixmap(3 * GRID, 3 * GRID)
            swatch.fill(QColor(cell.swatch))
            icon = QIcon(swatch)
        item.setIcon(icon)

    def _on_chosen(self) -> None:
        row = self.currentRow()
        if 0 <= row < len(self._keys):
            self.chosen.emit(self._keys[row])
