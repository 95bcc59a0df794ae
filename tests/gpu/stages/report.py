"""What a stage finds: figures beside their bounds, written down one by one, so that a stage that dies keeps them."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any


class SkipStage(Exception):  # noqa: N818 - no failure
    """There is nothing that this stage could check here; the text says why."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure; `least` and `most` are the bounds it must keep, None where there is none."""

    what: str
    how: str
    value: float
    unit: str
    least: float | None = None
    most: float | None = None

    @property
    def held(self) -> bool | None:
        """Whether it keeps its bounds (NaN keeps none); None where it has none."""
        if self.least is None and self.most is None:
            return None
        low = -math.inf if self.least is None else self.least
        high = math.inf if self.most is None else self.most
        return low <= self.value <= high


class Report:
    """Takes figures and facts and appends each to a file of JSON lines at once."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.missed = 0

    def figure(
        self, what: str, value: float, unit: str = "", *, how: str = "", least: float | None = None,
        most: float | None = None,
    ) -> None:  # fmt: skip
        """Note a figure, with the bounds it must keep if any."""
        figure = Figure(what, how, float(value), unit, least, most)
        held = figure.held
        self.missed += held is False
        number = figure.value if math.isfinite(figure.value) else None  # JSON has no word for the others
        self._write({"figure": {**asdict(figure), "value": number, "held": held}})

    def holds(self, what: str, held: bool, how: str = "") -> None:
        """Note something that must be so: 1 where it is, and at least 1 is wanted."""
        self.figure(what, float(held), "", how=how, least=1.0)

    def fact(self, name: str, value: Any) -> None:
        """Note something about the machine, which goes to the head of the result."""
        self._write({"fact": {name: value}})

    def say(self, text: str) -> None:
        """A sentence for the stage's row, the last one said counts."""
        self._write({"why": text})

    def _write(self, line: dict[str, Any]) -> None:
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line, ensure_ascii=False) + "\n")


def read_report(path: Path) -> tuple[list[dict[str, Any]], dict[str, Any], str]:
    """(figures, facts, last sentence) of a stage's file, whatever became of the stage; a torn last line is lost."""
    figures: list[dict[str, Any]] = []
    facts: dict[str, Any] = {}
    why = ""
    text = path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
    for line in text.splitlines():
        try:
            said = json.loads(line)
        except json.JSONDecodeError:
            continue
        if "figure" in said:
            figures.append(said["figure"])
        facts |= said.get("fact", {})
        why = said.get("why", why)
    return figures, facts, why
