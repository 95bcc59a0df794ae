"""Moves the widgets of a grid to other cells, for a panel that becomes wider or higher."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from PySide6.QtWidgets import QGridLayout, QWidget


class Placed(NamedTuple):
    """A widget, its row and column, and how many rows and columns it spans."""

    widget: QWidget
    row: int
    column: int
    rows: int = 1
    columns: int = 1


def arrange(grid: QGridLayout, placed: Iterable[Placed], rows: Sequence[int], columns: Sequence[int]) -> None:
    """Put these widgets, and no others, into a grid; `rows` and `columns` are stretch factors (0 where missing)."""
    items = [grid.itemAt(index) for index in range(grid.count())]
    for widget in [item.widget() for item in items if item is not None]:
        if widget is not None:
            grid.removeWidget(widget)  # `takeAt` leaves an item alive, and the widget's new one then keeps old sizes
    for one in placed:
        grid.addWidget(one.widget, one.row, one.column, one.rows, one.columns)
    for row in range(max(grid.rowCount(), len(rows))):
        grid.setRowStretch(row, rows[row] if row < len(rows) else 0)
    for column in range(max(grid.columnCount(), len(columns))):
        grid.setColumnStretch(column, columns[column] if column < len(columns) else 0)
