"""What a request list holds, in a few figures: how many, how long, when they arrive, how they are sampled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from engine.client.requests_file import Examined, Line, LineFault, examine
from engine.core.settings import RequestSpec
from engine.errors import InputError
from engine.plain_text import path_text
from engine.session.patience import Patience

FIRST: Final = 3
"""How many prompts are shown."""
MOST_OF_A_PROMPT: Final = 400


@dataclass(frozen=True, slots=True)
class ListFacts:
    """A request list that was read. Of each pair, the least and the most; None where no line says it."""

    examined: Examined
    prompts: tuple[tuple[str, int], ...]
    """(the beginning, characters) of the first prompts."""
    characters: tuple[int, int] | None
    tokens: tuple[int, int] | None
    unsaid_tokens: int
    """How many lines do not say how many tokens they want."""
    arrivals_s: tuple[float, float]
    samplings: tuple[dict[str, Any], ...]
    """The first two different settings of sampling that lines give; {} where a line gives none."""

    @property
    def count(self) -> int:
        return len(self.examined.lines) + self.examined.wrong

    @property
    def faults(self) -> tuple[LineFault, ...]:
        return self.examined.faults

    def specs(self, usual: RequestSpec) -> tuple[RequestSpec, ...]:
        """The requests; `usual` has the values that a line leaves out. Raises InputError where a line is wrong."""
        if self.faults:
            raise InputError(f"Line {self.faults[0].line} of the request list is wrong: {self.faults[0].sentence}")
        return self.examined.specs(usual)


def read_list(path: Path, patience: Patience | None = None) -> ListFacts:
    """Read a request list; raises InputError where it as a whole is wrong."""
    if path.exists() and not path.is_file():  # a pipe could be read only once
        raise InputError(f"The request list {path_text(path)} is not a file.")
    examined = examine(str(path), patience)
    lines = examined.lines
    prompts = [str(line.own.get("prompt", "")) for line in lines]
    return ListFacts(
        examined,
        tuple((prompt[:MOST_OF_A_PROMPT], len(prompt)) for prompt in prompts[:FIRST]),
        _range([len(prompt) for prompt in prompts]),
        _range([line.own["max_new_tokens"] for line in lines if "max_new_tokens" in line.own]),
        sum("max_new_tokens" not in line.own for line in lines),
        _range([float(line.own.get("arrival_s", 0.0)) for line in lines]) or (0.0, 0.0),
        _samplings(lines),
    )


def _range(values: list[Any]) -> Any:
    return (min(values), max(values)) if values else None


def _samplings(lines: Sequence[Line]) -> tuple[dict[str, Any], ...]:
    found: list[dict[str, Any]] = []
    for line in lines:
        if line.drawn not in found:
            found.append(line.drawn)
        if len(found) == 2:
            break
    return tuple(found)
