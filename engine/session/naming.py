"""What a person calls a recording, and what is noted about it: the facts `name` and `notes` of a session."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from engine.errors import InputError

NAME: Final = "name"
NOTES: Final = "notes"
MOST_OF_NAME: Final = 200
MOST_OF_NOTES: Final = 100_000
"""Characters."""


def name_in(meta: Mapping[str, str]) -> str:
    """The name of a session, on one line and of at most MOST_OF_NAME characters; "" where it has none.

    A file may come from anybody, so that its name may be longer and hold line ends.
    """
    return one_line(meta.get(NAME, ""))


def one_line(name: str) -> str:
    """A name as it is kept: white space joined to single spaces, cut to MOST_OF_NAME characters."""
    return " ".join(name[: 2 * MOST_OF_NAME].split())[:MOST_OF_NAME]


def check_notes(notes: str) -> None:
    """Raise InputError where notes are longer than a session keeps."""
    if len(notes) > MOST_OF_NOTES:
        raise InputError(
            f"These notes have {len(notes)} characters; a recording keeps at most {MOST_OF_NOTES}: shorten them."
        )
