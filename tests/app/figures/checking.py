"""Holds every figure that the panels show of one session file against `info --json` and against plain SQL."""

from __future__ import annotations

import re
from collections.abc import Iterable

from tests.app.figures.database import Database
from tests.app.figures.recorded import Recorded
from tests.app.figures.sentences import Wrong
from tests.app.figures.sql import NOT_HELD, Expected, differs
from tests.app.figures.told import Asked
from tests.app.figures.walk import Book, Walk
from tests.app.figures.which_panels import every_panel


def walk_through(recorded: Recorded, book: Book, panels: Iterable[str] | None = None) -> tuple[list[Wrong], Asked]:
    """The texts of a session's panels that are not as told, and every value of the answers that was looked at."""
    walk = Walk(recorded, book)
    wrong = [one for panel in panels or every_panel() for one in walk.panel(panel)]
    walk.close()
    return wrong, walk.command_line.asked


def against_sql(recorded: Recorded, asked: Asked) -> tuple[list[str], set[str], set[str]]:
    """The values that SQL gives otherwise, the paths that it gives, and the reasons for which others have no SQL."""
    wrong, used, reasons = [], set(), set()
    database = Database(recorded.path)
    found: dict[object, Expected] = {}
    for (steps, path), told in asked.items():
        reason = next((pattern for pattern in NOT_HELD if re.fullmatch(pattern, path)), None)
        if reason is not None:
            reasons.add(reason)
            continue
        first, last = steps if steps is not None else (0, recorded.steps - 1)
        expected = found.setdefault(steps, Expected(database, first, last, steps is None)).value(path)
        used.add(path)
        if differs(expected, told):
            wrong.append(f"{recorded.name} {steps}: {path} is {expected} in SQL, {told} in info --json")
    database.close()
    return wrong, used, reasons
