"""The default arrangement of the docks for each window size, and the version of a stored arrangement."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Final

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import QDockWidget, QMainWindow, QTabWidget

Row = tuple[tuple[str, ...], ...]
"""A row of cells; a cell holds one panel or several as tabs, the first in front."""

FIRST: Final[Row] = (
    (
        "timeline", "batch", "inspector", "requests", "session", "compare", "query", "summary", "before-after",
        "kernels",
    ),
)  # fmt: skip
"""Panels of the widest cell, in which no tab title is cut: those along the step axis, and the tables."""
SMALL: Final[tuple[Row, ...]] = (
    FIRST,
    (("redundancy", "attention", "parallel"), ("latency", "kv-memory", "utilisation", "roofline")),
)
MEDIUM: Final[tuple[Row, ...]] = (
    FIRST,
    (("redundancy", "parallel"), ("attention",), ("latency", "utilisation", "kv-memory", "roofline")),
)
LARGE: Final[tuple[Row, ...]] = (
    FIRST,
    (("redundancy", "parallel"), ("attention",), ("kv-memory",)),
    (("latency",), ("utilisation", "roofline")),
)
TIMELINE_SHARE: Final = 0.3
"""Share of the height for the first row, which holds the timeline."""
LAST_COLUMN: Final = 1.25
"""Width of the last of three columns, as a multiple of the others' width: LARGE has the KV memory panel there."""


def rows_for(size: QSize) -> tuple[Row, ...]:
    """The default arrangement for a window of this size."""
    if size.width() >= 1800 and size.height() >= 960:
        return LARGE
    return MEDIUM if size.width() >= 1480 else SMALL


def arrange(window: QMainWindow, side: QDockWidget, docks: Mapping[str, QDockWidget], rows: Sequence[Row]) -> None:
    """Put `side` on the left and the docks in rows on the right; docks that no row names join the widest cell."""
    present = [
        [[name for name in cell if name in docks] for cell in row]
        for row in rows
        if any(n in docks for c in row for n in c)
    ]
    grid = [[cell for cell in row if cell] for row in present]
    named = {name for row in grid for cell in row for name in cell}
    rest = [name for name in docks if name not in named]
    for dock in (side, *docks.values()):
        _take_out(window, dock)
    window.addDockWidget(Qt.DockWidgetArea.LeftDockWidgetArea, side)
    side.show()
    if not grid:
        if not rest:
            return
        grid = [[[rest.pop(0)]]]
    min(grid, key=len)[0] += rest  # in a narrow cell the titles of so many tabs would be cut
    area = Qt.DockWidgetArea.RightDockWidgetArea
    for index, row in enumerate(grid):
        first = docks[row[0][0]]
        if index == 0:
            window.addDockWidget(area, first)
        else:
            window.splitDockWidget(docks[grid[index - 1][0][0]], first, Qt.Orientation.Vertical)
    for row in grid:
        for before, cell in pairwise(row):
            window.splitDockWidget(docks[before[0]], docks[cell[0]], Qt.Orientation.Horizontal)
    for row in grid:
        for cell in row:
            for name in cell[1:]:
                window.tabifyDockWidget(docks[cell[0]], docks[name])
            for name in cell:
                docks[name].show()
            docks[cell[0]].raise_()
    window.setTabPosition(Qt.DockWidgetArea.AllDockWidgetAreas, QTabWidget.TabPosition.North)


def _take_out(window: QMainWindow, dock: QDockWidget) -> None:
    window.removeDockWidget(dock)
    if dock.isFloating():  # otherwise Qt would give it a window's flags anew, and style all that is in it
        dock.setFloating(False)


def proportion(
    window: QMainWindow,
    side: QDockWidget,
    docks: Mapping[str, QDockWidget],
    rows: Sequence[Row],
    side_width: int,
    first_share: float = TIMELINE_SHARE,
) -> None:
    """Give the rows and columns of `arrange` their share of the window; call it when the window has its size."""
    grid = [[cell for cell in ([n for n in cell if n in docks] for cell in row) if cell] for row in rows]
    grid = [row for row in grid if row]
    if not grid:
        return
    firsts = [docks[row[0][0]] for row in grid]
    height = window.height()
    shares = [first_share, *([(1 - first_share) / max(1, len(grid) - 1)] * (len(grid) - 1))]
    window.resizeDocks(firsts, [round(share * height) for share in shares], Qt.Orientation.Vertical)
    for row in grid:
        if len(row) > 1:
            weights = [1.0] * (len(row) - 1) + [LAST_COLUMN if len(row) == 3 else 1.0]
            widths = [round(weight / sum(weights) * (window.width() - side_width)) for weight in weights]
            window.resizeDocks([docks[cell[0]] for cell in row], widths, Qt.Orientation.Horizontal)
    window.resizeDocks([side, firsts[0]], [side_width, window.width() - side_width], Qt.Orientation.Horizontal)


def version_of(docks: Mapping[str, QDockWidget]) -> int:
    """A number that identifies this set of panels: a stored arrangement of another set is not restored."""
    return zlib.crc32(",".join(sorted(docks)).encode()) & 0x7FFF
