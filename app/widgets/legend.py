"""A legend above a chart: swatches with words, in as many rows as needed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from PySide6.QtCore import QPointF, QRect
from PySide6.QtGui import QColor, QFontMetricsF, QPainter

from app.look.theme import CAPTION_SCALE, GRID, theme, ui_font


class Entry(NamedTuple):
    """An entry's row, its left edge, the class its swatch shows (empty: no swatch), and its words."""

    row: int
    x: float
    name: str
    words: str


def legend_places(legend: Iterable[tuple[str, str]], width: float) -> list[Entry]:
    """The place of each (class, words) in a widget of this width."""
    metrics = QFontMetricsF(ui_font(CAPTION_SCALE))
    entries, row, x = [], 0, 3.0 * GRID
    for name, words in legend:
        wide = metrics.horizontalAdvance(words) + (metrics.height() + GRID if name else 0.0)
        if x + wide > width - GRID and x > 3 * GRID:
            row, x = row + 1, 3.0 * GRID
        entries.append(Entry(row, x, name, words))
        x += wide + 4 * GRID
    return entries


def legend_rows(legend: Iterable[tuple[str, str]], width: float) -> int:
    """How many rows the legend takes, at least one."""
    places = legend_places(legend, width)
    return places[-1].row + 1 if places else 1


def draw_legend(
    painter: QPainter, entries: Iterable[Entry], side: int, draw_swatch: Callable[[QRect, str], None]
) -> None:
    """Draw entries in the painter's font; `draw_swatch` draws a sample of a class in a square of `side` pixels."""
    metrics = QFontMetricsF(painter.font())
    line = metrics.height()
    for row, x, name, words in entries:
        top = GRID / 2 + row * line
        if name:
            draw_swatch(QRect(int(x), int(top + 2), side, side), name)
        painter.setPen(QColor(theme().text))
        painter.drawText(QPointF(x + line + GRID if name else x, top + metrics.ascent()), words)
