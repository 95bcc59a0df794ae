"""The text of a request as chips, each shaded and underlined by its weight in one attention row."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QPoint, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFontMetrics, QHelpEvent, QMouseEvent, QPainter, QPaintEvent, QPen, QResizeEvent
from PySide6.QtWidgets import QAbstractScrollArea, QToolTip, QWidget

from app.theme import CAPTION_SCALE, DARK, GRID, LIGHT, mono_font, theme, ui_font
from app.units import THIN_SPACE, percent, significant
from app.widgets.heatmap import NOT_RECORDED, lookup_table, shade

NAMED_WEIGHTS: Final = 8
"""How many of the largest weights are written as numbers."""
NO_WEIGHTS: Final = np.empty(0, np.float32)


class TokenFlow(QAbstractScrollArea):
    """Tokens in reading order, wrapped to the width; `clicked` carries the position of a chip.

    A chip's background is its shade in the heat map, the bar under it its weight relative to the row's largest, and
    the largest weights stand beside their tokens as percentages. Only what is in sight is painted.
    """

    clicked = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.texts: list[str] = []
        self.weights: NDArray[np.float32] = NO_WEIGHTS
        self.query: int | None = None
        self._log = False
        self._named: set[int] = set()
        self._chips: list[tuple[int, int, int]] = []
        """(x, line, width) of each token, in pixels and lines."""
        self._table = lookup_table()
        self._widths: dict[str, int] = {}
        self.setFrameShape(self.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName(self.tr("Attention over the text"))
        self.restyle()

    # --- what is shown ----------------------------------------------------------------------------------------------

    def show_row(
        self, texts: list[str], weights: NDArray[np.float32], query: int | None, log: bool, grown: bool
    ) -> None:
        """Show these tokens with the weights (float32, one a key) that `query` gives them.

        `grown` says that `texts` is what was shown before with more at its end, so that only that is laid out.
        """
        moved = query != self.query
        if not grown:
            self._chips.clear()
        self.texts, self.weights, self.query, self._log = texts, weights, query, log
        largest = np.argsort(weights)[::-1][:NAMED_WEIGHTS] if len(weights) else ()
        self._named = {int(index) for index in largest if weights[index] >= 0.005}
        self._lay_out()
        if moved and query is not None:
            self.reveal(query)
        self.viewport().update()

    def restyle(self) -> None:
        """Take the theme's colours and fonts again."""
        self._table = lookup_table()
        self._font, self._caption = mono_font(), ui_font(CAPTION_SCALE)
        self.viewport().setAutoFillBackground(True)
        palette = self.viewport().palette()
        palette.setColor(self.viewport().backgroundRole(), QColor(theme().panel))
        self.viewport().setPalette(palette)
        self._widths.clear()
        self._chips.clear()
        self._lay_out()
        self.viewport().update()

    def reveal(self, position: int) -> None:
        """Scroll so that a token is in sight."""
        if not 0 <= position < len(self._chips):
            return
        top = self._chips[position][1] * self.line_height
        bar = self.verticalScrollBar()
        if not bar.value() <= top <= bar.value() + self.viewport().height() - self.line_height:
            bar.setValue(max(0, top - self.viewport().height() + self.line_height + GRID))

    # --- geometry ---------------------------------------------------------------------------------------------------

    @property
    def compact_height(self) -> int:
        """Height of a line of chips without room for numbers, the gap under it included."""
        return QFontMetrics(self._font).height() + 2 + 2 * GRID

    @property
    def line_height(self) -> int:
        """Height of a line of chips, the gap under it included; where two full lines do not fit, without numbers."""
        full = self.compact_height + QFontMetrics(self._caption).height()
        return full if self.viewport().height() >= 2 * full else self.compact_height

    def _lay_out(self) -> None:
        """Place the chips that are not placed yet."""
        width = max(1, self.viewport().width() - GRID)
        metrics = QFontMetrics(self._font)
        number = QFontMetrics(self._caption).horizontalAdvance(short_percent(0.99)) + GRID
        x, line = GRID, 0
        if self._chips:
            last_x, line, last_width = self._chips[-1]
            x = last_x + last_width + GRID
        for text in self.texts[len(self._chips) :]:
            if text not in self._widths:
                self._widths[text] = metrics.horizontalAdvance(text) + 2 * GRID
            chip = max(self._widths[text], number)
            if x + chip > width and x > GRID:
                x, line = GRID, line + 1
            self._chips.append((x, line, chip))
            x += chip + GRID
        height = (line + 1) * self.line_height + GRID
        bar = self.verticalScrollBar()
        bar.setRange(0, max(0, height - self.viewport().height()))
        bar.setPageStep(self.viewport().height())
        bar.setSingleStep(self.line_height)

    def chip_rect(self, position: int) -> QRect:
        """Where a token stands in the viewport."""
        x, line, width = self._chips[position]
        top = line * self.line_height - self.verticalScrollBar().value() + GRID
        return QRect(x, top, width, self.line_height - GRID)

    def position_at(self, point: QPoint) -> int | None:
        """The token under a point of the viewport."""
        line = (point.y() + self.verticalScrollBar().value() - GRID) // self.line_height
        first = int(np.searchsorted([chip[1] for chip in self._chips], line))
        for position in range(first, len(self._chips)):
            x, its_line, width = self._chips[position]
            if its_line != line:
                return None
            if x <= point.x() <= x + width:
                return position
        return None

    def describe(self, position: int) -> str:
        """One token and its exact weight, for the tool tip."""
        name = f"“{self.texts[position]}” ({position})"
        if position >= len(self.weights):
            return name
        return self.tr("{name}: attention {share}  ● measured").format(
            name=name, share=percent(float(self.weights[position]))
        )

    # --- Qt ---------------------------------------------------------------------------------------------------------

    def sizeHint(self) -> QSize:
        return QSize(400, 3 * self.line_height)

    def minimumSizeHint(self) -> QSize:
        return QSize(80, self.compact_height + GRID)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if event.size().width() != event.oldSize().width():
            self._chips.clear()
        self._lay_out()
        if self.query is not None:
            self.reveal(self.query)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        position = self.position_at(event.position().toPoint())
        if position is not None:
            self.clicked.emit(position)

    def viewportEvent(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent):
            position = self.position_at(event.pos())
            QToolTip.showText(event.globalPos(), "" if position is None else self.describe(position), self)
            return True
        return super().viewportEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self.viewport())
        colours = theme()
        top = self.verticalScrollBar().value() // self.line_height - 1
        bottom = top + self.viewport().height() // self.line_height + 3
        shades = shade(self.weights, self._log)
        largest = float(self.weights.max()) if len(self.weights) else 0.0
        lines = [chip[1] for chip in self._chips]
        for position in range(int(np.searchsorted(lines, top)), int(np.searchsorted(lines, bottom))):
            rect = self.chip_rect(position)
            known = position < len(self.weights)
            self._paint_chip(painter, rect, position, int(shades[position]) if known else NOT_RECORDED)
            if known and largest > 0:
                share = float(self.weights[position]) / largest
                bar = QRectF(rect.left(), rect.bottom() - 2, rect.width() * share, 3)
                painter.fillRect(bar, QColor(colours.warn))
            if position == self.query:
                painter.setPen(QPen(QColor(colours.accent), 2))
                painter.drawRect(rect.adjusted(0, 0, -1, 0))
        if self.hasFocus():
            painter.setPen(QPen(QColor(colours.accent), 1))
            painter.drawRect(self.viewport().rect().adjusted(0, 0, -1, -1))
        painter.end()

    def _paint_chip(self, painter: QPainter, rect: QRect, position: int, shade_of: int) -> None:
        if shade_of == NOT_RECORDED:
            painter.setPen(QColor(theme().line))
            painter.drawRect(rect.adjusted(0, 0, -1, 0))
            painter.setPen(QColor(theme().muted))
        else:
            fill = QColor.fromRgb(*(int(channel) for channel in self._table[shade_of]))
            painter.fillRect(rect, fill)
            painter.setPen(QColor(LIGHT.text if luminance(fill) > 0.45 else DARK.text))
        painter.setFont(self._font)
        upper = QRect(rect.left(), rect.top() + 2, rect.width(), QFontMetrics(self._font).height())
        painter.drawText(upper, Qt.AlignmentFlag.AlignCenter, self.texts[position])
        if position in self._named and self.line_height > self.compact_height:
            painter.setFont(self._caption)
            lower = QRect(rect.left(), upper.bottom() + 1, rect.width(), QFontMetrics(self._caption).height())
            painter.drawText(lower, Qt.AlignmentFlag.AlignCenter, short_percent(float(self.weights[position])))


def luminance(colour: QColor) -> float:
    """Perceived brightness of a colour, 0 to 1 (Rec. 601 weights)."""
    return 0.299 * colour.redF() + 0.587 * colour.greenF() + 0.114 * colour.blueF()


def short_percent(share: float) -> str:
    """A percentage of two figures at most, for a chip: `12 %`, `3.4 %`."""
    return f"{significant(100 * share, 2)}{THIN_SPACE}%"
