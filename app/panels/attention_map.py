"""The picture of the attention panel: an image of the grid, its axes, its colour bar, and the marked row."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QObject, QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QGraphicsRectItem, QHBoxLayout, QToolTip, QWidget

from app.look.theme import GRID, ROW_GAP, theme
from app.models.attention_grid import AttentionGrid
from app.widgets.axes import CountAxis, use_count_axes
from app.widgets.focus import claims_key
from app.widgets.heatmap import ColourBar, lookup_table, shade
from app.widgets.plain import plain
from app.widgets.plot import make_plot, pen, style_plot
from app.widgets.themed_label import ThemedLabel

Value = TypeVar("Value", np.uint8, np.float32)
ARROWS = {Qt.Key.Key_Left: (-1, 0), Qt.Key.Key_Right: (1, 0), Qt.Key.Key_Up: (0, -1), Qt.Key.Key_Down: (0, 1)}
KEYS = frozenset({*ARROWS, Qt.Key.Key_F})


class AttentionMap(QWidget):
    """Queries downwards, keys to the right. `clicked` carries the query under the pointer.

    `moved` carries (rows, layers) for the arrow keys. `left` is emitted when the user zooms or pans: the map then no
    longer follows its growth until `fit` is called. `describe` gives the tool tip of (query, key). Where cells are
    smaller than pixels, the image shows the largest of `coarseness` × `coarseness` cells; `pooled` is emitted when
    `coarseness` changes.
    """

    clicked = Signal(int)
    moved = Signal(int, int)
    left = Signal()
    pooled = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.describe: Callable[[int, int], str] = lambda query, key: ""
        self.shades: NDArray[np.uint8] = np.zeros((0, 0), np.uint8)
        """The image before max-pooling, uint8 [cells, cells], in shades of `widgets.heatmap`."""
        self.coarseness = 1
        self._top = 1.0
        self._shown: tuple[object, ...] = ()
        self._grid: AttentionGrid | None = None
        self._following = True
        self.plot = make_plot(self.tr("← query position"), None, self.tr("key position →"))
        self.plot.setAccessibleName(self.tr("Attention map: rows are queries, columns are keys"))
        self.plot.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.plot.installEventFilter(self)
        self._axes = (CountAxis("left"), CountAxis("bottom"))
        use_count_axes(self.plot, left=self._axes[0], bottom=self._axes[1])
        self.plot.getPlotItem().layout.setContentsMargins(1, 2 * GRID, 1, 1)  # room for half of the first tick's label
        self._axes[1].setStyle(hideOverlappingLabels=False)  # the axis itself leaves out labels that would be cut
        self.view = self.plot.getPlotItem().getViewBox()
        self.view.invertY(True)
        self.image = pg.ImageItem(axisOrder="row-major")
        self.plot.addItem(self.image)
        self._mark = QGraphicsRectItem()
        self._mark.setZValue(1)
        self.plot.addItem(self._mark)
        self._band = QGraphicsRectItem()
        self._band.setZValue(1)
        self._band.hide()
        self.plot.addItem(self._band)
        self.message = ThemedLabel(self.plot, wrap=True)
        self.message.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.colour_bar = ColourBar()
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(ROW_GAP)
        layout.addWidget(self.plot, 1)
        layout.addWidget(self.colour_bar)
        self.view.sigRangeChangedManually.connect(self._moved_by_hand)
        self.view.sigRangeChanged.connect(self._view_changed)
        self.view.sigResized.connect(self._view_changed)
        self.plot.scene().sigMouseMoved.connect(self._hover)
        self.plot.scene().sigMouseClicked.connect(self._click)
        self.restyle()

    # --- what is shown ----------------------------------------------------------------------------------------------

    def show_grid(
        self, grid: AttentionGrid, dirty: tuple[int, int] | None, log: bool, top: float = 1.0, percentile: float = 100.0
    ) -> None:
        """Draw a grid; the colours end at the probability `top`, which is this percentile of the map.

        `dirty` is the range [first, end) of rows of cells that changed since the last call; None: no row changed.
        """
        shown = (grid, grid.factor, log, top, percentile)
        if shown != self._shown:
            self.shades = shade(grid.cells, log, top)
            self.colour_bar.set_scale(log, top, percentile)
            self._top = top
            self.image.setLookupTable(lookup_table(top))
        elif dirty is not None:
            self._grow(grid.cells, dirty, log, top)
        else:
            return
        self._shown, self._grid = shown, grid
        self.message.hide()
        self.image.show()
        self._show_scales(True)
        if self._following:
            self.fit()
        self.coarseness = self._wanted_coarseness()
        self._draw()

    def show_message(self, text: str) -> None:
        """Show a text in place of the picture, which says why there is none."""
        self.image.hide()
        self._show_scales(False)
        self._mark.hide()
        self._band.hide()
        self._shown, self._grid = (), None
        self.message.setText(text)
        self._place_message()
        self.message.show()

    def mark_row(self, query: int | None) -> None:
        """Frame the row of a query; None removes the frame."""
        grid = self._grid
        self._mark.setVisible(query is not None and grid is not None)
        if query is not None and grid is not None:
            factor = grid.factor
            self._mark.setRect(QRectF(0, query // factor * factor, grid.size * factor, factor))

    def mark_range(self, queries: tuple[int, int] | None) -> None:
        """Frame the rows from the first of these queries to the last; None removes the frame."""
        grid = self._grid
        self._band.setVisible(queries is not None and grid is not None)
        if queries is not None and grid is not None:
            first, last = (query // grid.factor * grid.factor for query in queries)
            self._band.setRect(QRectF(0, first, grid.size * grid.factor, last + grid.factor - first))

    @property
    def range_box(self) -> QRectF | None:
        """The frame around the rows of a range, in positions; None without a frame."""
        return self._band.rect() if self._band.isVisible() else None

    @property
    def cell_names(self) -> list[str]:
        """The names on the axes."""
        return list(self._axes[0].names)

    def name_cells(self, names: list[str]) -> None:
        """Write these names on both axes where there is room for them."""
        for axis in self._axes:
            axis.set_names(list(names))

    def label_axes(self, wanted: bool) -> None:
        """Show or hide the titles of both axes."""
        for side in ("left", "bottom"):
            self.plot.getPlotItem().showLabel(side, wanted)

    def fit(self) -> None:
        """Show the whole map and follow its growth."""
        self._following = True
        side = max(4, self._grid.positions) if self._grid is not None else 4
        self.view.setLimits(xMin=0, xMax=side, yMin=0, yMax=side)
        self.view.setRange(QRectF(0, 0, side, side), padding=0, disableAutoRange=True)

    def restyle(self) -> None:
        """Take the theme's colours again."""
        style_plot(self.plot)
        self.plot.showGrid(x=False, y=False)
        self.image.setLookupTable(lookup_table(self._top))
        self._mark.setPen(pen(theme().accent))
        self._band.setPen(pen(theme().warn, style=Qt.PenStyle.DashLine))
        self.colour_bar.restyle()
        self.message.update()

    def _wanted_coarseness(self) -> int:
        """How many cells fall on a pixel in the visible part, rounded up to a power of two."""
        if self._grid is None:
            return 1
        width, height = self.view.width(), self.view.height()
        (x0, x1), (y0, y1) = self.view.viewRange()
        ratio = self.plot.devicePixelRatioF() * self._grid.factor
        cells_a_pixel = max((x1 - x0) / max(1.0, width), (y1 - y0) / max(1.0, height)) / ratio
        return 1 if cells_a_pixel <= 1 else int(2 ** np.ceil(np.log2(min(cells_a_pixel, len(self.shades)))))

    def _draw(self) -> None:
        """Give the shades to the image; of cells that share a pixel, the largest."""
        grid = self._grid
        if grid is None:
            return
        shown = largest_of(self.shades, self.coarseness)
        self.image.setImage(shown, autoLevels=False, levels=(0, 255))
        side = float(len(shown) * self.coarseness * grid.factor)
        self.image.setRect(QRectF(0, 0, side, side))

    def _view_changed(self, *_: Any) -> None:
        wanted = self._wanted_coarseness()
        if wanted != self.coarseness:
            self.coarseness = wanted
            self._draw()
            self.pooled.emit()

    def _grow(self, cells: NDArray[np.float32], dirty: tuple[int, int], log: bool, top: float) -> None:
        """Shade only the rows that changed; the others are copied."""
        first, end = dirty
        if len(cells) != len(self.shades):
            grown = np.zeros((len(cells), len(cells)), np.uint8)
            old = len(self.shades)
            grown[:old, :old] = self.shades
            self.shades = grown
        self.shades[first:end] = shade(cells[first:end], log, top)

    def _show_scales(self, shown: bool) -> None:
        if self._axes[0].isVisible() == shown:
            return  # pyqtgraph redraws an axis whenever it is shown
        for name in ("left", "bottom"):
            self.plot.getPlotItem().showAxis(name, shown)
        self.colour_bar.setVisible(shown)

    def _place_message(self) -> None:
        self.message.setGeometry(self.plot.rect().adjusted(2 * GRID, GRID, -2 * GRID, -GRID))

    # --- mouse and keys ---------------------------------------------------------------------------------------------

    def _moved_by_hand(self, _: Any) -> None:
        self._following = False
        self.left.emit()

    def _cell_at(self, scene_point: QPointF) -> tuple[int, int] | None:
        """(query, key) under a point of the scene."""
        if not self.view.sceneBoundingRect().contains(scene_point):
            return None
        point = self.view.mapSceneToView(scene_point)
        return int(point.y()), int(point.x())

    def _hover(self, scene_point: QPointF) -> None:
        cell = self._cell_at(scene_point)
        text = self.describe(*cell) if cell is not None else ""
        if text:
            QToolTip.showText(self.plot.mapToGlobal(self.plot.mapFromScene(scene_point)), plain(text), self.plot)
        else:
            QToolTip.hideText()

    def _click(self, event: Any) -> None:
        cell = self._cell_at(event.scenePos())
        if cell is not None and event.button() == Qt.MouseButton.LeftButton:
            self.clicked.emit(cell[0])

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if watched is self.plot and event.type() == QEvent.Type.Resize:
            self._place_message()
        if watched is self.plot and claims_key(event, KEYS):
            return True
        if watched is self.plot and isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            key = Qt.Key(event.key())
            if key in ARROWS:
                self.moved.emit(*ARROWS[key])
                return True
            if key == Qt.Key.Key_F:
                self.fit()
                return True
        return super().eventFilter(watched, event)


def largest_of(values: NDArray[Value], coarseness: int) -> NDArray[Value]:
    """The largest of each `coarseness` × `coarseness` values: [ceil(n / coarseness)] squared from [n, n]."""
    if coarseness == 1:
        return values
    side = -(-len(values) // coarseness)
    extra = side * coarseness - len(values)
    rows = np.pad(values, ((0, extra), (0, extra))) if extra else values
    pooled = rows[::coarseness].copy()  # rows, then columns: a reduction over both axes at once takes ten times as long
    for row in range(1, coarseness):
        np.maximum(pooled, rows[row::coarseness], out=pooled)
    largest: NDArray[Value] = pooled[:, ::coarseness].copy()
    for column in range(1, coarseness):
        np.maximum(largest, pooled[:, column::coarseness], out=largest)
    return largest
