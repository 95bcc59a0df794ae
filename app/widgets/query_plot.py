"""The plot of a query's answer: lines, points or bars of its columns, with the axes' names."""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np
import pyqtgraph as pg
from PySide6.QtGui import QColor, QFontMetrics, QResizeEvent
from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.look.theme import CAPTION_SCALE, theme, ui_font
from app.models.query_plot import Plot, Style
from app.widgets.plot import make_plot, pen, style_plot

POINT: Final = 4
"""Pixels of a point."""
BAR: Final = 0.8
"""Share of the room of a bar that it fills, with those of other columns beside it."""
NAME_CHARACTERS: Final = 16
NAMED_FROM: Final = 140
"""Pixels of height from which on the axes have names."""


class NamedAxis(pg.AxisItem):  # type: ignore[misc]
    """A bottom axis that has texts at some places, as many of them as have room, or numbers where it has no texts."""

    def __init__(self) -> None:
        super().__init__("bottom")
        self.names: list[tuple[float, str]] = []

    def tickValues(self, low: float, high: float, size: float) -> list[tuple[float, list[float]]]:
        if not self.names:
            found: list[tuple[float, list[float]]] = super().tickValues(low, high, size)
            return found
        metrics = QFontMetrics(ui_font(CAPTION_SCALE))
        widest = max(metrics.horizontalAdvance(_short(name)) for _, name in self.names) + metrics.averageCharWidth()
        every = max(1, math.ceil(widest * (high - low) / max(size, 1)))
        return [(1.0, [at for at, _ in self.names[::every]])]

    def tickStrings(self, values: list[float], scale: float, spacing: float) -> list[str]:
        if not self.names:
            found: list[str] = super().tickStrings(values, scale, spacing)
            return found
        by_place = dict(self.names)
        return [_short(by_place.get(value, "")) for value in values]


class QueryPlot(QWidget):
    """Draws a `Plot`; the wheel zooms, dragging pans, and a new plot shows everything."""

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.plot = make_plot()
        self.plot.setAccessibleName(name)
        self.plot.setToolTip(self.tr("The wheel zooms, dragging pans; another choice of columns shows everything"))
        self._axis = NamedAxis()
        self.plot.getPlotItem().setAxisItems({"bottom": self._axis})
        style_plot(self.plot)
        self._shown: tuple[Plot, Style] | None = None
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.plot)

    def show_plot(self, plot: Plot, style: Style) -> None:
        """Draw this in place of what was drawn."""
        self._shown = plot, style
        item = self.plot.getPlotItem()
        item.clear()
        self._axis.names, self._axis.picture = plot.names, None
        item.setLabel("bottom", plot.x_name)
        item.setLabel("left", plot.series[0].name if len(plot.series) == 1 else "")
        for n, series in enumerate(plot.series):
            item.addItem(_drawn(series.x, series.y, style, n, len(plot.series)))
        for side in ("left", "bottom"):
            item.showLabel(side, self.height() >= NAMED_FROM)  # setLabel has shown it
        item.enableAutoRange()
        item.autoRange()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """In a low plot the axes have no names: the controls that choose the columns name them too."""
        super().resizeEvent(event)
        for side in ("left", "bottom"):
            self.plot.getPlotItem().showLabel(side, event.size().height() >= NAMED_FROM)

    def restyle(self) -> None:
        """Take the theme's colours and fonts again."""
        style_plot(self.plot)
        if self._shown is not None:
            self.show_plot(*self._shown)


def colour_of(n: int) -> str:
    """The colour of the column that is drawn n-th."""
    return theme().request(n)


def _drawn(x: Any, y: Any, style: Style, n: int, of: int) -> Any:
    colour = colour_of(n)
    if style == "bars":
        room = float(np.min(np.diff(np.unique(x)))) if len(np.unique(x)) > 1 else 1.0
        width = BAR * room / of
        shifted = x - BAR * room / 2 + (n + 0.5) * width
        return pg.BarGraphItem(x=shifted, height=y, width=width, brush=QColor(colour), pen=None)
    if style == "points":
        return pg.PlotDataItem(
            x, y, pen=None, symbol="s", symbolSize=POINT, symbolBrush=QColor(colour), symbolPen=None, pxMode=True
        )
    symbol = (
        {"symbol": "s", "symbolSize": POINT, "symbolBrush": QColor(colour), "symbolPen": None} if len(x) == 1 else {}
    )
    return pg.PlotDataItem(x, y, pen=pen(colour), **symbol)


def _short(name: str) -> str:
    return name if len(name) <= NAME_CHARACTERS else f"{name[: NAME_CHARACTERS - 1]}…"
