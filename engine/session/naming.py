"""The name that a person gave a session, and that of the part of a watch before it, as they are shown: a file may come
from anybody and hold anything there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from engine.session.edits import MOST_OF_NAME, NAME

CONTINUES: Final = "continues"
"""The fact of a part of a watch that names the file of the part before it."""


def name_in(meta: Mapping[str, str]) -> str:
    """The name of a session, on one line and of at most MOST_OF_NAME characters; "" where it has none."""
    return one_line(meta.get(NAME, ""))


def part_before(meta: Mapping[str, str]) -> str:
    """The file of the part of the same watch that was recorded before this one; "" where there is none."""
    return one_line(meta.get(CONTINUES, ""))


def one_line(name: str) -> str:
    """A name as it is kept: white space joined to single spaces, cut to MOST_OF_NAME characters."""
    return " ".join(name[: 2 * MOST_OF_NAME].split())[:MOST_OF_NAME]
