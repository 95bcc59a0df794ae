"""Pinned baselines: recordings, or ranges of their steps, that others are compared with. Kept in the preferences."""

from __future__ import annotations

import json
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

MOST: Final = 20
"""How many baselines are kept."""
MOST_OF_A_NAME: Final = 80


@dataclass(frozen=True, slots=True)
class Baseline:
    """A recording under a name; `steps` are the first and last step of a range, None is the whole of it."""

    name: str
    path: str
    steps: tuple[int, int] | None = None

    def kept(self) -> str:
        """The baseline as the preferences keep it."""
        return json.dumps({"name": self.name, "path": self.path, "steps": self.steps})


def baselines(kept: Iterable[str]) -> list[Baseline]:
    """The baselines of these texts; what cannot be understood is left out."""
    found = []
    for text in kept:
        with suppress(ValueError, TypeError, KeyError):
            value = json.loads(text)
            steps = None if value["steps"] is None else (int(value["steps"][0]), int(value["steps"][1]))
            if isinstance(value["path"], str) and (steps is None or 0 <= steps[0] <= steps[1]):
                found.append(Baseline(str(value["name"])[:MOST_OF_A_NAME], value["path"], steps))
    return found
