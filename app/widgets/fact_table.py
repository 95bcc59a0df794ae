"""A table of named facts in groups: long values wrap anywhere, and every value can be selected and copied."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any, Final

from PySide6.QtCore import QEvent, QLocale, QModelIndex, QPersistentModelIndex, Qt, Signal
from PySide6.QtGui import (
    QContextMenuEvent,
    QFontMetrics,
    QFontMetricsF,
    QGuiApplication,
    QKeyEvent,
    QKeySequence,
    QResizeEvent,
    QTextCursor,
    QTextOption,
)
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QMenu,
    QPlainTextEdit,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QWidget,
)

from app.look.theme import GRID, ui_font
from app.look.units import cut
from app.widgets.themed_table import Cell, CellTable
from app.widgets.unbroken import unbroken

LONG_WORD: Final = 24
"""Longer words may be broken after a sign of a path or an option, and anywhere after so many letters."""
BREAK: Final = "\u200b"
PADDING: Final = 4 * GRID
"""Pixels that a cell is wider than its text."""
MOST_NAMED: Final = 0.4
"""The most of the width that the names take."""
LEAST_NAMED: Final = 20 * GRID
MOST_LINES: Final = 12
"""Lines of a value that are shown; the editor that a double click opens holds all of it."""
Index = QModelIndex | QPersistentModelIndex


@dataclass(frozen=True, slots=True)
class Fact:
    """A row: its group, its name and its whole value; `leads` says whether choosing it leads anywhere."""

    group: str
    name: str
    value: str
    tip: str = ""
    muted: bool = False
    leads: bool = False


class FactTable(CellTable):
    """Two columns, name and value; the name of a group stands above its rows. `chosen` carries the place of a fact that
    was clicked, or on which Enter was pressed.

    Ctrl+C copies the value of the row; a double click or F2 opens it as a text of which any part can be selected.
    """

    chosen = Signal(int)

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(name, parent)
        self.facts: list[Fact] = []
        self._of_row: list[int] = []
        """The place of the fact in each row; -1 for the name of a group."""
        self._heights: dict[tuple[str, int], int] = {}
        """Measured heights by text and width: a refresh measures only what is new."""
        self.setItemDelegate(ValueDelegate(self))
        self.setEditTriggers(QAbstractItemView.EditTrigger.DoubleClicked | QAbstractItemView.EditTrigger.EditKeyPressed)
        self.setWordWrap(True)
        self.setTextElideMode(Qt.TextElideMode.ElideRight)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.horizontalHeader().hide()
        self.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self.verticalHeader().setMinimumSectionSize(4 * GRID)
        self.cellClicked.connect(self._on_clicked)
        self.restyle()

    def show_facts(self, facts: Sequence[Fact], heads: tuple[str, str]) -> None:
        """Show these facts, in their order; facts of one group stand together."""
        rows: list[list[Cell]] = []
        places: list[int] = []
        group = ""
        for place, fact in enumerate(facts):
            if fact.group != group:
                group = fact.group
                rows.append([Cell(group, bold=True, span=2), Cell("")])
                places.append(-1)
            rows.append([Cell(cut(fact.name), muted=True), Cell(cut(fact.value), fact.tip, muted=fact.muted)])
            places.append(place)
        same_shape = places == self._of_row
        if not same_shape:
            self.clearSpans()
        self.facts, self._of_row = list(facts), places
        if self.write([(heads[0], ""), (heads[1], "")], rows):
            self._fit()

    def item_padding(self) -> str:
        return f"padding: {GRID // 2}px {GRID}px"

    def alignment_of(self, column: int) -> Qt.AlignmentFlag:
        """Left and at the top: a name stands beside the first line of its value."""
        return Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop

    def value_at(self, row: int) -> str:
        """The whole value of a row; "" for the name of a group."""
        place = self._of_row[row] if 0 <= row < len(self._of_row) else -1
        return self.facts[place].value if place >= 0 else ""

    def row_named(self, name: str) -> int:
        """The first row of this name; -1 where there is none."""
        return next((row for row in range(self.rowCount()) if self.cell(row, 0) == name), -1)

    def restyle(self) -> None:
        self._heights.clear()
        super().restyle()
        self._fit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.matches(QKeySequence.StandardKey.Copy):
            self.copy_value()
            event.accept()
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.currentRow() >= 0:
            self._on_clicked(self.currentRow(), 1)
            event.accept()
        else:
            super().keyPressEvent(event)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        row = self.rowAt(event.pos().y()) if event.reason() == QContextMenuEvent.Reason.Mouse else self.currentRow()
        place = self._of_row[row] if 0 <= row < len(self._of_row) else -1
        if place < 0:
            return
        self.selectRow(row)
        fact = self.facts[place]
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.addAction(self.tr("Copy value"), self.copy_value)
        menu.addAction(self.tr("Copy name and value"), lambda: _copy(f"{fact.name}: {fact.value}"))
        menu.addAction(self.tr("Select a part…"), lambda: self.edit(self.model().index(row, 1)))
        menu.popup(event.globalPos())

    def copy_value(self) -> None:
        """Put the whole value of the current row on the clipboard."""
        value = self.value_at(self.currentRow())
        if value:
            _copy(value)

    def _write(self, row: int, column: int, cell: Cell) -> None:
        super()._write(row, column, cell)
        item = self.item(row, column)
        if cell.bold and item is not None:  # the name of a group stands near its rows
            item.setTextAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignBottom)

    def _on_clicked(self, row: int, _column: int) -> None:
        place = self._of_row[row] if 0 <= row < len(self._of_row) else -1
        if place >= 0 and self.facts[place].leads:
            self.chosen.emit(place)

    def _fit(self) -> None:
        """Share the width: the names take what they need up to a limit, the values the rest; rows grow with them."""
        if not self._rows or self.columnCount() < 2:
            return
        width = self.viewport().width()
        metrics, exact = QFontMetrics(ui_font()), QFontMetricsF(ui_font())  # rounded down, the longest name would wrap
        longest = max(ceil(exact.horizontalAdvance(cells[0].text)) + 1 for cells in self._rows if cells[0].span == 1)
        named = max(min(longest + PADDING, int(MOST_NAMED * width)), LEAST_NAMED)
        self.setColumnWidth(0, named)
        self.setColumnWidth(1, max(width - named, LEAST_NAMED))
        for row, cells in enumerate(self._rows):
            if cells[0].span > 1:
                self.setRowHeight(row, metrics.height() + 3 * GRID)
                continue
            height = max(self._height(cells[0].text, named), self._height(cells[1].text, width - named))
            self.setRowHeight(row, height + GRID)

    def _height(self, text: str, width: int) -> int:
        key = (text, width)
        height = self._heights.get(key)
        if height is None:
            if len(self._heights) > 10 * len(self._rows) + 100:
                self._heights.clear()
            metrics = QFontMetrics(ui_font())
            room = max(width - PADDING, GRID)
            flags = Qt.TextFlag.TextWordWrap.value
            height = metrics.boundingRect(0, 0, room, 100_000, flags, breakable(text)).height()
            height = self._heights[key] = min(height, MOST_LINES * metrics.lineSpacing())
        return height


class ValueDelegate(QStyledItemDelegate):
    """Draws values so that long words break, and opens a value as a text that can be selected but not changed."""

    def displayText(self, value: Any, locale: QLocale | QLocale.Language) -> str:
        return breakable(super().displayText(value, locale))

    def createEditor(self, parent: QWidget, option: QStyleOptionViewItem, index: Index) -> QWidget | None:  # type: ignore[override]
        table = self.parent()
        if index.column() != 1 or not isinstance(table, FactTable):
            return None
        value = table.value_at(index.row())
        if not value:
            return None
        editor = QPlainTextEdit(parent)
        editor.setReadOnly(True)
        editor.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        editor.setWordWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
        editor.setPlainText(value)
        editor.moveCursor(QTextCursor.MoveOperation.Start)
        editor.selectAll()
        return editor

    def setEditorData(self, editor: QWidget, index: Index) -> None:
        """The editor has its text since it was made: a value that changes meanwhile does not touch what is selected."""

    def setModelData(self, editor: QWidget, model: Any, index: Index) -> None:
        """Nothing is changed."""

    def updateEditorGeometry(self, editor: QWidget, option: QStyleOptionViewItem, index: Index) -> None:
        """The editor is at least some lines high, within the table."""
        view = editor.parentWidget() or editor
        rect, lines = option.rect, 5 * QFontMetrics(ui_font()).lineSpacing()
        rect.setHeight(max(rect.height(), min(lines, view.height() - GRID)))
        if rect.bottom() > view.height():
            rect.moveBottom(view.height() - 1)
        editor.setGeometry(rect)

    def eventFilter(self, editor: Any, event: QEvent) -> bool:
        if event.type() == QEvent.Type.KeyPress and isinstance(event, QKeyEvent):
            if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Escape):
                self.closeEditor.emit(editor)
                return True
            if event.key() not in (Qt.Key.Key_Tab, Qt.Key.Key_Backtab):
                return False  # the arrows move the cursor in the text
        return super().eventFilter(editor, event)


def breakable(text: str) -> str:
    """The text with places in its long words at which a line may end."""
    return " ".join(_broken(word) if len(word) > LONG_WORD else word for word in unbroken(text).split(" "))


def _broken(word: str) -> str:
    word = re.sub(r"([/\\_,;=&?-])(?=[^\s])", rf"\1{BREAK}", word)
    return re.sub(rf"([^{BREAK}]{{{LONG_WORD}}})(?=[^{BREAK}])", rf"\1{BREAK}", word)


def _copy(text: str) -> None:
    QGuiApplication.clipboard().setText(text)
