"""The small chart of the inspector: rows of a name, a bar and a number."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QBrush, QColor, QFontMetrics, QPainter, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.look.theme import CAPTION_SCALE, GRID, mono_font, theme, ui_font
from app.widgets.hover import HoverWidget
from app.widgets.whole_figures import whole_figures

LEAST_BAR: Final = 16 * GRID
"""Pixels that the longest bar keeps beside long names."""


@dataclass(frozen=True, slots=True)
class Bar:
    """One row: `share` is the length of the bar, 0 to 1 of the full width; `strong` marks the chosen row.

    `code` draws the name in the monospace font. A `pattern` distinguishes the bar by more than its colour. `tip` is
    the tool tip of the row, in addition to its name.
    """

    name: str
    share: float
    number: str
    colour: str
    strong: bool = False
    code: bool = False
    pattern: Qt.BrushStyle = Qt.BrushStyle.SolidPattern
    tip: str = ""


class BarList(HoverWidget[Bar]):
    """A title and the bars under it; the height follows the number of rows."""

    fills_ground = False

    def __init__(self, title: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.title = title
        self.bars: list[Bar] = []
        self.note = ""
        """The text that is shown where there are no bars."""
        self.setAccessibleName(title)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def show_bars(self, bars: list[Bar], note: str = "") -> None:
        """Draw these rows, or `note` if there are none."""
        changed = len(bars) != len(self.bars)
        self.bars, self.note = bars, note
        self.setAccessibleDescription(", ".join(f"{bar.name} {bar.number}" for bar in bars) or note)
        if changed:
            self.updateGeometry()
        self.update()

    @property
    def row_height(self) -> int:
        return QFontMetrics(ui_font(CAPTION_SCALE)).height() + GRID

    def place_at(self, at: QPointF) -> Bar | None:
        index = int(at.y() // self.row_height) - 1
        return self.bars[index] if 0 <= index < len(self.bars) else None

    def words_for(self, place: Bar) -> str:
        return f"“{place.name}” · {place.tip}" if place.tip else ""

    def sizeHint(self) -> QSize:
        return QSize(220, self.row_height * (1 + max(1, len(self.bars))) + GRID)

    def minimumSizeHint(self) -> QSize:
        return QSize(160, self.sizeHint().height())

    def paint(self, painter: QPainter) -> None:
        colours, caption = theme(), painter.font()
        painter.setPen(QColor(colours.muted))
        vertical = Qt.AlignmentFlag.AlignVCenter
        painter.drawText(QRectF(0, 0, self.width(), self.row_height), vertical, self.title)
        if not self.bars:
            note = whole_figures(self.note, painter.fontMetrics(), self.width())
            painter.drawText(QRectF(0, self.row_height, self.width(), self.row_height), vertical, note)
            return
        name_width, number_width = self.widths()
        room = max(GRID, self.width() - name_width - number_width - GRID)
        for index, bar in enumerate(self.bars, 1):
            top = index * self.row_height
            painter.setFont(mono_font(CAPTION_SCALE) if bar.code else caption)
            painter.setPen(QColor(colours.accent if bar.strong else colours.text))
            name = painter.fontMetrics().elidedText(bar.name, Qt.TextElideMode.ElideRight, name_width - GRID)
            painter.drawText(QRectF(0, top, name_width, self.row_height), vertical, ("▸" if bar.strong else "") + name)
            rect = QRectF(name_width, top + 2, max(1.0, room * min(1.0, bar.share)), self.row_height - GRID)
            if bar.share > 0:
                self._draw_bar(painter, rect, bar)
            painter.setFont(caption)
            painter.setPen(QColor(colours.text))
            area = QRectF(self.width() - number_width, top, number_width, self.row_height)
            painter.drawText(area, vertical | Qt.AlignmentFlag.AlignRight, bar.number)

    def widths(self) -> tuple[int, int]:
        """Pixels of the names and of the numbers; long names are cut, so that the longest bar keeps its least width."""
        metrics, code_metrics = QFontMetrics(ui_font(CAPTION_SCALE)), QFontMetrics(mono_font(CAPTION_SCALE))
        names = [(code_metrics if bar.code else metrics).horizontalAdvance(bar.name) for bar in self.bars]
        numbers = max(metrics.horizontalAdvance(bar.number) for bar in self.bars) + GRID
        spare = self.width() - numbers - LEAST_BAR
        return min(max(names) + 2 * GRID, max(int(0.42 * self.width()), spare)), numbers

    def _draw_bar(self, painter: QPainter, rect: QRectF, bar: Bar) -> None:
        if bar.pattern == Qt.BrushStyle.SolidPattern:
            painter.fillRect(rect, QColor(bar.colour))
            return
        painter.fillRect(rect, QBrush(QColor(bar.colour), bar.pattern))
        painter.setPen(QPen(QColor(bar.colour), 1))
        painter.drawRect(rect.adjusted(0, 0, -1, -1))
