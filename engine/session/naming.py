"""The name that a person gave a session, as it is shown: a file may come from anybody and hold anything there."""

from __future__ import annotations

from collections.abc import Mapping

from engine.session.edits import MOST_OF_NAME, NAME


def name_in(meta: Mapping[str, str]) -> str:
    """The name of a session, on one line and of at most MOST_OF_NAME characters; "" where it has none."""
    return one_line(meta.get(NAME, ""))


def one_line(name: str) -> str:
    """A name as it is kept: white space joined to single spaces, cut to MOST_OF_NAME characters."""
    return " ".join(name[: 2 * MOST_OF_NAME].split())[:MOST_OF_NAME]
