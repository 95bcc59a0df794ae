"""CSV: a folder with one file for each table of the session; blobs are written as columns or rows."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable
from typing import Any, Final

from engine.errors import SessionFileError
from engine.export.content import Kind, contents
from engine.export.readable import cells
from engine.export.span import Span
from engine.export.whole import filling
from engine.figures.step_range import StepRange
from engine.session.json_text import json_text
from engine.session.store import Session

SPELLED: Final[dict[Kind, Callable[[Any], str]]] = {
    "json": json_text,
    "texts": json_text,
    "wholes": lambda values: " ".join(map(str, values)),
    "numbers": lambda values: " ".join(f"{value:.5g}" for value in values),
    "alternatives": lambda pairs: " ".join(f"{token}:{logprob:.5g}" for token, logprob in pairs),
}
"""How a value that is more than one number or text is written in a cell."""


def write_tables(
    session: Session, folder: str | os.PathLike[str], utf8_mark: bool = False, steps: StepRange = None
) -> None:
    """Write every table of a session, or of a range of its steps (`Span`), into `folder`, all of them or none.

    Raises SessionFileError where it cannot be written.

    `utf8_mark` begins each file with the mark by which some spreadsheets recognise UTF-8. A text that a spreadsheet
    would run as a formula begins with an apostrophe (`readable.cells`). `content.py` says what the tables hold; the
    alternatives of a token are written as `token id:logprob`, and the probabilities of an attention row in one cell,
    separated by spaces.
    """
    encoding = "utf-8-sig" if utf8_mark else "utf-8"
    try:
        with filling(folder) as target:
            for table in contents(Span(session, steps)):
                spelled = [SPELLED.get(kind) for kind in table.columns.values()]
                with (target / f"{table.name}.csv").open("w", encoding=encoding, newline="") as file:
                    writer = csv.writer(file)
                    writer.writerow(cells(table.columns))
                    for row in table.rows:
                        values = [
                            value if spell is None else spell(value) for value, spell in zip(row, spelled, strict=True)
                        ]
                        writer.writerow(cells(values))
    except OSError as error:
        raise SessionFileError(f"The tables cannot be written to {folder}: {error.strerror}.") from error
