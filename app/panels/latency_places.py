"""Where the parts of the Latency panel stand, by its size."""

from __future__ import annotations

from typing import Final, Literal

Arrangement = Literal["low", "broad", "wide", "tall", "short"]
Part = Literal["table", "line", "range", "split", "strip", "steps", "histogram", "late", "streams"]
LOW: Final = 340
BROAD: Final = 800
WIDE: Final = 1000
TALL: Final = 620
"""Panel heights (LOW, TALL) and widths (BROAD, WIDE) in pixels at which the panel changes its arrangement."""


def arrangement_of(width: int, height: int) -> Arrangement:
    """The arrangement for a panel of this size.

    Low or broad: the table beside one picture. Wide: table and strip above both pictures. Short: the table above one
    picture. Tall: everything in one column.
    """
    if height < LOW:
        return "low" if width < BROAD else "broad"
    if width >= WIDE:
        return "wide"
    return "tall" if height >= TALL else "short"


def places(arrangement: Arrangement, picture: Part) -> list[tuple[Part, int, int, int]]:
    """(part, row, column, columns) of each part that is shown; `picture` is the one where there is room for one.

    The late tokens take the place of both pictures, and in a low panel that of the table too. The figures of streams,
    where no steps are told, take the whole panel.
    """
    if picture == "streams":
        return [("streams", 0, 0, 2)]
    late = picture == "late"
    row: list[tuple[Part, int, int, int]]
    match arrangement:
        case "low":
            row = [("late", 0, 0, 2)] if late else [("table", 0, 0, 1), (picture, 0, 1, 1)]
            return [*row, ("line", 1, 0, 2), ("range", 2, 0, 2)]
        case "broad":
            row = [("late", 0, 0, 2)] if late else [("table", 0, 0, 1), (picture, 0, 1, 1)]
            return [*row, ("line", 1, 0, 1), ("range", 1, 1, 1)]
        case "wide":
            row = [("late", 3, 0, 2)] if late else [("steps", 3, 0, 1), ("histogram", 3, 1, 1)]
            return [("table", 0, 0, 1), ("strip", 0, 1, 1), ("line", 1, 0, 1), ("range", 1, 1, 1), ("split", 2, 0, 2),
                    *row]  # fmt: skip
        case "tall":
            row = [("late", 4, 0, 2)] if late else [("steps", 4, 0, 2), ("histogram", 5, 0, 2), ("strip", 6, 0, 2)]
            return [("table", 0, 0, 2), ("line", 1, 0, 2), ("range", 2, 0, 2), ("split", 3, 0, 2), *row]
        case "short":
            return [("table", 0, 0, 2), ("line", 1, 0, 2), ("range", 2, 0, 2), (picture, 3, 0, 2)]


def rows_of(arrangement: Arrangement, picture: Part) -> tuple[int, ...]:
    """How the rows of the grid share the height."""
    if picture == "streams":
        return (1,)
    rows = ROWS[arrangement]
    return rows[:5] if picture == "late" else rows


ROWS: Final[dict[Arrangement, tuple[int, ...]]] = {
    "low": (3,), "broad": (3,), "wide": (0, 0, 0, 3), "tall": (0, 0, 0, 0, 3, 2, 2), "short": (0, 0, 0, 3),
}  # fmt: skip
"""How the rows share the height where pictures are shown."""
COLUMNS: Final[dict[Arrangement, int]] = {"low": 2, "broad": 3, "wide": 4, "tall": 4, "short": 4}
"""The stretch of the second column; that of the first is 3."""
