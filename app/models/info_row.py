"""One row of what a recording is: a fact of a group, in words, and where a click on it leads."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class InfoRow:
    """A fact: the group it stands in, its name and its value, both in the language of the window."""

    group: str
    name: str
    value: str
    """All of it, however long: what "copy" copies."""
    tip: str = ""
    step: int | None = None
    """The step that a click selects; None where the row is about no step."""
    untold: bool = False
    """Whether the value only says that this was not recorded."""
