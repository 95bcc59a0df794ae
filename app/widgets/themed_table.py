"""The base classes of tables in the theme's colours: ThemedTable for all tables, CellTable for tables of cells."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QSignalBlocker, Qt
from PySide6.QtGui import QColor, QIcon, QPixmap
from PySide6.QtWidgets import QAbstractItemView, QTableWidget, QTableWidgetItem, QWidget

from app.look.theme import GRID, theme, ui_font
from app.widgets.plain import plain
from app.widgets.whole_figures import WholeFigures


@dataclass(frozen=True, slots=True)
class Cell:
    """The text of a cell and its style; `tip` is its tool tip, `swatch` a colour shown before the text."""

    text: str
    tip: str = ""
    swatch: str = ""
    bold: bool = False
    muted: bool = False
    span: int = 1
    """Columns the cell spans; it covers the cells of those columns."""


class ThemedTable(QTableWidget):
    """A read-only table without a frame, a grid or row headers. A subclass overrides `write_all`."""

    def __init__(self, rows: int, columns: int, parent: QWidget | None = None) -> None:
        super().__init__(rows, columns, parent)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setFrameShape(self.Shape.NoFrame)
        self.setShowGrid(False)
        self.setTabKeyNavigation(False)
        self.verticalHeader().hide()
        self.horizontalHeader().setHighlightSections(False)

    def item_padding(self) -> str:
        """The padding of a cell as a declaration of the style sheet; other declarations may follow."""
        return f"padding: 0 {GRID}px"

    def head_padding(self) -> str:
        """The padding of a column's head as a declaration of the style sheet."""
        return f"padding: 0 {GRID}px"

    def write_all(self) -> None:
        """Write every cell again, in the theme's colours and fonts."""
        raise NotImplementedError

    def style_rules(self) -> str:
        """The style sheet, in the theme's colours."""
        return table_rules(self.item_padding(), self.head_padding())

    def restyle(self) -> None:
        """Take the theme's colours and fonts again."""
        self.setFont(ui_font())
        self.setStyleSheet(self.style_rules())
        self.write_all()


class CellTable(ThemedTable):
    """A table of Cells whose columns have a name and a definition; its rows can be selected."""

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(0, 0, parent)
        self.setAccessibleName(name)
        self._rows: list[list[Cell]] = []
        self._written: list[list[Cell]] = []
        """The cells as they are written in the table, in the theme's present colours and fonts."""
        self._heads: list[tuple[str, str]] = []
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setItemDelegate(WholeFigures(self))
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.horizontalHeader().setStretchLastSection(True)

    def write(self, heads: list[tuple[str, str]], rows: list[list[Cell]]) -> bool:
        """Write (name, definition) of each column and the cells of each row; returns whether anything changed."""
        if heads == self._heads and rows == self._rows:
            return False
        if heads != self._heads:
            self._write_heads(heads)
        self._rows = rows
        self.setRowCount(len(rows))
        del self._written[len(rows) :]
        self.write_all()
        return True

    def _write_heads(self, heads: list[tuple[str, str]]) -> None:
        self._heads = heads
        self.setColumnCount(len(heads))
        self._written.clear()
        for column, (name, definition) in enumerate(heads):
            head = QTableWidgetItem(name)
            head.setToolTip(plain(definition))
            head.setTextAlignment(self.alignment_of(column))
            self.setHorizontalHeaderItem(column, head)

    def cell(self, row: int, column: int) -> str:
        """The text of a cell."""
        return self._rows[row][column].text

    def alignment_of(self, column: int) -> Qt.AlignmentFlag:
        """The alignment of a column: left."""
        return Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter

    def style_rules(self) -> str:
        return super().style_rules() + selection_rules()

    def restyle(self) -> None:
        self._written.clear()
        super().restyle()

    def write_all(self) -> None:
        """Write the cells that changed; the view hears of all of them at once, since it measures columns each time."""
        model = self.model()
        with QSignalBlocker(model):
            for row, cells in enumerate(self._rows):
                known = self._written[row] if row < len(self._written) else []
                for column, cell in enumerate(cells):
                    if column >= len(known) or known[column] != cell:
                        self._write(row, column, cell)
                    if cell.span > 1 and self.columnSpan(row, column) != cell.span:
                        self.setSpan(row, column, 1, cell.span)
        if self._written != self._rows:
            self._written = [list(cells) for cells in self._rows]
            model.dataChanged.emit(model.index(0, 0), model.index(self.rowCount() - 1, self.columnCount() - 1))

    def _write(self, row: int, column: int, cell: Cell) -> None:
        item = self.item(row, column)
        if item is None:
            item = QTableWidgetItem()
            self.setItem(row, column, item)
        item.setText(cell.text)
        item.setToolTip(plain(cell.tip or cell.text))
        item.setTextAlignment(self.alignment_of(column))
        item.setFont(ui_font(bold=cell.bold))
        item.setForeground(QColor(theme().muted if cell.muted else theme().text))
        item.setIcon(swatch_icon(cell.swatch) if cell.swatch else QIcon())


def table_rules(item_padding: str, head_padding: str) -> str:
    """The style sheet of a table, in the theme's colours; both paddings are declarations."""
    colours = theme()
    return (
        f"QTableView {{ background: {colours.panel}; outline: 0; }}"
        f"QTableView::item {{ {item_padding}; }}"
        f"QHeaderView {{ background: {colours.panel}; }}"
        f"QHeaderView::section {{ background: {colours.panel}; color: {colours.muted}; border: 0;"
        f" border-bottom: 1px solid {colours.line}; {head_padding}; }}"
    )


def selection_rules() -> str:
    """The style sheet of a table whose rows can be selected, added to `table_rules`."""
    colours = theme()
    return (
        f"QTableView:focus {{ border: 1px solid {colours.accent}; }}"
        f"QTableView::item:selected {{ background: {colours.line}; color: {colours.text}; }}"
    )


def swatch_icon(colour: str) -> QIcon:
    """A square of a colour, as an icon before a text."""
    swatch = QPixmap(3 * GRID, 3 * GRID)
    swatch.fill(QColor(colour))
    return QIcon(swatch)
