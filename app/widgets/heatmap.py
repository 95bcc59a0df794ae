"""Probabilities as colours: the theme's heat map as a look-up table, its two scales, and a colour bar with numbers."""

from __future__ import annotations

from typing import Final

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QImage, QPainter
from PySide6.QtWidgets import QWidget

from app.look.theme import GRID, theme
from app.look.units import significant
from app.widgets.painted import PaintedWidget
from app.widgets.plain import plain

LOG_FLOOR: Final = 1e-4
"""The smallest probability that the logarithmic scale distinguishes from zero."""
NOT_RECORDED: Final = 0
"""Shade of a cell without a value."""
SHADES: Final = 255
"""Shades of a cell with a value: 1 (probability 0) to 255 (probability 1)."""
CLIPPED: Final = SHADES
"""Shade of a value above the top of a scale that ends below 1; the top itself then has the shade before it."""


def shade(values: NDArray[np.float32], log: bool, top: float = 1.0) -> NDArray[np.uint8]:
    """Shades of probabilities: uint8 of the same shape, 0 for negative (not recorded) or NaN, else 1 to 255.

    `top` is the probability of the last shade of the scale; larger ones are CLIPPED.
    """
    last = SHADES if top == 1.0 else SHADES - 1
    if log:
        floor = np.log10(LOG_FLOOR)
        with np.errstate(divide="ignore", invalid="ignore"):
            scaled = (np.log10(np.maximum(values, LOG_FLOOR)) - floor) / max(np.log10(top) - floor, 1e-6)
    else:
        scaled = values / np.float32(top) if top != 1.0 else values
    with np.errstate(invalid="ignore"):
        shades: NDArray[np.uint8] = np.clip(np.rint(scaled * (last - 1)) + 1, 1, last).astype(np.uint8)
        if top != 1.0:
            shades[values > top] = CLIPPED
    shades[~(values >= 0)] = NOT_RECORDED
    return shades


def clamp_at(cells: NDArray[np.float32], percentile: float) -> float:
    """The percentile of the cells above 0, at least 10 · LOG_FLOOR; 1 for percentile 100 or no cell above 0."""
    known = cells[cells > 0] if percentile < 100 else cells[:0]
    return max(10 * LOG_FLOOR, float(np.percentile(known, percentile))) if len(known) else 1.0


def lookup_table(top: float = 1.0) -> NDArray[np.uint8]:
    """The theme's colour of each shade of a scale up to `top`, uint8 [256, 3].

    Shade 0 (no value) has the colour of the background, and CLIPPED that of text: no colour of the scale.
    """
    colours = theme()
    last = SHADES if top == 1.0 else SHADES - 1
    table = np.empty((SHADES + 1, 3), np.uint8)
    table[CLIPPED] = np.array(QColor(colours.text).getRgb(), np.uint8)[:3]
    table[1 : last + 1] = pg.colormap.get(colours.heatmap).getLookupTable(nPts=last, alpha=False)
    table[NOT_RECORDED] = np.array(QColor(colours.window).getRgb(), np.uint8)[:3]
    return table


class ColourBar(PaintedWidget):
    """A vertical bar of the heat map with its numbers, linear (0 to 1) or logarithmic (0.0001 to 1).

    If the scale ends at a percentile, a field above the bar has the colour of larger values, and names the percentile.
    """

    fills_ground = False

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._log = False
        self._top = 1.0
        self._percentile = 100.0
        self._image = QImage()
        self.setAccessibleName(self.tr("Colour scale of the attention probability"))
        self.set_scale(False, 1.0, 100.0)
        self.restyle()

    def set_scale(self, log: bool, top: float, percentile: float) -> None:
        """Set the scale: linear or logarithmic, up to the probability `top`, which is this percentile of the map."""
        self._log, self._top, self._percentile = log, top, percentile
        words = self.tr("Attention probability: how much of its attention a query gives to a key (0 to 1).")
        if self.clips:
            words += "\n" + self.tr(
                "The scale ends at {top}, the {percentile}th percentile of the cells that are drawn. Larger values "
                "have the colour of the field above the bar."
            ).format(top=significant(top, 2), percentile=f"{percentile:g}")
        self.setToolTip(plain(words))
        self.update()

    @property
    def clips(self) -> bool:
        """Whether larger values than the end of the scale have a colour of their own."""
        return self._top != 1.0

    def restyle(self) -> None:
        """Take the theme's heat map again."""
        column = np.ascontiguousarray(lookup_table()[:0:-1]).reshape(-1, 1, 3)
        padded = np.zeros((len(column), 4), np.uint8)  # rows of an image are aligned to 4 bytes
        padded[:, :3] = column[:, 0]
        self._image = QImage(padded.data, 1, len(column), 4, QImage.Format.Format_RGB888).copy()
        self.update()

    def clipped_text(self) -> str:
        """The label of the field above the bar."""
        return self.tr("> p{}").format(f"{self._percentile:g}")

    def _paint_clipped(self, painter: QPainter, height: int) -> None:
        """Draw the field of the values above the scale, and which these are."""
        box = QRectF(0, 0, 3 * GRID, height)
        painter.fillRect(box, QColor(theme().text))
        painter.setPen(QColor(theme().line))
        painter.drawRect(box)
        painter.setPen(QColor(theme().muted))
        label = QRectF(4 * GRID, 0, self.width() - 4 * GRID, height)
        painter.drawText(label, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, self.clipped_text())

    def ticks(self) -> list[tuple[float, str]]:
        """(height from 0 to 1, label) of each number beside the bar."""
        if self._top != 1.0:
            shares = (0.0, 0.25, 0.5, 0.75, 1.0)
            values = [self._top * share for share in shares]
            if self._log:
                values = [LOG_FLOOR * (self._top / LOG_FLOOR) ** share for share in shares]
            labels = [significant(value, 2) for value in values]
            labels[0] = f"≤{labels[0]}" if self._log else labels[0]
            return list(zip(shares, labels, strict=True))
        if self._log:
            return [(0.0, "≤0.0001"), (0.25, "0.001"), (0.5, "0.01"), (0.75, "0.1"), (1.0, "1")]
        return [(0.0, "0"), (0.25, "0.25"), (0.5, "0.5"), (0.75, "0.75"), (1.0, "1")]

    def sizeHint(self) -> QSize:
        metrics = self.fontMetrics()
        return QSize(4 * GRID + metrics.horizontalAdvance("≤0.0001") + GRID, 100)

    def minimumSizeHint(self) -> QSize:
        return QSize(self.sizeHint().width(), 8 * GRID)

    def paint(self, painter: QPainter) -> None:
        metrics = painter.fontMetrics()
        field = metrics.height() + GRID if self.clips else 0
        top = field + metrics.height() / 2
        height = self.height() - field - metrics.height()
        if self.clips:
            self._paint_clipped(painter, metrics.height())
        painter.drawImage(QRectF(0, top, 3 * GRID, height), self._image)
        painter.setPen(QColor(theme().line))
        painter.drawRect(QRectF(0, top, 3 * GRID, height))
        painter.setPen(QColor(theme().muted))
        ticks = self.ticks()
        if height < 2.2 * metrics.height() * (len(ticks) - 1) / 2:
            ticks = [ticks[0], ticks[2], ticks[-1]]
        if height < 2.2 * metrics.height():
            ticks = [ticks[0], ticks[-1]]
        for share, label in ticks:
            y = top + (1 - share) * height
            box = QRectF(4 * GRID, y - metrics.height() / 2, self.width() - 4 * GRID, metrics.height())
            painter.drawText(box, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, label)
