"""Rows of figures below the columns of a table: as wide as these, and scrolled sideways with them."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QFontMetrics
from PySide6.QtWidgets import QHeaderView, QSizePolicy, QTableView, QWidget

from app.look.theme import GRID, theme, ui_font
from app.widgets.themed_table import Cell, CellTable


class TableFoot(CellTable):
    """Belongs to the table `above`; its columns are that table's."""

    def __init__(self, name: str, above: QTableView, left: frozenset[int], parent: QWidget | None = None) -> None:
        super().__init__(name, parent)
        self._above = above
        self._left = left | {0}
        self.setSelectionMode(self.SelectionMode.NoSelection)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setWordWrap(False)
        self.horizontalHeader().hide()
        self.horizontalHeader().setMinimumSectionSize(1)
        self.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self.horizontalHeader().setStretchLastSection(False)
        self.verticalHeader().setMinimumSectionSize(4 * GRID)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        above.horizontalHeader().sectionResized.connect(self._on_resized)
        above.horizontalScrollBar().valueChanged.connect(self.horizontalScrollBar().setValue)
        above.verticalScrollBar().rangeChanged.connect(self._leave_room)
        self.restyle()

    def show_rows(self, heads: list[tuple[str, str]], rows: list[list[Cell]]) -> None:
        """Write the rows; the heads name the columns for those who cannot see what stands above."""
        known = self.rowCount()
        self.write(heads, rows)
        self.follow_columns()
        if known != len(rows):
            self.updateGeometry()

    def follow_columns(self) -> None:
        """Take the widths of the columns above, and which of them are hidden."""
        head = self._above.horizontalHeader()
        for column in range(min(self.columnCount(), head.count())):
            self.setColumnHidden(column, head.isSectionHidden(column))
            if not head.isSectionHidden(column):
                self.setColumnWidth(column, head.sectionSize(column))
        self.horizontalScrollBar().setValue(self._above.horizontalScrollBar().value())

    def restyle(self) -> None:
        super().restyle()
        self.verticalHeader().setDefaultSectionSize(QFontMetrics(ui_font()).height() + GRID)
        self.updateGeometry()

    def style_rules(self) -> str:
        return super().style_rules() + f"TableFoot {{ border-top: 1px solid {theme().line}; }}"

    def alignment_of(self, column: int) -> Qt.AlignmentFlag:
        side = Qt.AlignmentFlag.AlignLeft if column in self._left else Qt.AlignmentFlag.AlignRight
        return side | Qt.AlignmentFlag.AlignVCenter

    def sizeHint(self) -> QSize:
        return QSize(240, self.rowCount() * self.verticalHeader().defaultSectionSize() + 2)

    def minimumSizeHint(self) -> QSize:
        return QSize(160, self.sizeHint().height())

    def _on_resized(self, column: int, _before: int, width: int) -> None:
        if column < self.columnCount() and width:
            self.setColumnWidth(column, width)

    def _leave_room(self, _least: int, most: int) -> None:
        """Leave the room that the vertical scroll bar takes above, so that both scroll sideways as far."""
        self.setViewportMargins(0, 0, self._above.verticalScrollBar().sizeHint().width() if most else 0, 0)
