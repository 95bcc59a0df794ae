"""A watch of a server has no end, so it is recorded in parts, one file after the other, and old parts may go.

This is a flight recorder: the newest parts together hold at least the last minutes that are asked for. The parts are
like the chunks of Java's Flight Recorder, each of which can be opened by itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

PART_S: Final = 3600.0
"""How long a part lasts, at most."""
PART_BYTES: Final = 512 * 2**20
"""How large the file of a part gets, about: the next part begins once it is larger."""
PART_ROWS: Final = 2_000_000
"""How many steps and tokens a part has in memory, about: those of an hour at 300 steps a second."""
MOST_BYTES: Final = 4 * 2**30
"""How large all parts are together, about, where only the last minutes are kept."""


@dataclass(frozen=True, slots=True)
class Part:
    """A part that is over."""

    path: Path
    ended_s: float
    """When it ended, on the clock of the caller."""
    size_bytes: int


class WatchParts:
    """The parts of one watch that are over, oldest first, and when the next one is due. It touches no file."""

    def __init__(self) -> None:
        self._over: list[Part] = []

    @staticmethod
    def is_due(age_s: float, size_bytes: int, rows: int, kept_s: float) -> bool:
        """Whether the part that goes on is to end. `rows` are its steps and tokens; `kept_s` is how much is kept, 0
        where everything is.
        """
        return age_s >= min(kept_s or PART_S, PART_S) or size_bytes >= PART_BYTES or rows >= PART_ROWS

    def end(self, path: Path, now_s: float, size_bytes: int) -> None:
        """A part has ended now."""
        self._over.append(Part(path, now_s, size_bytes))

    def take_beyond(self, now_s: float, kept_s: float) -> list[Path]:
        """The parts that are not kept any more, and are parts of this watch no longer; none where `kept_s` is 0."""
        if not kept_s:
            return []
        kept: list[Part] = []
        room = MOST_BYTES
        for part in reversed(self._over):
            room -= part.size_bytes
            if now_s - part.ended_s > kept_s or room < 0:
                break
            kept.insert(0, part)
        beyond = self._over[: len(self._over) - len(kept)]
        self._over = kept
        return [part.path for part in beyond]

    def reaching_back(self, now_s: float, begun_s: float, within_s: float) -> list[Path]:
        """The parts that hold what the part that began at `begun_s` lacks of the last `within_s`, oldest first."""
        since_s = now_s - within_s
        return [part.path for part in self._over if begun_s > since_s and part.ended_s > since_s]
