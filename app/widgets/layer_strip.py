"""A heat map of layer × phase of one step: the phases on which each layer spends its time."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QPainter
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.look.theme import CAPTION_SCALE, DARK, GRID, LIGHT, theme, ui_font
from app.look.units import seconds, significant
from app.widgets.axes import round_step
from app.widgets.heatmap import SHADES, lookup_table
from app.widgets.hover import HoverWidget
from app.widgets.painted import draw_whole
from app.widgets.token_flow import luminance
from app.widgets.whole_figures import whole_figures
from engine.session.schema import GROUP_OF, PHASES


class LayerStrip(HoverWidget[tuple[int, int]]):
    """Draws a row for each phase with any time and a column for each layer. A cell's colour is its time.

    Where numbers fit, a cell shows its µs too.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.title = ""
        self.message = ""
        self.us: NDArray[np.float32] = np.empty((0, 0), np.float32)
        """float32 [layers, phases] in µs."""
        self.phases: list[int] = []
        """Indices into PHASES of the phases that are drawn."""
        self.setAccessibleName(self.tr("Time of one step by layer and phase"))
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(160, 96)

    def sizeHint(self) -> QSize:
        return QSize(480, 160)

    def show_step(self, us: NDArray[np.float32], title: str) -> None:
        """Draw float32 [layers, phases] in µs; phases without any time are left out."""
        self.phases = [int(index) for index in np.flatnonzero(us.any(axis=0))]
        self.us, self.title, self.message = us, title, ""
        self.update()

    def show_message(self, text: str) -> None:
        """Show a text that says why there is no picture."""
        self.us, self.phases, self.message = np.empty((0, 0), np.float32), [], text
        self.update()

    def grid_box(self) -> QRectF:
        """The place of the cells in the widget's coordinates."""
        metrics = QFontMetricsF(ui_font(CAPTION_SCALE))
        left = max((metrics.horizontalAdvance(PHASES[i]) for i in self.phases), default=0.0) + 5 * GRID
        top, bottom = metrics.height() + GRID, metrics.height() + GRID
        return QRectF(left, top, max(self.width() - left - 2 * GRID, 8), max(self.height() - top - bottom, 8))

    def describe(self, layer: int, phase: int) -> str:
        """The text of a cell's tool tip."""
        return self.tr("layer {layer}, {phase}: {time}  ● measured").format(
            layer=layer, phase=PHASES[phase], time=seconds(float(self.us[layer, phase]) / 1e6)
        )

    def paint(self, painter: QPainter) -> None:
        colours = theme()
        painter.setPen(QColor(colours.muted))
        if not self.phases:
            inside = self.rect().adjusted(3 * GRID, GRID, -3 * GRID, -GRID)
            painter.drawText(inside, Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap, self.message)
            return
        box, height = self.grid_box(), painter.fontMetrics().height()
        title = whole_figures(self.title, painter.fontMetrics(), self.width() - 3 * GRID)
        head = QRectF(GRID, 0, self.width(), height + GRID)
        draw_whole(painter, head, Qt.AlignmentFlag.AlignVCenter, title)
        xs = np.round(box.left() + np.arange(len(self.us) + 1) * box.width() / len(self.us))
        ys = np.round(box.top() + np.arange(len(self.phases) + 1) * box.height() / len(self.phases))
        self._draw_cells(painter, xs, ys)
        for row, phase in enumerate(self.phases):
            middle = (ys[row] + ys[row + 1]) / 2
            painter.fillRect(QRectF(GRID, middle - 4, 8, 8), QColor(colours.groups[GROUP_OF[PHASES[phase]]]))
            painter.setPen(QColor(colours.muted))
            area = QRectF(4 * GRID, middle - height / 2, box.left(), height)
            painter.drawText(area, Qt.AlignmentFlag.AlignVCenter, PHASES[phase])
        widest = painter.fontMetrics().horizontalAdvance(str(len(self.us))) + 2 * GRID
        every = round_step(widest * len(self.us) / box.width())
        for layer in range(0, len(self.us), every):
            area = QRectF(xs[layer] - 20, box.bottom() + 2, xs[layer + 1] - xs[layer] + 40, height)
            painter.drawText(area, Qt.AlignmentFlag.AlignHCenter, str(layer))
        below = QRectF(0, box.bottom() + 2, box.left() - 2 * GRID, height)
        draw_whole(painter, below, Qt.AlignmentFlag.AlignRight, self.tr("layer"))

    def _draw_cells(self, painter: QPainter, xs: NDArray[np.float64], ys: NDArray[np.float64]) -> None:
        table = lookup_table()
        highest = max(float(self.us.max()), 1e-9)
        metrics = painter.fontMetrics()
        gap = 1 if xs[1] - xs[0] >= 6 else 0
        numbers = xs[1] - xs[0] > metrics.horizontalAdvance("0.00") + GRID and ys[1] - ys[0] >= metrics.height()
        for row, phase in enumerate(self.phases):
            for layer in range(len(self.us)):
                value = float(self.us[layer, phase])
                fill = QColor.fromRgb(*(int(c) for c in table[1 + round((SHADES - 1) * value / highest)]))
                cell = QRectF(xs[layer], ys[row], xs[layer + 1] - xs[layer] - gap, ys[row + 1] - ys[row] - gap)
                painter.fillRect(cell, fill)
                if numbers:
                    painter.setPen(QColor(LIGHT.text if luminance(fill) > 0.45 else DARK.text))
                    painter.drawText(cell, Qt.AlignmentFlag.AlignCenter, significant(value))

    def place_at(self, at: QPointF) -> tuple[int, int] | None:
        """(layer, index into PHASES) at a point of the widget; None outside the cells."""
        box = self.grid_box()
        if not self.phases or not box.contains(at):
            return None
        layer = int((at.x() - box.left()) / box.width() * len(self.us))
        row = int((at.y() - box.top()) / box.height() * len(self.phases))
        return min(layer, len(self.us) - 1), self.phases[min(row, len(self.phases) - 1)]

    def words_for(self, place: tuple[int, int]) -> str:
        return self.describe(*place)
