"""The textures of the position classes, drawn pixel by pixel so that they look the same at every zoom."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QRect, Qt
from PySide6.QtGui import QBrush, QColor, QImage, QPainter

from app.panels.models.redundancy import BIT, CLASSES
from app.theme import Theme
from app.widgets.pixels import argb, blend, image

STRIPE: Final = 4
"""Width in pixels of the stripes by which a pixel shows that it stands for several classes."""
_PHASES: Final = 12
"""A number of stripes that one to four classes share evenly."""
_REUSED: Final = CLASSES.index("reused")


def _choices() -> NDArray[np.intp]:
    """Which class shows: index into CLASSES by [flags, stripe], len(CLASSES) where there is none."""
    table = np.full((1 << len(CLASSES), _PHASES), len(CLASSES), np.intp)
    for flags in range(1, 1 << len(CLASSES)):
        present = [i for i in range(len(CLASSES)) if flags & (1 << i)]
        filled = [i for i in present if i != _REUSED] or present
        table[flags] = [filled[stripe * len(filled) // _PHASES] for stripe in range(_PHASES)]
    return table


_CHOICE: Final = _choices()


def texture_pixels(flags: NDArray[np.uint8], colours: Theme, outline: NDArray[np.bool_], ratio: float) -> QImage:
    """The picture of a map of BIT flags, uint8 [height, width], one flag set a device pixel.

    `outline` marks the pixels where a reused cell draws its border; `ratio` is device pixels a logical pixel.
    """
    height, width = flags.shape
    scale = max(1, round(ratio))
    x = (np.arange(width) // scale)[None, :]
    y = (np.arange(height) // scale)[:, None]
    shown = _CHOICE[flags, ((x + y) // STRIPE) % _PHASES]
    ink, ground = _palettes(colours)
    strong = np.zeros((height, width), bool)
    masks = {
        "new": np.True_,
        "recomputed": (x + y) % 6 < 2,
        "padding": (x % 4 < 1) & (y % 4 < 1),
        "rejected": ((x + y) % 8 < 1) | ((x - y) % 8 < 1),
        "reused": outline,
    }
    for index, name in enumerate(CLASSES):
        np.logical_or(strong, (shown == index) & masks[name], out=strong)
    return image(np.where(strong, ink[shown], ground[shown]), ratio)


def _palettes(colours: Theme) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
    strength = {"rejected": 0.3, "new": 1.0, "padding": 0.18, "recomputed": 0.42}
    ink = [argb(colours.positions[name]) for name in CLASSES]
    ground = [
        argb(blend(colours.positions[name], colours.panel, strength[name])) if name in strength else np.uint32(0)
        for name in CLASSES
    ]
    return np.array([*ink, 0], np.uint32), np.array([*ground, 0], np.uint32)


def edges_between(flags: NDArray[np.uint8], columns: NDArray[np.intp], rows: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Where a reused cell has its border, bool [height, width].

    `columns` and `rows` name the cell of each pixel. Cells of four pixels and more get a border each, smaller ones
    only where the class changes.
    """
    height, width = flags.shape
    border = np.zeros((height, width), bool)
    if width and columns[-1] - columns[0] + 1 <= width // 4:
        border[:, 1:] |= (columns[1:] != columns[:-1])[None, :]
    else:
        border[:, 1:] |= flags[:, 1:] != flags[:, :-1]
        border[:, :-1] |= flags[:, 1:] != flags[:, :-1]
    if height and abs(int(rows[-1]) - int(rows[0])) + 1 <= height // 4:
        border[1:, :] |= (rows[1:] != rows[:-1])[:, None]
    else:
        border[1:, :] |= flags[1:, :] != flags[:-1, :]
        border[:-1, :] |= flags[1:, :] != flags[:-1, :]
    border[:, :1] = border[:, -1:] = border[:1, :] = border[-1:, :] = True
    return border


def draw_swatch(painter: QPainter, box: QRect, name: str, colours: Theme) -> None:
    """A sample of one class's texture, for a legend."""
    ratio = painter.device().devicePixelRatioF()
    size = (max(1, round(box.height() * ratio)), max(1, round(box.width() * ratio)))
    flags = np.full(size, BIT[name], np.uint8)
    border = np.zeros(size, bool)
    border[0, :] = border[-1, :] = border[:, 0] = border[:, -1] = True
    painter.drawImage(box.topLeft(), texture_pixels(flags, colours, border, ratio))
    if name != "reused":
        painter.setPen(QColor(colours.positions[name]))
        painter.drawRect(box.adjusted(0, 0, -1, -1))


def hatch(colour: str) -> QBrush:
    """A diagonal hatch, for waiting and for what is only predicted."""
    return QBrush(QColor(colour), Qt.BrushStyle.BDiagPattern)
