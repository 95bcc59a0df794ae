"""A case: an input that was made hostile, and the commands that are given it."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

WALK = "(walk)"
"""In place of a command's name: every panel is built on the session, and steps are walked through."""


@dataclass(frozen=True, slots=True)
class Case:
    """`what` says how the input was made; `commands` are what is typed after `decodescope`."""

    what: str
    input: Path
    commands: tuple[tuple[str, ...], ...]

    @property
    def size_bytes(self) -> int:
        """Of the file, or of all files in the folder."""
        files = [self.input, *self.input.rglob("*")] if self.input.is_dir() else [self.input]
        return sum(file.stat().st_size for file in files if file.is_file())


Make: TypeAlias = Callable[[random.Random, Path, Path], Case]
"""(what chooses, folder with the unharmed inputs, empty folder of this case) -> the case."""


def rng_of(kind: str, seed: int, index: int) -> random.Random:
    """What chooses everything of one case, the same on every machine."""
    return random.Random(f"{kind}/{seed}/{index}")


def short(make: Make) -> Make:
    """The same cases with two of their commands."""

    def make_short(rng: random.Random, bases: Path, folder: Path) -> Case:
        case = make(rng, bases, folder)
        return replace(case, commands=tuple(rng.sample(case.commands, min(2, len(case.commands)))))

    return make_short


def one_more(done: list[str], change: Callable[[], str], refused: tuple[type[Exception], ...]) -> None:
    """Do a change and say in `done` what was done.

    It may be `refused`; and what comes after others may no longer find what it looks for. Of a first one that is a
    fault of the search, and raises.
    """
    try:
        done.append(change())
    except (*refused, TypeError, ValueError, LookupError, AttributeError) as error:
        if not done and not isinstance(error, refused):
            raise
        done.append("(no change)")
