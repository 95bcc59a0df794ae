"""Steps as pixel columns: at most one mark in a column, with the time of the slowest step that shares it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PySide6.QtGui import QImage

from engine.session.store import Session

KIND_BITS: Final = 3


class StepLatencies:
    """Latency and kind of every step in one growing array of integers: `latency_ns << 3 | kind`.

    These integers are in the order of the latencies. So one maximum finds a column's slowest step and its kind.
    """

    def __init__(self) -> None:
        self._keys = np.empty(1024, np.int64)
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def clear(self) -> None:
        self._length = 0

    def update(self, session: Session) -> None:
        """Take the steps that came since the last call."""
        length = len(session.steps)
        start = self._length
        if length <= start:
            return
        if length > len(self._keys):
            larger = np.empty(max(length, 2 * len(self._keys)), np.int64)
            larger[:start] = self._keys[:start]
            self._keys = larger
        steps = session.steps
        latency = steps["end_ns"][start:length] - steps["start_ns"][start:length]
        self._keys[start:length] = latency << KIND_BITS | steps["kind"][start:length]
        self._length = length

    def latency_ns(self, first: int, last: int) -> NDArray[np.int64]:
        """Latencies of the steps [first, last) in ns, int64 [last - first]."""
        result: NDArray[np.int64] = self._keys[first:last] >> KIND_BITS
        return result

    def columns(self, first: float, last: float, width: int) -> StepColumns:
        """The steps [first, last) over `width` pixels; the view may begin and end within a step."""
        low, high = max(0, int(first)), min(self._length, int(np.ceil(last)))
        span = last - first
        if high <= low or span <= 0 or width <= 0:
            nothing = np.empty(0, np.int64)
            return StepColumns(nothing, nothing.astype(np.float64), 0.0, nothing, nothing)
        keys = self._keys[low:high]
        if span <= width:
            bar = width / span
            steps = np.arange(low, high)
            left = np.asarray((steps - first) * bar, np.float64)
        else:
            bar = 1.0
            pixel = np.floor((np.arange(low, high) - first) * (width / span)).astype(np.int64)
            starts = np.flatnonzero(np.diff(pixel, prepend=-1))
            keys = np.maximum.reduceat(keys, starts)
            steps = starts + low
            left = pixel[starts].astype(np.float64)
        return StepColumns(steps, left, bar, keys >> KIND_BITS, keys & ((1 << KIND_BITS) - 1))


@dataclass(frozen=True, slots=True)
class StepColumns:
    """The drawn marks: each array has one entry for each mark."""

    first_step: NDArray[np.int64]
    """The first step of each mark."""
    left: NDArray[np.float64]
    """Pixels from the left edge of the view to the mark."""
    bar: float
    """Width of a mark in pixels."""
    latency_ns: NDArray[np.int64]
    kind: NDArray[np.int64]


def bars_image(
    columns: StepColumns,
    heights: NDArray[np.float64],
    bar_width: float,
    width: int,
    height: int,
    scale: float,
    colours: list[int],
) -> QImage:
    """The bars as one image of `width` x `height` device pixels: array operations instead of a drawing call a bar.

    `heights` are shares of the full height, `bar_width` is in logical pixels, `scale` is device pixels a logical one.
    """
    left = np.round(columns.left * scale).astype(np.int64)
    right = np.maximum(np.round((columns.left + bar_width) * scale).astype(np.int64), left + 1)
    lengths = right - left
    mark = np.repeat(np.arange(len(left)), lengths)
    pixel = np.arange(len(mark)) - np.repeat(np.cumsum(lengths) - lengths, lengths) + left[mark]
    inside = (pixel >= 0) & (pixel < width)
    mark, pixel = mark[inside], pixel[inside]
    top = np.full(width, height, np.int64)
    top[pixel] = height - np.maximum(1, np.round(heights[mark] * height)).astype(np.int64)
    colour = np.zeros(width, np.uint32)
    colour[pixel] = np.array(colours, np.uint32)[columns.kind[mark]]
    pixels = np.where(np.arange(height)[:, None] >= top, colour, np.uint32(0))  # [height, width], ARGB
    return QImage(pixels.tobytes(), width, height, 4 * width, QImage.Format.Format_ARGB32_Premultiplied).copy()
