"""A table of words and figures whose rows grow with their text: measured cells beside claims."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QLocale, QSize, Qt
from PySide6.QtGui import QFontMetrics, QResizeEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QStyledItemDelegate,
    QWidget,
)

from app.look.theme import GRID, theme, ui_font
from app.widgets.themed_table import Cell, CellTable
from app.widgets.unbroken import unbroken, words_of

PADDING: Final = 5 * GRID
"""Pixels that a cell is wider than its text."""


READABLE: Final = 120 * GRID
"""Widest line of words, in pixels, that is still easy to read."""


class UnbrokenFigures(QStyledItemDelegate):
    """Draws texts so that no line ends between a number and its unit."""

    def displayText(self, value: object, locale: QLocale | QLocale.Language) -> str:
        return unbroken(super().displayText(value, locale))


class ClaimTable(CellTable):
    """A table whose cells wrap between words. Columns share the width by their content; arrow keys select rows."""

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(name, parent)
        self.setWordWrap(True)
        self.setTextElideMode(Qt.TextElideMode.ElideNone)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setItemDelegate(UnbrokenFigures(self))
        self.horizontalHeader().setMinimumSectionSize(10 * GRID)
        self.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self.restyle()

    def show_rows(self, heads: list[tuple[str, str]], rows: list[list[Cell]]) -> None:
        """Write the table: `heads` has (name, definition) for each column, `rows` a list of cells for each row."""
        self.write(heads, rows)

    def item_padding(self) -> str:
        return f"padding: {GRID}px; border-bottom: 1px solid {theme().line}"

    def head_padding(self) -> str:
        return f"padding: {GRID}px {GRID + 3}px"

    def write_all(self) -> None:
        self.clearSpans()
        super().write_all()
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
        """Set the widths and the row heights.

        Each column is at least as wide as its longest word. The remaining width goes first to the columns that need
        least to show their text on one line; the others share the rest.
        """
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
            words = [(plain, name), *((font, word) for font, text in texts[1:] for word in words_of(text))]
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
        """Widen the columns that a cell spans until its text fits on one line, READABLE pixels at most."""
        for cells in self._rows:
            for column, cell in enumerate(cells):
                if cell.span > 1:
                    room = min(font.horizontalAdvance(cell.text), READABLE) + PADDING
                    for spanned in range(column, column + cell.span):
                        wanted[spanned] = max(wanted[spanned], room // cell.span)

    @staticmethod
    def _height_of(cell: Cell, width: int) -> int:
        """Height in pixels of a cell's text in a column of this width; Qt's own estimate ignores the padding."""
        font = QFontMetrics(ui_font(bold=cell.bold))
        room = width - PADDING + GRID  # a text that just fits its column does not wrap
        return font.boundingRect(0, 0, room, 10_000, Qt.TextFlag.TextWordWrap.value, unbroken(cell.text)).height()


def fair_cap(wanted: list[int], room: int) -> float:
    """The largest limit on the widths `wanted` with which the columns together fit into `room`."""
    left, widths = float(room), sorted(wanted)
    for index, width in enumerate(widths):
        cap = left / (len(widths) - index)
        if width > cap:
            return cap
        left -= width
    return float(max(widths, default=0))
