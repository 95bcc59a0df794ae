"""The table of requests: columns as wide as their figures get, and the prompt in the room that is left."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import Qt
from PySide6.QtGui import QFontMetrics, QResizeEvent
from PySide6.QtWidgets import QHeaderView, QWidget

from app.look.theme import GRID, ui_font
from app.look.units import NOT_APPLICABLE
from app.models.request_rows import COLUMNS, PROMPT, STATE, RequestRows
from app.widgets.sorted_table import SortedTable, with_arrow
from app.widgets.themed_table import Cell

LEAST_PROMPT: Final = 36 * GRID
"""Pixels of the prompt's column at least."""
LEFT: Final = frozenset({PROMPT, STATE})
"""Columns of words, which are aligned to the left."""


class RequestView(SortedTable):
    """Shows RequestRows. Widths depend on the heads and on the largest counts, so they stay while rows come."""

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        self._shown: RequestRows | None = None
        self._heads: list[tuple[str, str]] = []
        super().__init__(name, PROMPT, parent, left=LEFT, picks_first=False)
        self.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Interactive)

    def show_requests(self, heads: list[tuple[str, str]], shown: RequestRows, chosen: NDArray[np.int64] | None) -> None:
        """Show these rows of a session (None: all)."""
        if shown is not self._shown or heads != self._heads:
            self._shown, self._heads = shown, heads
            self.show_rows(heads, shown.keys(), self._cells)
        self.update_rows(shown.keys(), chosen)
        self.fit()

    def restyle(self) -> None:
        super().restyle()
        self.fit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.fit()

    def fit(self) -> None:
        """Give every column the width of its head and its figures, and the prompt what is left.

        Nothing is asked of the rows: that would make a hundred of them for each column, whenever a figure changes.
        """
        shown, taken = self._shown, 0
        if shown is None:
            return
        metrics = QFontMetrics(ui_font())
        for column, name in enumerate(COLUMNS):
            if column == PROMPT or self.isColumnHidden(column):
                continue
            texts = (with_arrow(self._heads[column][0], Qt.SortOrder.DescendingOrder), *shown.widest(name))
            width = max(metrics.horizontalAdvance(text) for text in texts) + 4 * GRID
            self.setColumnWidth(column, width)
            taken += width
        self.setColumnWidth(PROMPT, max(self.viewport().width() - taken, LEAST_PROMPT))

    def _cells(self, row: int) -> Sequence[Cell]:
        shown = self._shown
        if shown is None or row >= len(shown):
            return [Cell("")] * len(COLUMNS)
        texts = [shown.text(row, name) for name in COLUMNS]
        return [
            Cell(text, tip=shown.tip(row, name), muted=text == NOT_APPLICABLE)
            for name, text in zip(COLUMNS, texts, strict=True)
        ]
