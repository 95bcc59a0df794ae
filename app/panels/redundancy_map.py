"""The step × position map: a column per step, as high as the step's positions, each in the texture of its class."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFontMetricsF, QImage, QPainter, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.look.theme import CAPTION_SCALE, GRID, mono_font, theme
from app.look.units import count, visible_token
from app.models.redundancy import ClassMap
from app.models.ticks import round_ticks
from app.widgets.hover import HoverWidget
from app.widgets.legend import draw_legend, legend_places, legend_rows
from app.widgets.line_chart import GUTTER, Note
from app.widgets.marked_lines import draw_marked_lines
from app.widgets.painted import caption_height, draw_turned
from app.widgets.textures import borders, draw_swatch, texture_pixels

GRID_PIXELS: Final = 8.0
"""Cell size in pixels from which lines separate the cells."""
LEGEND: Final = ("new", "recomputed", "reused", "padding", "rejected")


class RedundancyMap(HoverWidget[tuple[int, int]]):
    """Draws a ClassMap; `clicked` carries (step, position)."""

    clicked = Signal(int, int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.map: ClassMap | None = None
        self.notes: list[Note] = []
        self.legend: list[tuple[str, str]] = []
        """(class, text) of the classes that occur."""
        self.names: list[str] = []
        """Texts of the positions, where one request is shown."""
        self.caption = ""
        """A text that names the request to which the map is limited; "" without a limit."""
        self.nothing = ""
        """What is said where the map has no cell yet."""
        self.step: int | None = None
        self.describe: Callable[[int, int], str] | None = None
        self._picture: QImage | None = None
        self._key: tuple[object, ...] = ()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(160, 100)
        self.setAccessibleName(self.tr("Map of steps and positions by class"))

    def sizeHint(self) -> QSize:
        return QSize(480, 320)

    def show_map(self, shown: ClassMap | None) -> None:
        """Draw this map; called again whenever the map has grown."""
        self.map = shown
        self.update()

    def restyle(self) -> None:
        """Take the theme's colours again."""
        self._picture = None
        self.update()

    # --- geometry ---------------------------------------------------------------------------------------------------

    def plot_box(self) -> QRectF:
        """The rectangle of the cells, in the widget's coordinates."""
        line = caption_height()
        top = line * legend_rows(self.legend, self.width()) + 2 * GRID
        return QRectF(
            GUTTER, top, max(self.width() - GUTTER - 3 * GRID, 8), max(self.height() - top - line - 2 * GRID, 8)
        )

    def _extent(self) -> tuple[int, int, int]:
        """(first step, number of steps, number of positions) of the plot."""
        assert self.map is not None
        return (self.map.first_step, *self.map.extent)

    def cell_at(self, place: QPointF) -> tuple[int, int] | None:
        """(step, position) at a point of the widget; None outside the cells."""
        if self.map is None:
            return None
        box = self.plot_box()
        if not box.contains(place):
            return None
        first, steps, positions = self._extent()
        step = first + int((place.x() - box.left()) / box.width() * steps)
        position = int((box.bottom() - place.y()) / box.height() * positions)
        last = max(self.map.end_step - 1, first)
        return min(step, last), min(max(position, 0), positions - 1)

    # --- drawing ----------------------------------------------------------------------------------------------------

    def pixel_flags(self, width: int, height: int) -> tuple[NDArray[np.uint8], NDArray[np.intp], NDArray[np.intp]]:
        """The map at the screen's resolution: (flags, columns, rows).

        `flags` is uint8 [height, width], from the top; a pixel over several cells holds the flags of all of them.
        `columns` and `rows` are the cell column of each pixel column and the cell row of each pixel row.
        """
        assert self.map is not None
        _, steps, positions = self._extent()
        columns, across = _spread(self.map.cells, 0, steps / self.map.step_pool, width)
        rows, both = _spread(across, 1, positions / self.map.position_pool, height)
        return np.ascontiguousarray(both.T[::-1]), columns, rows[::-1]

    def paint(self, painter: QPainter) -> None:
        if self.map is not None and not self.map.positions:
            painter.setPen(QColor(theme().muted))
            middle = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
            painter.drawText(self.rect().adjusted(GRID, 0, -GRID, 0), middle, self.nothing)
        elif self.map is not None:
            box = self.plot_box()
            draw_legend(
                painter, legend_places(self.legend, self.width()), int(caption_height()) - 3,
                lambda box, name: draw_swatch(painter, box, name, theme()),
            )  # fmt: skip
            self._draw_cells(painter, box)
            self._draw_axes(painter, box)
            self._draw_notes(painter, box)
            self._draw_selected(painter, box)
            self._draw_caption(painter, box)

    def _draw_cells(self, painter: QPainter, box: QRectF) -> None:
        assert self.map is not None
        colours, ratio = theme(), self.devicePixelRatioF()
        width, height = max(1, round(box.width() * ratio)), max(1, round(box.height() * ratio))
        key = (width, height, colours.name, id(self.map), self.map.version, *self._extent())
        if self._picture is None or key != self._key:
            flags, columns, rows = self.pixel_flags(width, height)
            outline, gaps = borders(flags, columns, rows, GRID_PIXELS * ratio)
            self._picture, self._key = texture_pixels(flags, colours, outline, ratio, gaps), key
        painter.drawImage(box.topLeft(), self._picture)

    def _draw_axes(self, painter: QPainter, box: QRectF) -> None:
        colours = theme()
        metrics = QFontMetricsF(painter.font())
        line = metrics.height()
        first, steps, positions = self._extent()
        painter.setPen(QColor(colours.line))
        painter.drawLine(box.bottomLeft(), box.bottomRight())
        painter.drawLine(box.bottomLeft(), box.topLeft())
        painter.setPen(QColor(colours.muted))
        title = self.tr("step")
        title_width = metrics.horizontalAdvance(title)
        right = self.width() - title_width - 4 * GRID
        edge = box.left() - GRID
        for value in round_ticks(first, first + steps - 1, max(2, int(box.width() / 72)), smallest=1.0):
            x = box.left() + (value - first + 0.5) / steps * box.width()
            text = count(int(value))
            width = metrics.horizontalAdvance(text)
            left = max(x - width / 2, box.left())
            if left < edge or left + width > right:
                continue
            painter.drawLine(QPointF(round(x), box.bottom() + 1), QPointF(round(x), box.bottom() + GRID))
            painter.drawText(QPointF(left, box.bottom() + GRID + metrics.ascent()), text)
            edge = left + width + 2 * GRID
        painter.drawText(QPointF(self.width() - title_width - 2 * GRID, box.bottom() + GRID + metrics.ascent()), title)
        cell = box.height() / positions
        if self.names and cell >= QFontMetricsF(mono_font(CAPTION_SCALE)).height():
            self._draw_names(painter, box, cell)
            return
        widest = 0.0
        for value in round_ticks(0, positions - 1, min(max(2, int(box.height() / (2.6 * line))), 16), smallest=1.0):
            widest = max(widest, metrics.horizontalAdvance(count(int(value))))
            y = box.bottom() - (value + 0.5) * cell
            painter.drawLine(QPointF(box.left() - GRID, round(y)), QPointF(box.left() - 1, round(y)))
            area = QRectF(0, y - line / 2, GUTTER - 2 * GRID, line)
            painter.drawText(area, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, count(int(value)))
        if GUTTER - 2 * GRID - widest >= line:
            title = self.tr("position")
            if painter.fontMetrics().horizontalAdvance(title) <= box.height():
                draw_turned(painter, QRectF(0, box.top(), line, box.height()), title)

    def _draw_names(self, painter: QPainter, box: QRectF, cell: float) -> None:
        """Write the tokens' texts on the axis of positions."""
        painter.save()
        painter.setFont(mono_font(CAPTION_SCALE))
        metrics = QFontMetricsF(painter.font())
        painter.setPen(QColor(theme().text))
        for position, name in enumerate(self.names):
            y = box.bottom() - (position + 0.5) * cell
            text = metrics.elidedText(visible_token(name), Qt.TextElideMode.ElideRight, GUTTER - 3 * GRID)
            area = QRectF(0, y - metrics.height() / 2, GUTTER - 2 * GRID, metrics.height())
            if area.top() >= 0:
                painter.drawText(area, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, text)
        painter.restore()

    def _draw_notes(self, painter: QPainter, box: QRectF) -> None:
        first, steps, _ = self._extent()
        marked = [(box.left() + (note.x - first) / steps * box.width(), note.label) for note in self.notes]
        draw_marked_lines(painter, box, marked, theme().warn, theme().warn, box.right())

    def _draw_caption(self, painter: QPainter, box: QRectF) -> None:
        if not self.caption:
            return
        metrics = QFontMetricsF(painter.font())
        top = box.top() + (metrics.height() if self.notes else 0)
        patch = QRectF(box.left() + GRID, top, metrics.horizontalAdvance(self.caption) + GRID, metrics.height())
        painter.fillRect(patch, QColor(theme().panel))
        painter.setPen(QColor(theme().muted))
        painter.drawText(patch, Qt.AlignmentFlag.AlignCenter, self.caption)

    def _draw_selected(self, painter: QPainter, box: QRectF) -> None:
        first, steps, _ = self._extent()
        if self.step is None or not first <= self.step < first + steps:
            return
        left = box.left() + (self.step - first) / steps * box.width()
        painter.setPen(QPen(QColor(theme().accent), 1))
        painter.drawRect(QRectF(round(left), box.top(), max(round(box.width() / steps), 1), box.height()))

    # --- the pointer ------------------------------------------------------------------------------------------------

    def place_at(self, at: QPointF) -> tuple[int, int] | None:
        return self.cell_at(at)

    def words_for(self, place: tuple[int, int]) -> str:
        return self.describe(*place) if self.describe is not None else ""

    def pick(self, place: tuple[int, int]) -> None:
        self.clicked.emit(*place)


def _spread(
    cells: NDArray[np.uint8], axis: int, length: float, pixels: int
) -> tuple[NDArray[np.intp], NDArray[np.uint8]]:
    """Scale one axis of cells to a number of pixels; `length` cells are in use, the last one possibly in part.

    Returns (the first cell of each pixel, the flags by pixel); a pixel over several cells holds the flags of all.
    """
    size = cells.shape[axis]
    starts = np.minimum((np.arange(pixels) * length / pixels).astype(np.intp), size - 1)
    if length <= pixels:
        return starts, cells.take(starts, axis)
    return starts, np.bitwise_or.reduceat(cells, starts, axis)
