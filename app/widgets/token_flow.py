"""The text of a request as chips, each shaded and underlined by its weight in one attention row."""

from __future__ import annotations

from bisect import bisect_right
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QPoint, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFontMetrics, QHelpEvent, QMouseEvent, QPainter, QPaintEvent, QPen, QResizeEvent
from PySide6.QtWidgets import QAbstractScrollArea, QToolTip, QWidget

from app.look.painting import painting
from app.look.theme import CAPTION_SCALE, DARK, GRID, LIGHT, mono_font, theme, ui_font
from app.look.units import THIN_SPACE, percent, significant
from app.models.found import Found
from app.widgets.heatmap import NOT_RECORDED, lookup_table, shade
from app.widgets.plain import plain

NAMED_WEIGHTS: Final = 8
"""How many of the largest weights are written as numbers."""
NO_WEIGHTS: Final = np.empty(0, np.float32)


class TokenFlow(QAbstractScrollArea):
    """Tokens in reading order, wrapped to the width; `clicked` carries the position of a chip.

    The background of a chip is the shade of its weight in the heat map. The length of the bar under a chip is its
    weight relative to the largest of the row. The largest weights are written under their tokens as percentages. Only
    visible chips are painted.
    """

    clicked = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.texts: list[str] = []
        self.weights: NDArray[np.float32] = NO_WEIGHTS
        self.query: int | None = None
        self.request: int | None = None
        """The request whose text it is."""
        self._found: Found | None = None
        self._log = False
        self._named: set[int] = set()
        self._offsets: NDArray[np.int64] = np.zeros(1, np.int64)
        """The start of each token in pixels as if the text were one line, then the end of the last token."""
        self._line_starts: list[int] = []
        """The first token of each line."""
        self._table = lookup_table()
        self._widths: dict[str, int] = {}
        self.setFrameShape(self.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName(self.tr("Attention over the text"))
        self.restyle()

    # --- what is shown ----------------------------------------------------------------------------------------------

    def follow(self, found: Found | None) -> None:
        """Frame the tokens that a search found."""
        self._found = found
        if found is not None:
            found.changed.connect(self._on_found)

    def _on_found(self) -> None:
        self.viewport().update()

    def show_row(
        self,
        texts: list[str],
        weights: NDArray[np.float32],
        query: int | None,
        log: bool,
        grown: bool,
        request: int | None = None,
    ) -> None:
        """Show these tokens of a request with the weights (float32, one a key) that `query` gives them.

        With `grown`, `texts` begins with the shown tokens, so that only the new ones are laid out.
        """
        moved, self.request = query != self.query, request
        if not grown:
            self._forget_layout()
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
        caption = QFontMetrics(self._caption)
        self._text_height, self._caption_height = QFontMetrics(self._font).height(), caption.height()
        self._number_width = caption.horizontalAdvance(short_percent(0.99)) + GRID
        self._widths.clear()
        self._forget_layout()
        self._lay_out()
        self.viewport().update()

    def reveal(self, position: int) -> None:
        """Scroll so that a token is visible."""
        if not 0 <= position < len(self._offsets) - 1:
            return
        top = (bisect_right(self._line_starts, position) - 1) * self.line_height
        bar = self.verticalScrollBar()
        if not bar.value() <= top <= bar.value() + self.viewport().height() - self.line_height:
            bar.setValue(max(0, top - self.viewport().height() + self.line_height + GRID))

    # --- geometry ---------------------------------------------------------------------------------------------------

    @property
    def compact_height(self) -> int:
        """Height in pixels of a line of chips without numbers and the gap under it."""
        return self._text_height + 2 + 2 * GRID

    @property
    def line_height(self) -> int:
        """Height in pixels of a line of chips and the gap under it; compact where two full lines do not fit."""
        full = self.compact_height + self._caption_height
        return full if self.viewport().height() >= 2 * full else self.compact_height

    def _forget_layout(self) -> None:
        self._offsets = np.zeros(1, np.int64)
        self._line_starts.clear()

    def _lines(self, first: int, end: int) -> range:
        """The tokens of lines [first, end)."""
        starts = self._line_starts
        if first >= len(starts) or end <= 0:
            return range(0)
        return range(starts[max(first, 0)], starts[end] if end < len(starts) else len(self._offsets) - 1)

    def _lay_out(self) -> None:
        """Place the chips that are not placed yet; costs a look-up for each token and a search for each line."""
        metrics = QFontMetrics(self._font)
        new = self.texts[len(self._offsets) - 1 :]
        for text in set(new) - self._widths.keys():
            self._widths[text] = max(metrics.horizontalAdvance(text) + 2 * GRID, self._number_width) + GRID
        if new:
            widths = np.fromiter((self._widths[text] for text in new), np.int64, len(new))
            self._offsets = np.concatenate([self._offsets, self._offsets[-1] + np.cumsum(widths)])
        room = max(1, self.viewport().width() - GRID)
        start = self._line_starts.pop() if self._line_starts else 0
        while start < len(self._offsets) - 1:
            self._line_starts.append(start)
            fits = int(np.searchsorted(self._offsets, self._offsets[start] + room, "right")) - 1
            start = max(fits, start + 1)
        height = max(1, len(self._line_starts)) * self.line_height + GRID
        bar = self.verticalScrollBar()
        bar.setRange(0, max(0, height - self.viewport().height()))
        bar.setPageStep(self.viewport().height())
        bar.setSingleStep(self.line_height)

    def chip_rect(self, position: int) -> QRect:
        """The place of a token's chip in the viewport."""
        line = bisect_right(self._line_starts, position) - 1
        x = GRID + int(self._offsets[position] - self._offsets[self._line_starts[line]])
        top = line * self.line_height - self.verticalScrollBar().value() + GRID
        width = int(self._offsets[position + 1] - self._offsets[position]) - GRID
        return QRect(x, top, width, self.line_height - GRID)

    def position_at(self, point: QPoint) -> int | None:
        """The position of the token at a point of the viewport; None where there is none."""
        line = (point.y() + self.verticalScrollBar().value() - GRID) // self.line_height
        return next(
            (position for position in self._lines(line, line + 1) if self.chip_rect(position).contains(point)), None
        )

    def describe(self, position: int) -> str:
        """A token and its exact weight, for the tool tip."""
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
            self._forget_layout()
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
            QToolTip.showText(event.globalPos(), plain("" if position is None else self.describe(position)), self)
            return True
        return super().viewportEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        with painting(self.viewport()) as painter:
            self._paint(painter)

    def _paint(self, painter: QPainter) -> None:
        colours = theme()
        painter.fillRect(self.viewport().rect(), QColor(colours.panel))
        first = self.verticalScrollBar().value() // self.line_height
        visible = self._lines(first, first + self.viewport().height() // self.line_height + 2)
        shades = shade(self.weights[visible.start : visible.stop], self._log)
        largest = float(self.weights.max()) if len(self.weights) else 0.0
        for position in visible:
            rect = self.chip_rect(position)
            known = position < len(self.weights)
            self._paint_chip(painter, rect, position, int(shades[position - visible.start]) if known else NOT_RECORDED)
            if known and largest > 0:
                share = float(self.weights[position]) / largest
                bar = QRectF(rect.left(), rect.bottom() - 2, rect.width() * share, 3)
                painter.fillRect(bar, QColor(colours.warn))
            if self._found is not None and self._found.has(self.request, position):
                painter.setPen(QPen(QColor(colours.warn), 2))
                painter.drawRect(rect.adjusted(0, 0, -1, 0))
            if position == self.query:
                painter.setPen(QPen(QColor(colours.accent), 2))
                painter.drawRect(rect.adjusted(0, 0, -1, 0))
        if self.hasFocus():
            painter.setPen(QPen(QColor(colours.accent), 1))
            painter.drawRect(self.viewport().rect().adjusted(0, 0, -1, -1))

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
        upper = QRect(rect.left(), rect.top() + 2, rect.width(), self._text_height)
        painter.drawText(upper, Qt.AlignmentFlag.AlignCenter, self.texts[position])
        if position in self._named and self.line_height > self.compact_height:
            painter.setFont(self._caption)
            lower = QRect(rect.left(), upper.bottom() + 1, rect.width(), self._caption_height)
            painter.drawText(lower, Qt.AlignmentFlag.AlignCenter, short_percent(float(self.weights[position])))


def luminance(colour: QColor) -> float:
    """Perceived brightness of a colour, 0 to 1 (Rec. 601 weights)."""
    return 0.299 * colour.redF() + 0.587 * colour.greenF() + 0.114 * colour.blueF()


def short_percent(share: float) -> str:
    """A percentage with two significant figures, for a chip: `12 %`, `3.4 %`."""
    return f"{significant(100 * share, 2)}{THIN_SPACE}%"
