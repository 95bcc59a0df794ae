"""The rectangles of the timeline's lanes for a given size of the picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from PySide6.QtCore import QRectF

from app.look.theme import GRID
from app.widgets.painted import caption_height

LEGEND_HEIGHT: Final = 190
"""Height of the picture in pixels from which the legend is shown."""


@dataclass(frozen=True, slots=True)
class Lanes:
    """The rectangles of the lanes in pixels; `requests` is the area of all requests, which scrolls.

    Where no steps are told, `host` is the line that says so, and `device` has no height.
    """

    axis: QRectF
    marks: QRectF
    host: QRectF
    device: QRectF
    drafts: QRectF
    requests: QRectF
    request_height: float
    legend: QRectF

    def request_box(self, index: int, scrolled: int) -> QRectF:
        """The lane of the index-th request, where the requests are scrolled by `scrolled` pixels."""
        top = self.requests.top() + index * self.request_height - scrolled
        return QRectF(0, top, self.requests.width(), self.request_height - GRID)


def lanes_in(
    width: float, height: float, requests: int, has_marks: bool, has_drafts: bool, stepped: bool = True
) -> Lanes:
    """Divide the height among axis, marks, host, device, drafts, requests and legend.

    Many requests scroll in their part. Without marks or drafts, their lane has no height. `stepped` says whether steps
    are told.
    """
    line = caption_height()
    axis = QRectF(0, 0, width, line + 2 * GRID)
    marks = QRectF(0, axis.bottom(), width, line if has_marks else 0)
    foot = line + 2 * GRID if height >= LEGEND_HEIGHT else 0.0
    legend = QRectF(0, height - foot, width, foot)
    room = legend.top() - marks.bottom() - 3 * GRID
    host = QRectF(0, marks.bottom() + GRID, width, min(max(0.26 * room, 24), 200))
    device = QRectF(0, host.bottom() + GRID, width, min(max(0.12 * room, line), 64))
    if not stepped:
        host = QRectF(0, marks.bottom() + GRID, width, line + GRID)
        device = QRectF(0, host.bottom(), width, 0)
    above = device.bottom() + GRID
    drafts = QRectF(0, above, width, min(max(0.1 * room, line), 48) if has_drafts else 0)
    above = drafts.bottom() + GRID if has_drafts else above
    area = QRectF(0, above, width, max(legend.top() - above - GRID, 8))
    request_height = min(max(area.height() / max(requests, 1), line + 14), 96)
    return Lanes(axis, marks, host, device, drafts, area, request_height, legend)
