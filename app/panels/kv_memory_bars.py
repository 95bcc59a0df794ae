"""One row per layer: the used part of the reserved bytes, with a marker at the use that the formula predicts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFontMetricsF, QPainter, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.look.theme import CAPTION_SCALE, GRID, theme, ui_font
from app.look.units import MEASURED, PREDICTED, memory
from app.widgets.hover import HoverWidget
from app.widgets.line_chart import GUTTER
from app.widgets.painted import caption_height
from app.widgets.pixels import blend
from app.widgets.textures import hatch

TALLEST_ROW: Final = 56.0


@dataclass(frozen=True, slots=True)
class LayerKv:
    """One layer's cache in bytes; measured values are None where the step has no detail."""

    used: int | None
    reserved: int | None
    predicted: int | None
    held: int | None = None
    """Memory of requests that had not ended, filled or not; None if this was not recorded."""
    kept: int | None = None
    """Memory held only by requests that have ended and wait for their batch to end."""
    evictable: int | None = None

    def classes(self) -> list[tuple[str, int]]:
        """(class, bytes) of the classes that are not empty, from left to right.

        Their sum is the reserved bytes; where `held`, `kept` or `evictable` was not recorded, there is only `used`.
        """
        if self.used is None or self.reserved is None:
            return []
        found = [("used", self.used)]
        if self.held is not None and self.kept is not None and self.evictable is not None:
            free = self.reserved - self.held - self.kept - self.evictable
            found += [("unfilled", self.held - self.used), ("kept", self.kept), ("evictable", self.evictable)]
            found.append(("free", free))
        return [(name, size) for name, size in found if size > 0]


class LayerBars(HoverWidget[int]):
    """Draws a list of LayerKv; `clicked` carries the layer. With `hypothetical`, it draws what a cache would hold."""

    clicked = Signal(int)
    draws_hover = True

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.layers: list[LayerKv] = []
        self.hypothetical = False
        self.selected = -1
        self.sentence = ""
        self.describe: Callable[[int], str] | None = None
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(200, 80)
        self.setAccessibleName(self.tr("KV memory by layer: used, reserved and predicted"))

    def sizeHint(self) -> QSize:
        return QSize(420, 260)

    def show_layers(self, layers: list[LayerKv], hypothetical: bool, sentence: str) -> None:
        """Draw these layers under this sentence."""
        self.layers, self.hypothetical, self.sentence = layers, hypothetical, sentence
        self.update()

    # --- geometry ---------------------------------------------------------------------------------------------------

    def rows_top(self) -> float:
        """The y coordinate at which the first layer's row begins, under the sentence and the headings."""
        lines = max((row for row, _, _ in self.legend_places()), default=0) + 1
        return self._sentence_height() + lines * caption_height() + 2 * GRID

    def _sentence_height(self) -> float:
        """Height of the sentence, wrapped to the width of the widget."""
        if not self.sentence:
            return 0.0
        room = QRectF(0, 0, self.width() - 5 * GRID, 1000)
        return (
            QFontMetricsF(ui_font(CAPTION_SCALE)).boundingRect(room, Qt.TextFlag.TextWordWrap, self.sentence).height()
        )

    def row_height(self) -> float:
        """Height of a layer's row; where it is below the height of the text, only some rows have labels."""
        room = self.height() - self.rows_top() - GRID
        return min(room / max(len(self.layers), 1), TALLEST_ROW)

    def layer_at(self, y: float) -> int:
        """The layer at this y coordinate; −1 outside."""
        layer = int((y - self.rows_top()) // max(self.row_height(), 0.1))
        return layer if y >= self.rows_top() and 0 <= layer < len(self.layers) else -1

    def full_scale(self) -> int:
        """The bytes of a bar of full width."""
        values = [value for one in self.layers for value in (one.used, one.reserved, one.predicted) if value]
        return max(values, default=1)

    def columns(self) -> list[tuple[str, float, float]]:
        """(heading, left, width) of the columns of figures at the right: used, reserved, predicted.

        A narrow widget has fewer columns; a hypothetical cache has only the predicted one.
        """
        metrics = QFontMetricsF(ui_font(CAPTION_SCALE))
        headings = [self.tr("used {}").format(MEASURED), self.tr("reserved {}").format(MEASURED)]
        headings.append(self.tr("| formula {}").format(PREDICTED))
        if self.hypothetical:
            headings = headings[2:]
        widest = metrics.horizontalAdvance("88.8 MiB")
        widths = [max(metrics.horizontalAdvance(heading), widest) + 3 * GRID for heading in headings]
        while len(widths) > 1 and sum(widths) > 0.55 * self.width():
            del headings[1:2], widths[1:2]  # `reserved` is dropped first: its bar shows it too
        left = self.width() - sum(widths) - GRID
        result = []
        for heading, width in zip(headings, widths, strict=True):
            result.append((heading, left, width))
            left += width
        return result

    # --- drawing ----------------------------------------------------------------------------------------------------

    def paint(self, painter: QPainter) -> None:
        colours = theme()
        if self.layers:
            columns = self.columns()
            self._draw_heading(painter, columns)
            left, right = float(GUTTER), columns[0][1] - GRID
            top, height = self.rows_top(), self.row_height()
            for layer, one in enumerate(self.layers):
                area = QRectF(left, top + layer * height, max(right - left, 1), height)
                self._draw_row(painter, layer, one, area, columns)
        elif self.sentence:
            painter.setPen(QColor(colours.text))
            painter.drawText(self.rect().adjusted(12, 4, -12, -4), Qt.TextFlag.TextWordWrap, self.sentence)

    def _draw_heading(self, painter: QPainter, columns: list[tuple[str, float, float]]) -> None:
        colours, line = theme(), caption_height()
        y = GRID / 2
        if self.sentence:
            painter.setPen(QColor(colours.text))
            height = self._sentence_height()
            area = QRectF(3 * GRID, y, self.width() - 5 * GRID, height)
            painter.drawText(area, Qt.TextFlag.TextWordWrap, self.sentence)
            y += height
        painter.setPen(QColor(colours.muted))
        painter.drawText(QRectF(3 * GRID, y, GUTTER, line), Qt.AlignmentFlag.AlignVCenter, self.tr("layer"))
        self._draw_legend(painter, y)
        painter.setPen(QColor(colours.muted))
        for heading, left, width in columns:
            area = QRectF(left, y, width - 2 * GRID, line)
            painter.drawText(area, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, heading)

    def legend_places(self) -> list[tuple[int, float, str]]:
        """(line, x, class) of each class of memory in the bars; the first line ends where the headings begin."""
        if self.hypothetical or not self.layers:
            return []
        metrics, line = QFontMetricsF(ui_font(CAPTION_SCALE)), caption_height()
        columns = self.columns()
        right = columns[0][1] if columns else float(self.width())
        found: list[tuple[int, float, str]] = []
        row, x = 0, float(GUTTER)
        for name, _ in self.layers[0].classes():
            width = line + metrics.horizontalAdvance(self.class_name(name)) + 2 * GRID
            if x + width > right and (row == 0 or x > GUTTER):
                row, x, right = row + 1, float(GUTTER), float(self.width())
            found.append((row, x, name))
            x += width
        return found

    def _draw_legend(self, painter: QPainter, y: float) -> None:
        """Draw the legend of the classes of memory in the bars, in as many lines as it needs."""
        line = caption_height()
        for row, x, name in self.legend_places():
            top = y + row * line
            label = self.class_name(name)
            self._fill(painter, name, QRectF(x, top + 3, line - 6, line - 6))
            painter.setPen(QColor(theme().muted))
            width = painter.fontMetrics().horizontalAdvance(label) + 2 * GRID
            painter.drawText(QRectF(x + line - GRID, top, width, line), Qt.AlignmentFlag.AlignVCenter, label)

    def class_name(self, name: str) -> str:
        """The name of a class of memory on the screen."""
        return {
            "used": self.tr("used"),
            "unfilled": self.tr("held, not yet filled"),
            "kept": self.tr("kept for a batch that goes on"),
            "evictable": self.tr("evictable"),
            "free": self.tr("nobody's"),
        }[name]

    def _fill(self, painter: QPainter, name: str, area: QRectF) -> None:
        """Fill an area in the style of a class of memory; the classes differ in texture, not only in colour."""
        colours = theme()
        blue, green = colours.positions["new"], colours.positions["reused"]
        match name:
            case "used":
                painter.fillRect(area, QColor(blue))
            case "unfilled":
                painter.fillRect(area, QColor(blend(blue, colours.panel, 0.3)))
            case "kept":
                painter.fillRect(area, QColor(blend(colours.muted, colours.panel, 0.2)))
                painter.fillRect(area, hatch(colours.muted))
            case "evictable" | "free":
                outline = green if name == "evictable" else blend(blue, colours.panel, 0.6)
                painter.setPen(QColor(outline))
                if area.height() >= 5 and area.width() >= 2:
                    painter.drawRect(area.adjusted(0, 0, -1, -1))
                else:
                    painter.fillRect(area, QColor(blend(outline, colours.panel, 0.5)))

    def _draw_row(
        self, painter: QPainter, layer: int, one: LayerKv, area: QRectF, columns: list[tuple[str, float, float]]
    ) -> None:
        """Draw one layer: its bar in `area`, its number to the left, its figures in the columns to the right."""
        colours, line, top, height = theme(), caption_height(), area.top(), area.height()
        if layer in (self.selected, self.hovered):
            shade = QColor(colours.accent)
            shade.setAlpha(44 if layer == self.selected else 22)
            painter.fillRect(QRectF(0, top, self.width(), height), shade)
        inset = 3 if height >= 14 else (1 if height >= 4 else 0)
        box = QRectF(area.left(), top + inset, area.width(), max(height - 2 * inset, 1))
        self._draw_bar(painter, one, box)
        every = max(1, -int(-line // max(height, 0.1)))
        if layer % every:
            return
        area_top = top + (height - line) / 2 if height >= line else top
        painter.setPen(QColor(colours.text if layer == self.selected else colours.muted))
        number = QRectF(0, area_top, GUTTER - 2 * GRID, line)
        painter.drawText(number, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, str(layer))
        painter.setPen(QColor(colours.text))
        by_name = {"used": one.used, "reserved": one.reserved, "formula": one.predicted}
        names = ["formula"] if self.hypothetical else ["used", "reserved", "formula"]
        if len(columns) == 2:
            names.remove("reserved")
        names = names[: len(columns)] if len(columns) == 1 else names
        for name, (_, at, width) in zip(names, columns, strict=True):
            area = QRectF(at, area_top, width - 2 * GRID, line)
            painter.drawText(area, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, memory(by_name[name]))

    def _draw_bar(self, painter: QPainter, one: LayerKv, box: QRectF) -> None:
        colours, scale = theme(), box.width() / self.full_scale()
        colour = colours.positions["new"]
        if self.hypothetical:
            if one.predicted:
                area = QRectF(box.left(), box.top(), one.predicted * scale, box.height())
                painter.fillRect(area, hatch(colours.muted))
                painter.setPen(QPen(QColor(colours.muted), 1, Qt.PenStyle.DashLine))
                painter.drawRect(area.adjusted(0, 0, -1, -1))
            return
        if one.reserved and one.held is None:  # the parts of the reserved memory were not recorded
            area = QRectF(box.left(), box.top(), one.reserved * scale, box.height())
            painter.fillRect(area, QColor(blend(colour, colours.panel, 0.18)))
            if box.height() >= 5:
                painter.setPen(QColor(blend(colour, colours.panel, 0.6)))
                painter.drawRect(area.adjusted(0, 0, -1, -1))
        x = box.left()
        for name, size in one.classes():
            self._fill(painter, name, QRectF(x, box.top(), size * scale, box.height()))
            x += size * scale
        if one.predicted:
            x = round(box.left() + one.predicted * scale)
            painter.setPen(QPen(QColor(colours.text), 2 if box.height() >= 8 else 1))
            painter.drawLine(QPointF(x, box.top() - 1), QPointF(x, box.bottom() + 1))

    # --- the pointer ------------------------------------------------------------------------------------------------

    def place_at(self, at: QPointF) -> int | None:
        layer = self.layer_at(at.y())
        return layer if layer >= 0 else None

    def words_for(self, place: int) -> str:
        return self.describe(place) if self.describe is not None else ""

    def pick(self, place: int) -> None:
        self.clicked.emit(place)
