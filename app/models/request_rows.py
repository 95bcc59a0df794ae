"""The rows of the Requests panel: how each request fared, as cells, and as plain values for CSV."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal, overload

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QCoreApplication

from app.look.units import DERIVED, MEASURED, NOT_APPLICABLE, count, cut, name_of, percent, seconds, significant
from app.models.finish_words import finish_words, reason_words
from app.models.ran_before import ran_before
from engine.figures.request_table import MEASURES, UNKNOWN, RequestTable, percentiles_of
from engine.session.columns import Columns
from engine.session.store import RecordedRequest

State = Literal["waiting", "running", "ended"]
STATES: Final[tuple[State, ...]] = ("waiting", "running", "ended")
WAITING, RUNNING, ENDED = range(3)
COLUMNS: Final = (
    "id", "prompt", "state", "arrived_s", "waited_s", "ttft_s", "tpot_s", "latency_s", "prompt_tokens", "tokens",
    "reused", "preempted", "acceptance_rate", "acceptance_length",
)  # fmt: skip
PROMPT, STATE = COLUMNS.index("prompt"), COLUMNS.index("state")
MOST_HELD: Final = 999_999
"""Positions of a context that is full, for the width of the words that say so."""
PERCENTILES: Final = ("p50", "p90", "p99", "most")


def text_of(name: str, value: float | None) -> str:
    """A figure of a column, with its unit."""
    if value is None or np.isnan(value):
        return NOT_APPLICABLE
    if name.endswith("_s"):
        return seconds(value)
    if name == "acceptance_rate":
        return percent(value)
    return count(int(value)) if name != "acceptance_length" and value == int(value) else significant(value)


@dataclass(frozen=True, slots=True)
class Foot:
    """Percentiles of the shown rows, by column."""

    values: dict[str, dict[str, float | None]]
    rows: int


class RequestRows:
    """What the table shows of a session, made anew from its RequestTable by `update`."""

    def __init__(self, table: RequestTable) -> None:
        self.table = table
        self._requests = table.session.requests
        self._values: dict[str, NDArray[np.float64]] = {}
        self._states: NDArray[np.int64] = np.empty(0, np.int64)
        self._prompts: dict[str, int] = {}
        """A number for the first words of each prompt: many requests have the same."""
        self._prompt_of = Columns({"prompt": np.int64})
        self._ranks: NDArray[np.float64] = np.empty(0)

    def update(self) -> bool:
        """Take what came since the last call; returns whether there was anything."""
        if not self.table.update() and self._values:
            return False
        new = [name_of(self._requests[one].prompt) for one in self.table.ids[len(self._prompt_of) :].tolist()]
        self._prompt_of.extend_columns({"prompt": [self._prompts.setdefault(one, len(self._prompts)) for one in new]})
        self._values = {name: self.table.values(name) for name in ("arrived_s", *MEASURES)}
        ended = self.table.number("finished_ns") != UNKNOWN
        begun = (self.table.number("scheduled_ns") != UNKNOWN) | (self.table.number("tokens") > 0)
        self._states = np.where(ended, ENDED, np.where(begun, RUNNING, WAITING))
        return True

    def __len__(self) -> int:
        return len(self._states)

    def keys(self) -> Sequence[NDArray[np.float64]]:
        """The values by which each column sorts, made when they are asked for. Prompts sort by their words, as far as
        these tell them apart.
        """
        return _Keys(self._key)

    def rows(self, steps: tuple[int, int] | None, state: str) -> NDArray[np.int64] | None:
        """The rows of requests in a range of steps, and in a state ("" is every one); None: all rows."""
        if steps is None and not state:
            return None
        found = self.table.within(steps)
        found = found[found < len(self)]
        return found[self._states[found] == STATES.index(state)] if state else found

    def states(self) -> dict[str, int]:
        """How many requests are in each state."""
        numbers = np.bincount(self._states, minlength=len(STATES)).tolist()
        return dict(zip(STATES, numbers, strict=True))

    def request(self, row: int) -> RecordedRequest:
        return self._requests[int(self.table.ids[row])]

    def text(self, row: int, name: str) -> str:
        """A cell."""
        match name:
            case "id":
                return count(int(self.table.ids[row]))
            case "prompt":
                return name_of(self.request(row).prompt) or "∅"
            case "state":
                state = self._states[row]
                return finish_words(self.request(row)) if state == ENDED else words_of_state(STATES[state])
            case _:
                return text_of(name, float(self._values[name][row]))

    def tip(self, row: int, name: str) -> str:
        """The tool tip of a cell: as much of a prompt as can be read, or why a figure is not there."""
        if name == "prompt":
            return cut(self.request(row).prompt)
        return ran_before() if name in ("waited_s", "ttft_s") and self.request(row).begun_before else ""

    def value(self, row: int, name: str) -> object:
        """A cell in base units, for CSV; None where it is not known."""
        match name:
            case "id":
                return int(self.table.ids[row])
            case "prompt":
                return self.request(row).prompt
            case "state":
                return self.request(row).finish_reason or STATES[self._states[row]]
            case _:
                value = float(self._values[name][row])
                if np.isnan(value):
                    return None
                return value if name.endswith("_s") or name in ("acceptance_rate", "acceptance_length") else int(value)

    def foot(self, rows: NDArray[np.int64] | None) -> Foot:
        """Percentiles of these rows."""
        chosen = {name: self._values[name] if rows is None else self._values[name][rows] for name in MEASURES}
        return Foot(
            {name: percentiles_of(values) for name, values in chosen.items()}, len(self) if rows is None else len(rows)
        )

    def widest(self, name: str) -> list[str]:
        """Texts of which one is as wide as any that a column has now; a time gets no wider than three figures."""
        if name == "state":
            return [words_of_state(one) for one in (*STATES[:ENDED], *self.table.reasons)]
        if name.endswith("_s"):
            return ["99.9\u2009ms", text_of(name, _largest(self._values[name]))]
        if name.startswith("acceptance"):
            return [text_of(name, 0.9999)]
        return [text_of(name, _largest(self.table.ids if name == "id" else self._values[name]))]

    def known(self, name: str) -> bool:
        """Whether any request has a figure in a column."""
        return not np.isnan(self._values[name]).all()

    def _key(self, name: str) -> NDArray[np.float64]:
        match name:
            case "id":
                return self.table.ids.astype(np.float64)
            case "prompt":
                return self._prompt_keys()
            case "state":
                return self._state_keys()
            case _:
                return self._values[name]

    def _state_keys(self) -> NDArray[np.float64]:
        """Those that wait, those that run, then those that ended, by the reason."""
        reasons = self.table.reasons
        of_reason = _ranks(reasons)[self.table.number("reason")] / (len(reasons) + 1)
        return self._states.astype(np.float64) + np.where(self._states == ENDED, of_reason, 0.0)

    def _prompt_keys(self) -> NDArray[np.float64]:
        """The place of each prompt among all of them, in the order of their words."""
        if len(self._ranks) != len(self._prompts):
            self._ranks = _ranks(list(self._prompts))
        found: NDArray[np.float64] = self._ranks[self._prompt_of["prompt"][: len(self)]]
        return found


class _Keys(Sequence[NDArray[np.float64]]):
    """The values of each column, by its place."""

    def __init__(self, of: Callable[[str], NDArray[np.float64]]) -> None:
        self._of = of

    def __len__(self) -> int:
        return len(COLUMNS)

    @overload
    def __getitem__(self, place: int) -> NDArray[np.float64]: ...

    @overload
    def __getitem__(self, place: slice) -> Sequence[NDArray[np.float64]]: ...

    def __getitem__(self, place: int | slice) -> NDArray[np.float64] | Sequence[NDArray[np.float64]]:
        names = COLUMNS[place]
        return self._of(names) if isinstance(names, str) else [self._of(name) for name in names]


def _ranks(words: list[str]) -> NDArray[np.float64]:
    """The place of each word in their order; one place where there are none."""
    ranks = np.zeros(max(len(words), 1))
    ranks[sorted(range(len(words)), key=words.__getitem__)] = np.arange(len(words))
    return ranks


def _largest(values: NDArray[np.float64] | NDArray[np.int64]) -> float | None:
    return float(np.nanmax(values)) if len(values) and not np.isnan(values).all() else None


def words_of_state(state: str) -> str:
    """A state, or a reason why a request ended, in words that are as wide as any of it."""
    return {
        "waiting": QCoreApplication.translate("Requests", "waiting"),
        "running": QCoreApplication.translate("Requests", "running"),
    }.get(state) or reason_words(state, MOST_HELD)


def marks() -> dict[str, str]:
    """The provenance of each column that holds figures."""
    derived = ("acceptance_rate", "acceptance_length")
    return {name: DERIVED if name in derived else MEASURED for name in COLUMNS[STATE + 1 :]}
