"""The points of a plot of a query's answer: the numbers of its columns, thinned to what a screen can show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from app.models.query_result import column_name, is_numeric, numbers, value_text
from engine.session.asking import Answered

Style = Literal["line", "points", "bars"]
ROW: Final = -1
"""Stands for the number of the row in place of a column."""
GRID: Final = (1600, 800)
"""Cells of the picture: of the points in one cell, one is drawn."""
MOST_NAMES: Final = 60
"""Texts that are written at an axis."""
MOST_SERIES: Final = 8


@dataclass(frozen=True, slots=True)
class Series:
    """The points of one column."""

    name: str
    x: NDArray[np.float64]
    y: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Plot:
    """What is drawn: the series, and the texts at x where x is a column of texts."""

    x_name: str
    series: list[Series]
    names: list[tuple[float, str]]


def x_columns(answered: Answered) -> list[int]:
    """The columns that can be x: ROW, those of numbers, and of few rows those of texts."""
    texts = len(answered.rows) <= MOST_NAMES
    return [ROW, *(n for n in range(len(answered.columns)) if texts or is_numeric(answered, n))]


def y_columns(answered: Answered) -> list[int]:
    """The columns that can be y."""
    return [n for n in range(len(answered.columns)) if is_numeric(answered, n)]


def first_choice(answered: Answered) -> tuple[int, list[int]]:
    """The x and the y to begin with: the first column over which another has numbers."""
    ys = y_columns(answered)
    xs = [n for n in x_columns(answered) if n != ROW]
    if not ys:
        return ROW, []
    if len(answered.columns) == 1 or not xs:
        return ROW, ys[:1]
    return xs[0], [n for n in ys if n != xs[0]][:1] or ys[:1]


def plot_of(answered: Answered, x: int, ys: list[int], style: Style, row_name: str) -> Plot:
    """The plot of these columns; a line is drawn in the order of x."""
    at = np.arange(len(answered.rows), dtype=np.float64)
    names: list[tuple[float, str]] = []
    if x != ROW:
        if is_numeric(answered, x):
            at = numbers(answered, x)
        else:
            names = [(float(n), value_text(row[x])) for n, row in enumerate(answered.rows)]
    made = [_series(column_name(answered, y), at, numbers(answered, y), style) for y in ys[:MOST_SERIES]]
    return Plot(row_name if x == ROW else column_name(answered, x), made, names)


def _series(name: str, x: NDArray[np.float64], y: NDArray[np.float64], style: Style) -> Series:
    there = np.isfinite(x) & np.isfinite(y)
    x, y = x[there], y[there]
    if style == "line":
        order = np.argsort(x, kind="stable")
        x, y = _envelope(x[order], y[order])
    elif style == "bars":
        order = np.argsort(x, kind="stable")
        x, y = _highest(x[order], y[order])
    else:
        x, y = _one_a_cell(x, y)
    return Series(name, x, y)


def _one_a_cell(x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The points without those that fall on another one in the picture."""
    if len(x) <= GRID[0]:
        return x, y
    cells = _place(x, GRID[0]) * (GRID[1] + 1) + _place(y, GRID[1])
    kept = np.sort(np.unique(cells, return_index=True)[1])
    return x[kept], y[kept]


def _envelope(x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Of each column of pixels the first, lowest, highest and last point: the line through them looks the same."""
    if len(x) <= 4 * GRID[0]:
        return x, y
    begins = np.flatnonzero(np.diff(_place(x, GRID[0]), prepend=-1))
    ends = np.append(begins[1:], len(x))
    kept = {int(n) for n in begins} | {int(n) - 1 for n in ends}
    for begin, end in zip(begins.tolist(), ends.tolist(), strict=True):
        kept |= {begin + int(np.argmin(y[begin:end])), begin + int(np.argmax(y[begin:end]))}
    rows = np.array(sorted(kept))
    return x[rows], y[rows]


def _highest(x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Of each column of pixels the bar that is farthest from zero."""
    if len(x) <= GRID[0]:
        return x, y
    begins = np.flatnonzero(np.diff(_place(x, GRID[0]), prepend=-1))
    ends = np.append(begins[1:], len(x)).tolist()
    rows = [begin + int(np.argmax(np.abs(y[begin:end]))) for begin, end in zip(begins.tolist(), ends, strict=True)]
    return x[rows], y[rows]


def _place(values: NDArray[np.float64], cells: int) -> NDArray[np.int64]:
    low, high = float(values.min()), float(values.max())
    return ((values - low) / ((high - low) or 1.0) * cells).astype(np.int64)
