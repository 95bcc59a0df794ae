"""The rectangles of the timeline's lanes for a given size of the picture."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from PySide6.QtCore import QRectF

from app.look.theme import GRID
from app.models.request_lanes import RequestLanes, Row
from app.widgets.painted import caption_height

LEGEND_HEIGHT: Final = 190
"""Height of the picture in pixels from which the legend is shown."""
ROOMY: Final = 280
"""Height from which marks may have two lines of labels, and the legend more than one line."""
LAYERS_HEIGHT: Final = 220
"""Height from which there is a lane of layers, where a session has their times."""
LOW_LAYERS_HEIGHT: Final = 120
"""The same for a session of one or two requests, which need less room, and where the user asks for the lane."""
TALLEST: Final = 96.0
"""Most pixels that the lane of a request takes."""


@dataclass(frozen=True, slots=True)
class Content:
    """What has to find a place. `stepped` says whether steps are told, `layers` whether their lane is wanted, and
    `asked` whether the user asked for it.
    """

    marks: int = 0
    drafts: bool = False
    stepped: bool = True
    layers: bool = False
    asked: bool = False
    requests: int = 0
    legend_rows: int = 1
    """Lines of the legend, if there is room for all."""
    trace: Callable[[float], tuple[float, float]] | None = None
    """Of an imported trace: the heights of host and device where they have so much room together."""


@dataclass(frozen=True, slots=True)
class Lanes:
    """The rectangles of the lanes in pixels; `requests` is the area of the requests' rows, which scrolls.

    Where no steps are told, `host` is the line that says so, and `device` has no height. `note` is the line above the
    rows that says which of them are shown; it has no height where all are. Nor have `marks`, `layers` and `drafts`
    without any.
    """

    axis: QRectF
    marks: QRectF
    host: QRectF
    layers: QRectF
    device: QRectF
    drafts: QRectF
    note: QRectF
    requests: QRectF
    request_height: float
    head_height: float
    legend: QRectF

    def row_box(self, row: Row, scrolled: int) -> QRectF:
        """The place of a row, where the rows are scrolled by `scrolled` pixels."""
        top = self.requests.top() + row.heads * self.head_height + row.lanes * self.request_height - scrolled
        height = self.head_height if row.group is not None else self.request_height
        return QRectF(0, top, self.requests.width(), height - GRID)

    def rows_height(self, shown: RequestLanes) -> float:
        """How many pixels all rows take."""
        return shown.heads * self.head_height + len(shown.shown) * self.request_height

    def fits(self) -> int:
        """How many lanes of requests there is room for at their least height."""
        return int((self.requests.height() + self.note.height()) // least_height())


def least_height() -> float:
    """The least height of the lane of a request."""
    return caption_height() + 14


def lanes_in(width: float, height: float, content: Content) -> Lanes:
    """Divide the height among axis, marks, host, layers, device, drafts, requests and legend."""
    line = caption_height()
    roomy = height >= ROOMY
    axis = QRectF(0, 0, width, line + 2 * GRID)
    mark_lines = min(content.marks, 2 if roomy else 1)
    marks = QRectF(0, axis.bottom(), width, line * mark_lines)
    foot = line * (content.legend_rows if roomy else 1) + 2 * GRID if height >= LEGEND_HEIGHT else 0.0
    legend = QRectF(0, height - foot, width, foot)
    room = legend.top() - marks.bottom() - 3 * GRID
    host = QRectF(0, marks.bottom() + GRID, width, min(max(0.26 * room, 24), 200))
    layers = QRectF(0, host.bottom(), width, 0)
    if content.layers and height >= (
        LAYERS_HEIGHT if content.requests > 2 and not content.asked else LOW_LAYERS_HEIGHT
    ):
        host.setHeight(min(max(0.18 * room, 24), 140))
        layers = QRectF(0, host.bottom() + GRID, width, 2 * line + GRID)
    device = QRectF(0, layers.bottom() + GRID, width, min(max(0.12 * room, line), 64))
    if content.trace is not None:
        layers = QRectF(0, marks.bottom(), width, 0)
        of_host, of_device = content.trace(max(room - GRID, 0.0))
        host = QRectF(0, marks.bottom() + GRID, width, of_host)
        device = QRectF(0, host.bottom() + GRID, width, of_device)
    elif not content.stepped:
        host = QRectF(0, marks.bottom() + GRID, width, line + GRID)
        layers, device = (QRectF(0, host.bottom(), width, 0) for _ in range(2))
    above = device.bottom() + GRID
    drafts = QRectF(0, above, width, min(max(0.1 * room, line), 48) if content.drafts else 0)
    above = drafts.bottom() + GRID if content.drafts else above
    area = QRectF(0, above, width, max(legend.top() - above - GRID, 8))
    note = QRectF(0, above, width, 0)
    return Lanes(axis, marks, host, layers, device, drafts, note, area, least_height(), line + 3 * GRID, legend)


def with_rows(lanes: Lanes, shown: RequestLanes, at_once: int) -> Lanes:
    """The lanes with room for these rows: `at_once` lanes of requests are as high as they can be together.

    A line above the rows says which are shown, where that is not all requests.
    """
    area = QRectF(lanes.requests)
    note = QRectF(lanes.note)
    if shown.grouped or shown.requests > lanes.fits():
        note.setHeight(min(caption_height() + 2, area.height()))
        area.setTop(note.bottom())
    room = area.height() - shown.heads * lanes.head_height
    height = min(max(room / max(at_once, 1), least_height()), TALLEST)
    return Lanes(
        lanes.axis, lanes.marks, lanes.host, lanes.layers, lanes.device, lanes.drafts, note, area, height,
        lanes.head_height, lanes.legend,
    )  # fmt: skip
