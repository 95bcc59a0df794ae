"""Draws the cells of a long table by themselves: a style takes a tenth of a millisecond for each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from PySide6.QtCore import QModelIndex, QPersistentModelIndex
from PySide6.QtGui import QColor, QFontMetrics, QPainter
from PySide6.QtWidgets import QAbstractItemView, QStyle, QStyleOptionViewItem

from app.look.theme import GRID, theme, ui_font
from app.widgets.plain import PlainStaticText
from app.widgets.themed_table import Cell
from app.widgets.whole_figures import WholeFigures, whole_figures

Index = QModelIndex | QPersistentModelIndex
SELECTED: Final = QStyle.StateFlag.State_Selected
MOST_LAID_OUT: Final = 4096
"""Texts whose glyphs are kept."""


class TextCells(WholeFigures):
    """Cells of one line of text, in the places and colours that `table_rules` and `selection_rules` give to cells.

    `restyle` must be called when the theme's colours or fonts change. The texts are laid out once.
    """

    def __init__(
        self, view: QAbstractItemView, cell_of: Callable[[Index], Cell], is_left: Callable[[int], bool]
    ) -> None:
        super().__init__(view)
        self._view, self._cell_of, self._is_left = view, cell_of, is_left
        self._laid_out: dict[str, tuple[PlainStaticText, int]] = {}
        """The glyphs of a text and how wide they are, pixels."""
        self.restyle()

    def restyle(self) -> None:
        """Take the theme's colours and fonts again."""
        colours = theme()
        self._text, self._muted, self._chosen = (QColor(one) for one in (colours.text, colours.muted, colours.line))
        self._metrics = QFontMetrics(ui_font())
        self._margin = GRID + 1 + self._view.style().pixelMetric(QStyle.PixelMetric.PM_FocusFrameHMargin)
        self._laid_out.clear()

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        rect, cell = option.rect, self._cell_of(index)
        selected = option.state & SELECTED
        if selected:
            painter.fillRect(rect, self._chosen)
        if not cell.text:
            return
        room = rect.width() - 2 * self._margin
        text, width = self._of(cell.text)
        if width > room:
            text, width = self._of(whole_figures(cell.text, self._metrics, room))
        left = rect.left() + self._margin
        if not self._is_left(index.column()):
            left += room - width
        painter.setPen(self._muted if cell.muted and not selected else self._text)
        painter.drawStaticText(left, rect.top() + (rect.height() - self._metrics.height()) // 2, text)

    def _of(self, text: str) -> tuple[PlainStaticText, int]:
        found = self._laid_out.get(text)
        if found is None:
            if len(self._laid_out) >= MOST_LAID_OUT:
                self._laid_out.clear()
            laid_out = PlainStaticText(text)
            laid_out.setPerformanceHint(laid_out.PerformanceHint.AggressiveCaching)
            laid_out.prepare(font=ui_font())
            found = self._laid_out[text] = (laid_out, self._metrics.horizontalAdvance(text))
        return found
