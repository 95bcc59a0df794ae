"""A plain table of figures in the theme's colours: columns with definitions, cells with units, rows with swatches."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QFontMetrics
from PySide6.QtWidgets import QHeaderView, QSizePolicy, QWidget

from app.look.theme import GRID, ui_font
from app.widgets.themed_table import Cell, CellTable


class FigureTable(CellTable):
    """Rows of cells. The first column and the columns in `words` are aligned to the left, the others to the right.

    `chosen` carries the key of the row that was selected.
    """

    chosen = Signal(str)

    def __init__(self, name: str, parent: QWidget | None = None, words: frozenset[int] = frozenset()) -> None:
        super().__init__(name, parent)
        self._keys: list[str] = []
        self._left = words | {0}
        """Columns that are aligned to the left."""
        self.setWordWrap(False)
        self.verticalHeader().setMinimumSectionSize(4 * GRID)
        self.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        self.horizontalHeader().setStretchLastSection(False)  # its figures would stand far from the others
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self.itemSelectionChanged.connect(self._on_chosen)
        self.restyle()

    def show_rows(self, heads: list[tuple[str, str]], rows: list[list[Cell]], keys: list[str] | None = None) -> None:
        """Write the table: (name, definition) of each column, the cells of each row, and the key of each row."""
        self._keys = keys or []
        shape = (self.rowCount(), self.columnCount())
        if self.write(heads, rows) and shape != (len(rows), len(heads)):
            self._set_heights()
            self.updateGeometry()

    def row_of(self, key: str) -> int:
        """The row with this key; -1 where no row has it."""
        return self._keys.index(key) if key in self._keys else -1

    def mark_key(self, key: str) -> None:
        """Select the row with this key, if there is one."""
        row = self.row_of(key)
        if row >= 0:
            self.selectRow(row)

    def restyle(self) -> None:
        super().restyle()
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

    def alignment_of(self, column: int) -> Qt.AlignmentFlag:
        side = Qt.AlignmentFlag.AlignLeft if column in self._left else Qt.AlignmentFlag.AlignRight
        return side | Qt.AlignmentFlag.AlignVCenter

    def _on_chosen(self) -> None:
        row = self.currentRow()
        if 0 <= row < len(self._keys):
            self.chosen.emit(self._keys[row])
