"""pyqtgraph plots in the program's style. A plot is created once, reused, and restyled when the theme changes."""

from __future__ import annotations

from typing import Any

import pyqtgraph as pg
from PySide6.QtGui import QColor

from app.look.theme import CAPTION_SCALE, theme, ui_font


def make_plot(left: str = "", left_units: str | None = None, bottom: str = "") -> pg.PlotWidget:
    """A plot whose axes start at zero, without pyqtgraph's own menu and buttons.

    With `left_units`, pyqtgraph chooses the SI prefix ("s" for values in seconds); leave it None for counts.
    """
    plot = pg.PlotWidget()
    plot.setMenuEnabled(False)
    plot.hideButtons()
    plot.setFrameShape(plot.Shape.NoFrame)
    plot.setLabel("left", left, units=left_units)
    plot.setLabel("bottom", bottom)
    plot.getAxis("left").setWidth(64)  # the same in all plots, so that stacked panels line up
    style_plot(plot)
    return plot


def style_plot(plot: pg.PlotWidget) -> None:
    """Set the theme's colours and fonts; called again when the theme changes."""
    colours = theme()
    plot.setBackground(colours.panel)
    for name in ("left", "bottom"):
        axis = plot.getAxis(name)
        axis.setPen(pen(colours.line))
        axis.setTextPen(pen(colours.muted))
        axis.setTickFont(ui_font(CAPTION_SCALE))
        axis.label.setFont(ui_font(CAPTION_SCALE))
        axis.setStyle(tickLength=-4)
    plot.showGrid(x=False, y=True, alpha=0.25)


def pen(colour: str, width: int = 1, **style: Any) -> Any:
    """A cosmetic pen, one pixel wide, not antialiased: a wide antialiased line draws hundreds of times slower."""
    return pg.mkPen(QColor(colour), width=width, cosmetic=True, **style)
