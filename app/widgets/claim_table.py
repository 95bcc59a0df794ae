"""A table of words and figures whose rows grow with their text: measured cells beside what was claimed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from PySide6.QtCore import QLocale, QSize, Qt
from PySide6.QtGui import QColor, QFontMetrics, QResizeEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QStyledItemDelegate,
    QTableWidget,
    QTableWidgetItem,
    QWidget,
)

from app.look.theme import GRID, theme, ui_font
from app.widgets.plain import plain
from app.widgets.unbroken import unbroken

PADDING: Final = 5 * GRID
"""What a cell adds to the width of its text, in pixels."""


READABLE: Final = 120 * GRID
"""Pixels of a line of words that is still read with ease."""


@dataclass(frozen=True, slots=True)
class ClaimCell:
    """What one cell says, how, and what its tool tip says."""

    text: str
    muted: bool = False
    bold: bool = False
    tip: str = ""
    span: int = 1
    """Columns the cell takes; what stands in those after it is covered."""


class UnbrokenFigures(QStyledItemDelegate):
    """Draws texts so that no line ends between a number and its unit."""

    def displayText(self, value: object, locale: QLocale | QLocale.Language) -> str:
        return unbroken(super().displayText(value, locale))


class ClaimTable(QTableWidget):
    """Cells wrap between words; columns share the width by what they hold; arrow keys walk the rows."""

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(0, 0, parent)
        self._rows: list[list[ClaimCell]] = []
        self._heads: list[tuple[str, str]] = []
        self.setAccessibleName(name)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setFrameShape(self.Shape.NoFrame)
        self.setShowGrid(False)
        self.setTabKeyNavigation(False)
        self.setWordWrap(True)
        self.setTextElideMode(Qt.TextElideMode.ElideNone)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setItemDelegate(UnbrokenFigures(self))
        self.verticalHeader().hide()
        self.horizontalHeader().setHighlightSections(False)
        self.horizontalHeader().setMinimumSectionSize(10 * GRID)
        self.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self.horizontalHeader().setStretchLastSection(True)
        self.restyle()

    def show_rows(self, heads: list[tuple[str, str]], rows: list[list[ClaimCell]]) -> None:
        """Write the table: (name, definition) a column, a list of cells a row."""
        if heads == self._heads and rows == self._rows:
            return
        self._heads, self._rows = heads, rows
        self.clearSpans()
        self.setRowCount(len(rows))
        self.setColumnCount(len(heads))
        for column, (name, definition) in enumerate(heads):
            head = QTableWidgetItem(name)
            head.setToolTip(plain(definition))
            head.setTextAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
            self.setHorizontalHeaderItem(column, head)
        for row, cells in enumerate(rows):
            for column, cell in enumerate(cells):
                self._write(row, column, cell)
        self._fit()

    def cell(self, row: int, column: int) -> str:
        """What a cell says."""
        return self._rows[row][column].text

    def restyle(self) -> None:
        """Take the theme's colours and fonts again."""
        colours = theme()
        self.setFont(ui_font())
        self.setStyleSheet(
            f"QTableWidget {{ background: {colours.panel}; outline: 0; }}"
            f"QTableWidget:focus {{ border: 1px solid {colours.accent}; }}"
            f"QTableWidget::item {{ padding: {GRID}px; border-bottom: 1px solid {colours.line}; }}"
            f"QTableWidget::item:selected {{ background: {colours.line}; color: {colours.text}; }}"
            f"QHeaderView::section {{ background: {colours.panel}; color: {colours.muted}; border: 0;"
            f" border-bottom: 1px solid {colours.line}; padding: {GRID}px {GRID + 3}px; }}"
        )
        for row, cells in enumerate(self._rows):
            for column, cell in enumerate(cells):
                self._write(row, column, cell)
        self._fit()

    def show_columns(self, hidden: frozenset[int]) -> None:
        """Show all columns but these."""
        if any(self.isColumnHidden(column) != (column in hidden) for column in range(self.columnCount())):
            for column in range(self.columnCount()):
                self.setColumnHidden(column, column in hidden)
            self._fit()

    def sizeHint(self) -> QSize:
        return QSize(820, 300)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        """Every column holds its longest word; what is left goes to narrow columns first, wide ones share the rest."""
        if not self._rows:
            return
        plain, bold = QFontMetrics(ui_font()), QFontMetrics(ui_font(bold=True))
        wanted, least = [], []
        for column, (name, _) in enumerate(self._heads):
            if self.isColumnHidden(column):
                wanted.append(0)
                least.append(0)
                continue
            cells = [row[column] for row in self._rows if row[column].span == 1]
            texts = [(plain, name), *((bold if cell.bold else plain, cell.text) for cell in cells)]
            words = [(plain, name), *((font, word) for font, text in texts[1:] for word in text.split(" "))]
            wanted.append(max(font.horizontalAdvance(text) for font, text in texts) + PADDING)
            least.append(max(font.horizontalAdvance(word) for font, word in words) + PADDING)
        self._share_spans(wanted, plain)
        room = self.viewport().width() - sum(least)
        spare = [most - one for most, one in zip(wanted, least, strict=True)]
        cap = fair_cap(spare, max(room, 0))
        for column in range(len(wanted)):
            self.setColumnWidth(column, int(least[column] + min(spare[column], cap)))
        for row, cells in enumerate(self._rows):
            heights = [
                self._height_of(cell, sum(self.columnWidth(column + i) for i in range(cell.span)))
                for column, cell in enumerate(cells)
                if not self.isColumnHidden(column)
            ]
            self.setRowHeight(row, max(heights, default=0) + 3 * GRID)

    def _share_spans(self, wanted: list[int], font: QFontMetrics) -> None:
        """Columns that a cell spans are wide enough together for its words, up to a width that reads well."""
        for cells in self._rows:
            for column, cell in enumerate(cells):
                if cell.span > 1:
                    room = min(font.horizontalAdvance(cell.text), READABLE) + PADDING
                    for spanned in range(column, column + cell.span):
                        wanted[spanned] = max(wanted[spanned], room // cell.span)

    @staticmethod
    def _height_of(cell: ClaimCell, width: int) -> int:
        """Pixels that a cell's words take in a column of this width; Qt's own estimate leaves out the padding."""
        font = QFontMetrics(ui_font(bold=cell.bold))
        room = width - PADDING + GRID  # a text that just fits its column does not wrap
        return font.boundingRect(0, 0, room, 10_000, Qt.TextFlag.TextWordWrap.value, unbroken(cell.text)).height()

    def _write(self, row: int, column: int, cell: ClaimCell) -> None:
        item = self.item(row, column)
        if item is None:
            item = QTableWidgetItem()
            self.setItem(row, column, item)
        item.setText(cell.text)
        item.setToolTip(plain(cell.tip or cell.text))
        item.setTextAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        item.setFont(ui_font(bold=cell.bold))
        item.setForeground(QColor(theme().muted if cell.muted else theme().text))
        if cell.span > 1 and self.columnSpan(row, column) != cell.span:
            self.setSpan(row, column, 1, cell.span)


def fair_cap(wanted: list[int], room: int) -> float:
    """The width that no column may pass, so that all together fit the room."""
    left, widths = float(room), sorted(wanted)
    for index, width in enumerate(widths):
        cap = left / (len(widths) - index)
        if width > cap:
            return cap
        left -= width
    return float(max(widths, default=0))
