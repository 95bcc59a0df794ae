"""The data of the chart of slots, and its lanes as a picture: one lane per slot, each request in its colour."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF

from app.look.theme import GRID, Theme, theme
from app.models.batch import lane_columns
from app.widgets.pixels import argb, blend
from engine.figures.slot_runs import IDLE, NOTHING, SlotRuns
from engine.figures.slots import BatchPart, SlotFigures

LANE_LEAST: Final = 3
"""Least height of a lane in pixels. Where lanes would be lower, several lanes share one row of the picture."""
MOST_IN_A_ROW: Final = 16
"""Most used lanes that are read for one row; if more share the row, an evenly spaced selection stands for all."""
CELL: Final = 8.0
"""Width of a step in pixels from which a line separates the steps."""
DIMMED: Final = 0.35
"""Share of its own colour that a request keeps while another request is selected."""


@dataclass(frozen=True, slots=True)
class Shown:
    """The data of a chart: a part of a session's steps, its figures, and the number of waiting requests by step."""

    runs: SlotRuns
    part: BatchPart
    figures: SlotFigures
    waiting: NDArray[np.int64]
    title: str
    has_slots: bool = True
    """False where the lanes are our own numbering of a server's requests."""
    offset: int = 0
    """What the ids of these requests are above their numbers, which are those of the same requests in another run."""


@dataclass(frozen=True, slots=True)
class SlotScene:
    """One drawing: a part, the visible range of its axis, and its place on the widget."""

    shown: Shown
    lo: float
    """The left edge of the axis, in steps from the first step of the part."""
    span: float
    box: QRectF
    """The rectangle of the lanes."""
    queue: QRectF
    """The rectangle of the queue, under the lanes; without height where no request waited."""
    width: float
    """Width of the whole widget in logical pixels."""
    ratio: float
    """Device pixels per logical pixel."""
    step: int | None
    """The selected step."""
    request: int | None
    """The selected request; the others are dimmed."""

    @property
    def lanes(self) -> int:
        """Number of slots that are drawn."""
        return max(self.shown.figures.lanes, 1)

    @property
    def first(self) -> float:
        """The step at the left edge."""
        return self.shown.part.first + self.lo

    @property
    def bottom(self) -> float:
        """The bottom edge of the queue, or of the lanes where there is no queue."""
        return (self.queue if self.queue.height() else self.box).bottom()

    def place(self, step: int, slot: int) -> QPointF:
        """The centre of a slot-step in the widget's coordinates."""
        x = self.box.left() + (step - self.shown.part.first + 0.5 - self.lo) / self.span * self.box.width()
        return QPointF(x, self.box.top() + (slot + 0.5) / self.lanes * self.box.height())

    def cell_at(self, place: QPointF) -> tuple[int, int] | None:
        """(step, slot) at a point of the widget, with slot -1 in the queue; None outside both."""
        area = self.box if self.box.contains(place) else self.queue
        if not area.contains(place):
            return None
        part = self.shown.part
        step = part.first + int(np.floor(self.lo + (place.x() - self.box.left()) / self.box.width() * self.span))
        if not part.first <= step <= part.last:
            return None
        return step, int((place.y() - self.box.top()) / self.box.height() * self.lanes) if area is self.box else -1


def lane_pixels(scene: SlotScene) -> NDArray[np.uint32]:
    """The lanes as uint32 [height, width] premultiplied ARGB: at most one mark per pixel column and class.

    A column of several steps is filled from below up to the share of useful steps, then hatched up to the share of
    padding; the rest was idle.
    """
    colours, box, ratio = theme(), scene.box, scene.ratio
    width, height = max(1, round(box.width() * ratio)), max(1, round(box.height() * ratio))
    edges = scene.first + np.arange(width + 1) / width * scene.span
    inside = (edges[:-1] < scene.shown.part.last + 1) & (edges[1:] > scene.shown.part.first)
    pixels = np.full((height, width), argb(colours.panel), np.uint32)
    hatch: NDArray[np.uint32] | None = None
    rows = min(scene.lanes, max(1, int(height / (LANE_LEAST * ratio))))
    used = scene.shown.runs.slots
    bounds = np.arange(rows + 1) * height // rows
    for row in range(rows):
        lanes = range(row * scene.lanes // rows, (row + 1) * scene.lanes // rows)
        slots = used[bisect_left(used, lanes.start) : bisect_left(used, lanes.stop)]
        useful, padding, owner = _lane_row(scene, slots, len(lanes), edges)
        useful, padding = useful * inside, padding * inside
        top, bottom = int(bounds[row]), int(bounds[row + 1])
        gap = round(ratio) if bottom - top >= 3 * GRID * ratio else 0
        high = bottom - top - gap
        middle = top + high // 2
        pixels[middle, inside] = argb(colours.line)
        filled = np.rint(np.where((useful > 0) & (useful * high < 1), 1, useful * high)).astype(np.int64)
        over = np.rint(np.where((padding > 0) & (padding * high < 1), 1, padding * high)).astype(np.int64)
        over = np.minimum(over, high)
        filled = np.minimum(filled, high - over)
        place = np.arange(high)[::-1, None]  # rows, counted from the bottom of the lane
        paint = _owner_colours(scene, owner, colours)
        lane = pixels[top : top + high]
        np.copyto(lane, paint[None, :], where=place < filled)
        if over.any():
            hatch = hatched((height, width), colours) if hatch is None else hatch
            np.copyto(lane, hatch[:high], where=(place >= filled) & (place < filled + over))
    if box.width() / scene.span >= CELL:
        steps = np.floor(edges).astype(np.int64)
        pixels[:, np.flatnonzero(np.diff(steps) > 0)] = argb(colours.panel)
    return pixels


def _lane_row(
    scene: SlotScene, slots: list[int], lanes: int, edges: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
    """(useful share, padding share, owner) by column of one row: of its lane, or the mean of the lanes that share it.

    `lanes` is the number of lanes in the row; `slots` are those of them that were ever used.
    """
    useful, padding, owner = lane_columns(NOTHING, edges)
    drawn = slots[:: -(-len(slots) // MOST_IN_A_ROW)] if slots else []
    for slot in drawn:
        more = lane_columns(scene.shown.runs.lane(slot), edges)
        useful, padding = useful + more[0], padding + more[1]
        owner = np.where(owner == IDLE, more[2], owner)
    share = len(slots) / max(len(drawn), 1) / lanes
    return useful * share, padding * share, owner


def _owner_colours(scene: SlotScene, owner: NDArray[np.int64], colours: Theme) -> NDArray[np.uint32]:
    strong = [argb(colour) for colour in colours.requests]
    weak = [argb(blend(colour, colours.panel, DIMMED)) for colour in colours.requests]
    index = np.maximum(owner - scene.shown.offset, 0) % len(strong)
    paint: NDArray[np.uint32] = np.array(strong, np.uint32)[index]
    if scene.request is not None:
        paint = np.where(owner == scene.request, paint, np.array(weak, np.uint32)[index])
    return paint


def hatched(size: tuple[int, int], colours: Theme) -> NDArray[np.uint32]:
    """The pixels of padding, uint32 [height, width]: grey, with a diagonal hatch."""
    y, x = np.indices(size, sparse=True)
    grey = colours.positions["padding"]
    pixels: NDArray[np.uint32] = np.where((x + y) % 6 < 2, argb(grey), argb(blend(grey, colours.panel, 0.18))).astype(
        np.uint32
    )
    return pixels
