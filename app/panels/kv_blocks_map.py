"""The block map of the paged cache, one texture: a cell per block, in its request's colour, filled like the block."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QFontMetricsF,
    QHelpEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPen,
    QResizeEvent,
)
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.look.theme import CAPTION_SCALE, GRID, Theme, theme, ui_font
from app.look.units import count
from app.widgets.focus import claims_key
from app.widgets.hover import HoverWidget
from app.widgets.painted import caption_height
from app.widgets.pixels import argb, blend, image
from engine.figures.kv_blocks import EVICTABLE, FREE, HELD, KEPT, SHARED, BlockState

LARGEST: Final = 56
"""Largest side of a cell in pixels."""
GAP_FROM: Final = 5
"""Side in pixels from which a line separates the cells."""
TEXTURE_FROM: Final = 4
"""Side in pixels from which a texture shows sharing and reuse, and a height shows the fill."""
BUSY: Final = np.array([0, 1, 3, 4, 2])
"""How busy a block is, by its kind; the order from the least is free, evictable, kept, held, shared."""
KEYS: Final = frozenset({Qt.Key.Key_Left, Qt.Key.Key_Right, Qt.Key.Key_Up, Qt.Key.Key_Down, Qt.Key.Key_Home,
                         Qt.Key.Key_End})  # fmt: skip


class BlockMap(HoverWidget[int]):
    """Draws a BlockState; `clicked` carries the block. Arrow keys move from block to block and show its tool tip."""

    clicked = Signal(int)
    draws_hover = True

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.state: BlockState | None = None
        self.sentence = ""
        self.describe: Callable[[int], str] | None = None
        self.highlighted: int | None = None
        """The request whose blocks have an outline."""
        self.pointed = -1
        self._side, self._columns, self._together = 1, 1, 1
        self._image = image(np.zeros((1, 1), np.uint32))
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(160, 96)
        self.setAccessibleName(self.tr("Block map of the paged cache"))

    def sizeHint(self) -> QSize:
        return QSize(420, 260)

    def show_state(self, state: BlockState | None, sentence: str) -> None:
        """Draw these blocks under this sentence; None draws only the sentence."""
        if state is self.state and sentence == self.sentence:
            return
        self.state, self.sentence = state, sentence
        self.setAccessibleDescription(sentence)
        self._draw_texture()

    def restyle(self) -> None:
        """Take the theme's colours again."""
        self._draw_texture()

    # --- geometry ---------------------------------------------------------------------------------------------------

    @property
    def together(self) -> int:
        """How many blocks one cell stands for; more than 1 only where there are more blocks than pixels."""
        return self._together

    @property
    def side(self) -> int:
        """Side of a cell in logical pixels."""
        return self._side

    def text(self) -> str:
        """The sentence, and how many blocks a cell stands for where it is more than one."""
        if self._together == 1:
            return self.sentence
        return f"{self.sentence} · " + self.tr("a cell is the busiest of {n} blocks").format(n=self._together)

    def map_box(self) -> QRectF:
        """The rectangle of the cells."""
        top = self._sentence_height() + GRID
        below = caption_height() + 2 * GRID
        return QRectF(3 * GRID, top, max(8.0, self.width() - 5 * GRID), max(8.0, self.height() - top - below))

    def cell_box(self, block: int) -> QRectF:
        """The rectangle of a block's cell."""
        row, column = divmod(block // self._together, self._columns)
        box = self.map_box()
        return QRectF(box.left() + column * self._side, box.top() + row * self._side, self._side, self._side)

    def block_at(self, x: float, y: float) -> int:
        """The block at a point of the widget, of several in a cell the first; −1 where there is none."""
        if self.state is None:
            return -1
        box = self.map_box()
        column, row = int((x - box.left()) // self._side), int((y - box.top()) // self._side)
        if not (0 <= column < self._columns and row >= 0 and x >= box.left()):
            return -1
        block = (row * self._columns + column) * self._together
        return block if block < len(self.state) else -1

    def _sentence_height(self) -> float:
        room = QRectF(0, 0, self.width() - 5 * GRID, 1000)
        metrics = QFontMetricsF(ui_font(CAPTION_SCALE))
        return metrics.boundingRect(room, Qt.TextFlag.TextWordWrap, self.text()).height()

    def _lay_out(self, blocks: int) -> None:
        """Choose the largest cell with which all blocks fit; where one pixel per block is too much, share cells."""
        box = self.map_box()
        width, height = int(box.width()), int(box.height())
        for side in range(LARGEST, 0, -1):
            if (width // side) * (height // side) >= blocks:
                self._side, self._columns, self._together = side, width // side, 1
                return
        self._side, self._columns = 1, max(1, width)
        self._together = -(-blocks // max(1, width * height))

    # --- the texture ------------------------------------------------------------------------------------------------

    def _draw_texture(self) -> None:
        state = self.state
        if state is not None and len(state):
            self._lay_out(len(state))
            if self._together > 1:  # again: the note about several blocks per cell may take a line
                self._lay_out(len(state))
            cells = math.ceil(len(state) / self._together)
            rows = math.ceil(cells / self._columns)
            scale = max(1, round(self.devicePixelRatioF()))
            self._image = image(
                block_pixels(state, self._columns, rows, self._side * scale, self._together, theme()), scale
            )
        self.update()

    # --- drawing ----------------------------------------------------------------------------------------------------

    def paint(self, painter: QPainter) -> None:
        colours = theme()
        painter.setPen(QColor(colours.text))
        area = QRectF(3 * GRID, 0, self.width() - 5 * GRID, self.height())
        painter.drawText(area, Qt.TextFlag.TextWordWrap, self.text())
        if self.state is None or not len(self.state):
            return
        painter.drawImage(self.map_box().topLeft(), self._image)
        if self.highlighted is not None and self._side >= TEXTURE_FROM:
            painter.setPen(QPen(QColor(colours.text), 1))
            for block in np.flatnonzero(self.state.owner == self.highlighted).tolist():
                painter.drawRect(self.cell_box(block).adjusted(0, 0, -1, -1))
        for marked, width in ((self.hovered, 1), (self.pointed if self.hasFocus() else None, 2)):
            if marked is not None and 0 <= marked < len(self.state):
                painter.setPen(QPen(QColor(colours.accent), width))
                painter.drawRect(self.cell_box(marked).adjusted(-1, -1, 1, 1))
        self._draw_legend(painter)

    def legend(self) -> list[tuple[str, int, int]]:
        """(label, kind, request) of each entry: first the kinds without a single request (−1), then the requests."""
        assert self.state is not None
        free, evictable, _, shared = self.state.counts()
        entries = [
            (self.tr("request {id}: {n}").format(id=request, n=count(blocks)), HELD, request)
            for request, blocks in self.state.owners()
        ]
        others = [
            (self.tr("shared: {}").format(count(shared)), SHARED, -1),
            *([(self.tr("kept: {}").format(count(self.state.kept)), KEPT, -1)] if self.state.kept else []),
            (self.tr("evictable: {}").format(count(evictable)), EVICTABLE, -1),
            (self.tr("free: {}").format(count(free)), FREE, -1),
        ]
        return [*others, *entries]

    def _draw_legend(self, painter: QPainter) -> None:
        colours, metrics, line = theme(), painter.fontMetrics(), caption_height()
        y, x, swatch = self.height() - line - GRID, 3.0 * GRID, int(line) - 4
        entries = self.legend()
        for place, (label, kind, request) in enumerate(entries):
            width = swatch + GRID + metrics.horizontalAdvance(label) + 4 * GRID
            rest = self.tr("and {} more").format(count(len(entries) - place))
            if x + width + (metrics.horizontalAdvance(rest) if place < len(entries) - 1 else 0) > self.width():
                painter.setPen(QColor(colours.muted))
                painter.drawText(QPointF(x, y + metrics.ascent()), rest)
                return
            sample = image(swatch_pixels(kind, request, swatch, colours))
            painter.drawImage(QPointF(x, y + 2), sample)
            painter.setPen(QColor(colours.muted))
            painter.drawText(QPointF(x + swatch + GRID, y + metrics.ascent()), label)
            x += width

    # --- pointer and keys -------------------------------------------------------------------------------------------

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            return True  # suppress Qt's tool tip: the one at the pointer says more
        return claims_key(event, KEYS) or super().event(event)

    def place_at(self, at: QPointF) -> int | None:
        block = self.block_at(at.x(), at.y())
        return block if block >= 0 else None

    def words_for(self, place: int) -> str:
        return self.describe(place) if self.describe is not None else ""

    def pick(self, place: int) -> None:
        self.pointed = place
        self.clicked.emit(place)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        super().mousePressEvent(event)
        self.setFocus(Qt.FocusReason.MouseFocusReason)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        blocks = len(self.state) if self.state is not None else 0
        by = {
            Qt.Key.Key_Left: -self._together, Qt.Key.Key_Right: self._together,
            Qt.Key.Key_Up: -self._columns * self._together, Qt.Key.Key_Down: self._columns * self._together,
            Qt.Key.Key_Home: -blocks, Qt.Key.Key_End: blocks,
        }.get(Qt.Key(event.key()))  # fmt: skip
        if by is None or not blocks:
            if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and 0 <= self.pointed < blocks:
                self.clicked.emit(self.pointed)
            else:
                super().keyPressEvent(event)
            return
        self.pointed = min(max(self.pointed + by, 0), blocks - 1)
        if self.describe is not None:
            words = self.describe(self.pointed)
            self.setAccessibleDescription(words)
            self.show_tip(words, self.mapToGlobal(self.cell_box(self.pointed).bottomRight().toPoint()))
        self.update()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._draw_texture()


def block_pixels(
    state: BlockState, columns: int, rows: int, side: int, together: int, colours: Theme
) -> NDArray[np.uint32]:
    """The texture, uint32 [rows · side, columns · side]: a cell per block, or per `together` blocks the busiest one.

    A request's colour fills its block from below up to the written share. Shared blocks have stripes and blocks kept
    for a batch have bars. Evictable blocks have only an outline in the colour of reused positions, free blocks only a
    faint one.
    """
    kind, owner, share = state.kind, state.owner, state.fill / max(1, state.block_size)
    if together > 1:
        padded = np.full(-(-len(kind) // together) * together, -1, np.int64)
        padded[: len(kind)] = BUSY[kind]
        at = padded.reshape(-1, together).argmax(axis=1) + np.arange(len(padded) // together) * together
        kind, owner, share = kind[at], owner[at], share[at]
    cells = columns * rows
    codes = np.full(cells, -1, np.int64)
    n_colours = len(colours.requests)
    codes[: len(kind)] = np.where(kind == HELD, 4 + owner % n_colours, kind.astype(np.int64) % 3)
    codes[: len(kind)][kind == SHARED] = 2
    codes[: len(kind)][kind == KEPT] = 3
    strong, pale = _colours(colours)
    shares = np.zeros(cells)
    shares[: len(kind)] = share
    if side < TEXTURE_FROM:
        half = np.where(shares >= 0.5, strong[codes], pale[codes])  # too small for a height: strong if half full
        half[codes < 0] = 0
        place = np.add(*np.divmod(np.arange(cells), columns))  # too small for an outline: a chequer; no request has one
        evictable = codes == EVICTABLE
        weak = argb(blend(colours.positions["reused"], colours.panel, 0.3))
        half[evictable] = np.where(place % 2 == 0, pale[1], weak)[evictable]
        grid: NDArray[np.uint32] = half.reshape(rows, columns).repeat(side, 0).repeat(side, 1)
        return grid
    gap = 1 if side >= GAP_FROM else 0
    inner = side - gap
    y, x = np.arange(inner)[:, None], np.arange(inner)[None, :]
    filled = np.ceil(shares * inner).astype(np.int64)
    pixels = np.zeros((rows, side, columns, side), np.uint32)
    by_cell = codes.reshape(rows, columns)
    level = (inner - filled).reshape(rows, columns)
    body = np.where(
        np.arange(inner)[None, :, None] >= level[:, None, :], strong[by_cell][:, None, :], pale[by_cell][:, None, :]
    )  # [rows, inner, columns]
    body[np.broadcast_to((by_cell < 0)[:, None, :], body.shape)] = 0
    pixels[:, :inner, :, :inner] = body[:, :, :, None]
    border = (y == 0) | (y == inner - 1) | (x == 0) | (x == inner - 1)
    stripes, bars = (x + y) % 4 < 2, (y + 0 * x) % 4 < 2
    for code, mask in ((0, ~border), (1, ~border), (2, ~stripes), (3, ~bars & ~border)):
        where = np.argwhere(by_cell == code)
        if len(where):
            faint = argb(colours.panel) if code < 2 else pale[code]
            some = pixels[where[:, 0], :inner, where[:, 1], :inner]
            some[:, mask] = faint
            pixels[where[:, 0], :inner, where[:, 1], :inner] = some
    return pixels.reshape(rows * side, columns * side)


def swatch_pixels(kind: int, request: int, side: int, colours: Theme) -> NDArray[np.uint32]:
    """A sample of one kind of block for the legend, uint32 [side, side]."""
    state = BlockState(
        0, 1, np.array([kind], np.uint8), np.array([request]), np.array([0]), np.array([0 if kind == FREE else 1])
    )
    return block_pixels(state, 1, 1, max(side, TEXTURE_FROM), 1, colours)


def _colours(colours: Theme) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
    """(colours where written, colours where not written) by code: free, evictable, shared, kept, then the requests'."""
    strong = [colours.line, colours.positions["reused"], colours.text, colours.muted, *colours.requests]
    pale = [colours.line, colours.positions["reused"], blend(colours.text, colours.panel, 0.35),
            blend(colours.muted, colours.panel, 0.25),
            *(blend(one, colours.panel, 0.25) for one in colours.requests)]  # fmt: skip
    return np.array([argb(one) for one in strong], np.uint32), np.array([argb(one) for one in pale], np.uint32)
