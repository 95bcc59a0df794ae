"""Texts that are elided at their end, but never within a figure: a number without its unit is another figure."""

from __future__ import annotations

import re
from typing import Final

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, Qt
from PySide6.QtGui import QFontMetrics, QFontMetricsF
from PySide6.QtWidgets import QAbstractItemView, QStyle, QStyledItemDelegate, QStyleOptionViewItem

from app.look.theme import GRID
from app.look.units import DERIVED, MEASURED, PREDICTED, THIN_SPACE
from app.widgets.unbroken import NARROW_NO_BREAK_SPACE, NO_BREAK_SPACE

_GAP: Final = f"[{THIN_SPACE}{NARROW_NO_BREAK_SPACE}]"
_MARK: Final = f"[ {NO_BREAK_SPACE}][{MEASURED}{DERIVED}{PREDICTED}]"
FIGURE: Final = re.compile(rf"[-−+≤≥<>]?\d[\d.,×–-]*(?:{_GAP}[^\s·,;:()…]+)*(?:{_MARK})?")
"""A number, thin spaces between its thousands, its unit after another, and its mark of provenance."""
ELLIPSIS: Final = "…"


def whole_figures(text: str, metrics: QFontMetrics | QFontMetricsF, width: int) -> str:
    """As much of the text as fits into `width` pixels, with an ellipsis; a figure is shown whole or not at all."""
    if metrics.horizontalAdvance(text) <= width:
        return text
    shown = metrics.elidedText(text, Qt.TextElideMode.ElideRight, width)
    kept = shown.removesuffix(ELLIPSIS)
    if not text.startswith(kept):
        return shown
    split = next((one for one in FIGURE.finditer(text) if one.start() < len(kept) < one.end()), None)
    return shown if split is None else text[: split.start()].rstrip(" ·") + ELLIPSIS


class WholeFigures(QStyledItemDelegate):
    """Draws the cells of a table; a cell that is too narrow for its figure shows an ellipsis in its place."""

    def initStyleOption(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> None:
        super().initStyleOption(option, index)
        beside = 0 if option.icon.isNull() else option.decorationSize.width() + GRID
        needed = option.fontMetrics.horizontalAdvance(option.text)
        if needed + beside + 4 * GRID <= option.rect.width() or option.rect.width() <= 0:
            return  # asking the style costs more than drawing the text
        view = self.parent()
        if not isinstance(view, QAbstractItemView):
            return
        area = view.style().subElementRect(QStyle.SubElement.SE_ItemViewItemText, option, view)
        if needed > area.width() > 0:
            option.text = whole_figures(option.text, option.fontMetrics, area.width() - GRID // 2)
