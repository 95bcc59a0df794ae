"""Pictures made of numpy arrays with one colour for each pixel."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PySide6.QtGui import QColor, QImage


def argb(colour: str, alpha: int = 255) -> np.uint32:
    """A colour as premultiplied ARGB, the pixel format of `image`."""
    c = QColor(colour)
    red, green, blue = (channel * alpha // 255 for channel in (c.red(), c.green(), c.blue()))
    return np.uint32((alpha << 24) | (red << 16) | (green << 8) | blue)


def blend(colour: str, ground: str, share: float) -> str:
    """An opaque mix of two colours: `share` of `colour`, the rest of `ground`."""
    a, b = QColor(colour), QColor(ground)
    mixed = [
        round(share * x + (1 - share) * y)
        for x, y in zip((a.red(), a.green(), a.blue()), (b.red(), b.green(), b.blue()), strict=True)
    ]
    return QColor(*mixed).name()


def image(pixels: NDArray[np.uint32], ratio: float = 1.0) -> QImage:
    """An image of uint32 [height, width] premultiplied ARGB pixels; `ratio` is device pixels a logical pixel."""
    data = np.ascontiguousarray(pixels)
    height, width = data.shape
    result = QImage(data.tobytes(), width, height, 4 * width, QImage.Format.Format_ARGB32_Premultiplied).copy()
    result.setDevicePixelRatio(ratio)
    return result


def stacked_columns(
    shares: NDArray[np.float64], colours: list[str], height: int, at_least_one: bool = True
) -> NDArray[np.uint32]:
    """A picture of stacked bars, one a pixel column, growing from the bottom; uint32 [height, columns].

    `shares` is float64 [columns, bands], as shares of the full height. With `at_least_one`, a column with any share
    shows at least one pixel.
    """
    tops = np.cumsum(shares, axis=1) * height
    if at_least_one:
        total = tops[:, -1]
        small = (total > 0) & (total < 1)
        tops[small] *= (1.0 / total[small])[:, None]
    palette = np.array([*(argb(colour) for colour in colours), 0], np.uint32)
    # The band of a pixel is the number of tops at or below its middle: 0 is the lowest band.
    ends = np.zeros((height, len(shares)), np.uint8)
    highest = np.floor(height - 0.5 - tops).astype(np.intp)  # the uppermost row is 0, and rows above it count
    for column_ends in highest.T:
        (inside,) = np.nonzero(column_ends >= 0)
        ends[column_ends[inside], inside] += 1
    return palette[np.cumsum(ends[::-1], axis=0, dtype=np.uint8)[::-1]]
