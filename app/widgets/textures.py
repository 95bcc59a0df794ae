"""The textures of the position classes, drawn pixel by pixel so that they look the same at every zoom."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QRect, Qt
from PySide6.QtGui import QBrush, QColor, QImage, QPainter

from app.look.theme import Theme
from app.models.redundancy import BIT, CLASSES
from app.widgets.pixels import argb, blend, image

STRIPE: Final = 4
"""Width in logical pixels of the stripes where a place has several classes."""
_PHASES: Final = 12
"""Stripes in a period: a number that one to four classes share evenly."""
_REUSED: Final = CLASSES.index("reused")


def _choices() -> NDArray[np.intp]:
    """The class of each stripe: index into CLASSES by [flags, stripe], len(CLASSES) where there is none.

    The class `reused` is only an outline, so it gets no stripe where other classes are present.
    """
    table = np.full((1 << len(CLASSES), _PHASES), len(CLASSES), np.intp)
    for flags in range(1, 1 << len(CLASSES)):
        present = [i for i in range(len(CLASSES)) if flags & (1 << i)]
        filled = [i for i in present if i != _REUSED] or present
        table[flags] = [filled[stripe * len(filled) // _PHASES] for stripe in range(_PHASES)]
    return table


_CHOICE: Final = _choices()


def texture_pixels(
    flags: NDArray[np.uint8],
    colours: Theme,
    outline: NDArray[np.bool_],
    ratio: float,
    gaps: NDArray[np.bool_] | None = None,
) -> QImage:
    """The picture of a map of BIT flags, uint8 [height, width]: each element has the flags of one device pixel.

    `outline` marks the pixels of the borders of reused cells, `gaps` the pixels between cells; `ratio` is device
    pixels a logical pixel.
    """
    height, width = flags.shape
    scale = max(1, round(ratio))
    pixels = np.zeros((height, width), np.uint32)
    for value in np.flatnonzero(np.bincount(flags.ravel(), minlength=1 << len(CLASSES))[1:]) + 1:
        here = flags == value
        if value == BIT["reused"]:
            pixels[here & outline] = argb(colours.positions["reused"])
            continue
        tile = _tile(int(value), colours, scale)
        copies = (-(-height // len(tile)), -(-width // len(tile)))
        np.copyto(pixels, np.tile(tile, copies)[:height, :width], where=here)
    if gaps is not None:
        pixels[gaps] = 0
    return image(pixels, ratio)


def _tile(flags: int, colours: Theme, scale: int) -> NDArray[np.uint32]:
    """The texture of one set of flags, uint32 [side · scale, side · scale]; it repeats without a seam."""
    side = STRIPE * _PHASES  # a multiple of every period below
    at = np.arange(side)
    x, y = at[None, :], at[:, None]
    shown = _CHOICE[flags, (x + y) // STRIPE % _PHASES]
    masks = {
        "new": np.ones((side, side), bool),
        "recomputed": (x + y) % 6 < 2,
        "padding": (x % 4 < 1) & (y % 4 < 1),
        "rejected": ((x + y) % 8 < 1) | ((x - y) % 8 < 1),
    }
    strength = {"new": 1.0, "recomputed": 0.42, "padding": 0.18, "rejected": 0.3}
    tile = np.zeros((side, side), np.uint32)
    for name, strong in masks.items():
        colour, here = colours.positions[name], shown == CLASSES.index(name)
        tile[here] = argb(blend(colour, colours.panel, strength[name]))
        tile[here & strong] = argb(colour)
    return tile.repeat(scale, 0).repeat(scale, 1)


def borders(
    flags: NDArray[np.uint8], columns: NDArray[np.intp], rows: NDArray[np.intp], cell_pixels: float
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """(outline, gaps), both bool [height, width]: the borders of reused cells, and the gaps between cells.

    `columns` and `rows` are the cell of each pixel column and row. Along an axis whose cells have `cell_pixels` or
    more, each cell has its own border, and gaps separate the cells. Along an axis with smaller cells there are no
    gaps, and borders only where the class changes and at the edges.
    """
    height, width = flags.shape
    outline, gaps = np.zeros((height, width), bool), np.zeros((height, width), bool)
    for axis, cells in ((1, columns), (0, rows)):
        size = flags.shape[axis]
        if size < 2:
            continue
        if size >= cell_pixels * (abs(int(cells[-1]) - int(cells[0])) + 1):
            parted = np.flatnonzero(cells[1:] != cells[:-1]) + 1
            ring = np.concatenate([[0], parted - 1, np.minimum(parted + 1, size - 1), [size - 1]])
            if axis:
                gaps[:, parted], outline[:, ring] = True, True
            else:
                gaps[parted, :], outline[ring, :] = True, True
        elif axis:
            change = flags[:, 1:] != flags[:, :-1]
            outline[:, 1:] |= change
            outline[:, :-1] |= change
            outline[:, [0, -1]] = True
        else:
            change = flags[1:, :] != flags[:-1, :]
            outline[1:, :] |= change
            outline[:-1, :] |= change
            outline[[0, -1], :] = True
    return outline, gaps


def draw_swatch(painter: QPainter, box: QRect, name: str, colours: Theme) -> None:
    """Draw a sample of a class's texture, for a legend."""
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
    """A diagonal hatch, for gaps, pauses, kept memory and predicted values."""
    return QBrush(QColor(colour), Qt.BrushStyle.BDiagPattern)
