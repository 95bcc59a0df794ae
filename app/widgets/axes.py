"""Axes that count items (steps, tokens): a whole number at the middle of each item, or its name if there is room."""

from __future__ import annotations

import math
from typing import Any, Final

import pyqtgraph as pg
from PySide6.QtGui import QFontMetrics

from app.look.theme import CAPTION_SCALE, ui_font

EDGE: Final = 4
"""Pixels by which a number may extend beyond the right end of its axis."""
NAME_PIXELS: Final = 44
"""Least pixels of an item along a horizontal axis for its name to be written."""


class CountAxis(pg.AxisItem):  # type: ignore[misc]
    """An axis whose unit is one item: item i lies in [i, i + 1], and its tick is in the middle.

    `names` are shown instead of numbers where each item has room for its name.
    """

    def __init__(self, orientation: str) -> None:
        super().__init__(orientation)
        self.names: list[str] = []
        self._spacing = 1
        self._named = False

    def set_names(self, names: list[str]) -> None:
        """Set the names of the items (texts of tokens, phases)."""
        if names != self.names:
            self.names = names
            self.picture = None
            self.update()

    def tickValues(self, low: float, high: float, size: float) -> list[tuple[float, list[float]]]:
        low, high = sorted((low, high))
        things = high - low
        if things <= 0 or size <= 0:
            return []
        metrics = QFontMetrics(ui_font(CAPTION_SCALE))
        vertical = self.orientation in ("left", "right")
        wanted = 1.4 * metrics.height() if vertical else metrics.horizontalAdvance(f"{int(high)}") + 20
        self._spacing = round_step(things * wanted / size)
        room = size / things
        self._named = bool(self.names) and room >= (metrics.height() if vertical else NAME_PIXELS)
        if self._named:
            self._spacing = 1
        first = max(0, math.ceil((low - 0.5) / self._spacing)) * self._spacing
        if not vertical and not self._named:  # omit a number that would be cut at the right edge
            high -= max(0.0, metrics.horizontalAdvance(f"{int(high)}") / 2 - EDGE) / size * things
        return [
            (self._spacing, [i + 0.5 for i in range(first, math.floor(high) + 1, self._spacing) if i + 0.5 <= high])
        ]

    def tickStrings(self, values: list[float], scale: float, spacing: float) -> list[str]:
        if not self._named:
            return [f"{int(value):d}" for value in values]
        return [self._name(int(value)) for value in values]

    def _name(self, index: int) -> str:
        text = self.names[index] if 0 <= index < len(self.names) else str(index)
        return text if len(text) <= 7 else text[:6] + "…"


def round_step(least: float) -> int:
    """The smallest of 1, 2, 5, 10, 20, 50, ... that is not below `least`."""
    if least <= 1:
        return 1
    power: int = 10 ** math.floor(math.log10(least))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= least)


def use_count_axes(plot: Any, **axes: CountAxis) -> None:
    """Put count axes on a plot made by `make_plot`, keeping its labels and the width of its left axis."""
    for side, axis in axes.items():
        label = plot.getAxis(side).labelText
        plot.getPlotItem().setAxisItems({side: axis})
        axis.setLabel(label)
        if side == "left":
            axis.setWidth(64)
