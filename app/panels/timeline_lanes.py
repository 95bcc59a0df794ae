"""Where the lanes of the timeline lie on a picture of some size."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from PySide6.QtCore import QRectF
from PySide6.QtGui import QFontMetricsF

from app.theme import CAPTION_SCALE, GRID, ui_font

LEGEND_HEIGHT: Final = 190
"""Height of the picture from which there is room for the legend."""


@dataclass(frozen=True, slots=True)
class Lanes:
    """Where the lanes lie; request i begins at `requests.top() + i * request_height − scroll`."""

    axis: QRectF
    marks: QRectF
    host: QRectF
    device: QRectF
    requests: QRectF
    request_height: float
    legend: QRectF


def lanes_in(width: float, height: float, requests: int, has_marks: bool) -> Lanes:
    """Share the height among axis, marks, host, device, requests and legend; many requests scroll in their part."""
    line = QFontMetricsF(ui_font(CAPTION_SCALE)).height()
    axis = QRectF(0, 0, width, line + 2 * GRID)
    marks = QRectF(0, axis.bottom(), width, line if has_marks else 0)
    foot = line + 2 * GRID if height >= LEGEND_HEIGHT else 0.0
    legend = QRectF(0, height - foot, width, foot)
    room = legend.top() - marks.bottom() - 3 * GRID
    host = QRectF(0, marks.bottom() + GRID, width, min(max(0.26 * room, 24), 200))
    device = QRectF(0, host.bottom() + GRID, width, min(max(0.12 * room, line), 64))
    area = QRectF(0, device.bottom() + GRID, width, max(legend.top() - device.bottom() - 2 * GRID, 8))
    request_height = min(max(area.height() / max(requests, 1), line + 14), 96)
    return Lanes(axis, marks, host, device, area, request_height, legend)
