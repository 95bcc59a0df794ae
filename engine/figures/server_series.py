"""A server's own figures over time: its gauges as they were read, and what its counters did between two readings.

They come from its page of metrics, and where that tells no gauge, from the recorder's samples. A reading that did not
change is not stored (`schema.MetricSample`), so each series has a value at every moment at which the page was read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from engine.figures.device_series import in_range
from engine.figures.step_range import StepRange
from engine.session.server_names import FIGURES, NAMES, base_name
from engine.session.store import Session

ServerFigure = Literal["running", "waiting", "kv_usage", "prefix_hit_rate", "preemptions", "generated_per_s"]
SERVER_FIGURES: Final[tuple[ServerFigure, ...]] = get_args(ServerFigure)
"""Requests running and waiting; the part of the KV cache's blocks that requests hold (0 to 1); of the prompt tokens
looked up in the prefix cache between two readings, the part found (0 to 1); preemptions since the recording began;
generated tokens a second between two readings.
"""
GAUGES: Final[tuple[ServerFigure, ...]] = ("running", "waiting", "kv_usage")
HITS: Final = (
    ("prefix_hits", "prefix_queries"),
    ("prefix_hits_old", "prefix_queries_old"),
    ("cached_tokens", "prompt_tokens"),
)
"""Pairs of counters whose quotient is the hit rate, in order of preference."""
READ: Final = frozenset({*GAUGES, "preemptions", "generation_tokens", *(name for pair in HITS for name in pair)})
NAMED: Final[Mapping[str, tuple[int, str]]] = MappingProxyType(
    {one.name: (rank, one.figure) for rank, one in enumerate(NAMES) if one.figure in READ}
)
"""By a series' name without `_total`: its place in the order of preference, and its meaning."""

MOST: Final = 1e18
"""No count, share or rate of a server is larger; what a file holds beyond it, or that is no number, is left out."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ServerReadings:
    """A figure over time; `weights` are what a mean counts each value by."""

    t_ns: NDArray[np.int64]
    values: Floats
    weights: Floats

    def __len__(self) -> int:
        return len(self.values)

    def mean(self) -> float:
        """The mean over readings; of a rate, that of the whole time; of a share, that of all that was looked up."""
        return float((self.values * self.weights).sum() / self.weights.sum())


NO_READINGS: Final = ServerReadings(np.empty(0, np.int64), np.empty(0), np.empty(0))


class ServerSeries:
    """The samples of a Session, sorted into figures; `update` processes only new samples."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self._taken = 0
        self._pages = {"metrics": _Pages(), "recorder": _Pages()}
        self._found: dict[ServerFigure, ServerReadings] = {}

    def update(self) -> bool:
        """Take the samples that came since the last call; returns whether there were any."""
        samples = self.session.metric_samples
        first, end = self._taken, len(samples)
        if first == end:
            return False
        part = {name: samples[name][first:end] for name in ("t_ns", "source", "name", "labels", "value")}
        for code, source in enumerate(samples.words["source"]):
            if source in self._pages and not (source == "recorder" and self._pages["metrics"].tells("running")):
                names = [_known(name, source) for name in samples.words["name"]]
                self._pages[source].take(part, part["source"] == code, names)
        self._taken = end
        self._found = {}
        return True

    def reading(self, figure: ServerFigure) -> ServerReadings:
        """A figure over the whole session; empty where the server does not tell it."""
        if figure not in self._found:
            self._found[figure] = self._computed(figure)
        return self._found[figure]

    def tells(self, figure: ServerFigure) -> bool:
        """Whether the server tells what the figure is made of, even if there is no value of it yet."""
        page = self._pages["metrics"]
        match figure:
            case "prefix_hit_rate":
                return any(page.tells(hits) and page.tells(queries) for hits, queries in HITS)
            case "generated_per_s":
                return page.tells("generation_tokens")
            case _:
                return len(self.reading(figure)) > 0

    def _computed(self, figure: ServerFigure) -> ServerReadings:
        page = self._pages["metrics"]
        match figure:
            case "preemptions":
                t_ns, total = page.series("preemptions")
                grown = np.maximum(np.diff(total, prepend=total[:1]), 0.0)  # a server that began again counts from 0
                return ServerReadings(t_ns, np.cumsum(grown), np.ones(len(total)))
            case "generated_per_s":
                t_ns, total = page.series("generation_tokens")
                return _quotients(t_ns[1:], np.diff(total), np.diff(t_ns) / 1e9)
            case "prefix_hit_rate":
                for hits, queries in HITS:
                    t_ns, found, asked = page.pair(hits, queries)
                    if len(t_ns):
                        return _quotients(t_ns[1:], np.diff(found), np.diff(asked))
                return NO_READINGS
            case _:
                t_ns, values = page.series(figure)
                if not len(values):
                    t_ns, values = self._pages["recorder"].series(figure)
                return ServerReadings(t_ns, values, np.ones(len(values)))


def _known(name: str, source: str) -> tuple[int, str] | None:
    """The place of a name in the order of preference, and its meaning; None for a series of which nothing is shown."""
    if source == "recorder":
        return (0, name) if name in GAUGES else None
    return NAMED.get(base_name(name))


def _quotients(t_ns: NDArray[np.int64], above: Floats, below: Floats) -> ServerReadings:
    """What one counter grew by over another, at each reading at which both say anything."""
    good = (below > 0) & (above >= 0)
    return ServerReadings(t_ns[good], above[good] / below[good], below[good])


class _Pages:
    """The readings of one source: at each moment, every figure's value, NaN before it was told."""

    def __init__(self) -> None:
        self._latest: dict[str, dict[int, dict[str, float]]] = {}
        """By figure, rank of the name and labels."""
        self._t_ns: list[int] = []
        self._values: dict[str, list[float]] = {}

    def take(
        self, part: Mapping[str, NDArray[Any]], own: NDArray[np.bool_], names: Sequence[tuple[int, str] | None]
    ) -> None:  # fmt: skip
        """The rows `own` of some samples, in order of time; `names` says what each code of a name stands for."""
        shown = np.array([one is not None for one in names], bool)
        rows = np.flatnonzero(own & shown[part["name"]] & (np.abs(part["value"]) <= MOST))
        columns = (part[name][rows].tolist() for name in ("t_ns", "name", "labels", "value"))
        told = list(zip(*columns, strict=True))
        place = 0
        for t_ns in np.unique(part["t_ns"][own]).tolist():
            self._turn_to(t_ns)
            while place < len(told) and told[place][0] <= t_ns:
                _, code, labels, value = told[place]
                self._put(names[code] or (0, ""), labels, value)
                place += 1

    def _turn_to(self, t_ns: int) -> None:
        """The next moment at which the page was read: what it does not say again is as before."""
        if self._t_ns and t_ns <= self._t_ns[-1]:
            return
        self._t_ns.append(t_ns)
        for values in self._values.values():
            values.append(values[-1])

    def _put(self, known: tuple[int, str], labels: str, value: float) -> None:
        """A reading at the last moment."""
        rank, figure = known
        self._latest.setdefault(figure, {}).setdefault(rank, {})[labels] = value
        values = self._values.setdefault(figure, [])
        values += [float("nan")] * (len(self._t_ns) - len(values))
        values[-1] = self._now(figure)

    def _now(self, figure: str) -> float:
        """The value over all series of the preferred name; NaN for a fraction that is none."""
        of_name = self._latest[figure][min(self._latest[figure])].values()
        meaning = FIGURES[figure]
        value = sum(of_name) if meaning.combine == "sum" else max(of_name)
        return value if meaning.unit != "fraction" or 0 <= value <= 1 else float("nan")

    def tells(self, figure: str) -> bool:
        """Whether the figure was told at any moment."""
        return figure in self._values

    def series(self, figure: str) -> tuple[NDArray[np.int64], Floats]:
        """(t_ns, value) at each moment at which it was told."""
        values = np.array(self._values.get(figure, []))
        told = np.isfinite(values)
        return np.array(self._t_ns[: len(values)], np.int64)[told], values[told]

    def pair(self, one: str, other: str) -> tuple[NDArray[np.int64], Floats, Floats]:
        """(t_ns, value, value of the other) at each moment at which both were told; empty where either is not."""
        if one not in self._values or other not in self._values:
            return np.empty(0, np.int64), np.empty(0), np.empty(0)
        values, others = np.array(self._values[one]), np.array(self._values[other])
        told = np.isfinite(values) & np.isfinite(others)
        return np.array(self._t_ns, np.int64)[told], values[told], others[told]


def of_range(readings: ServerReadings, session: Session, steps: StepRange) -> ServerReadings:
    """The part of a figure that was read while a range of steps ran."""
    t_ns, index = in_range((readings.t_ns, np.arange(len(readings), dtype=np.float64)), session, steps)
    chosen = index.astype(np.int64)
    return ServerReadings(t_ns, readings.values[chosen], readings.weights[chosen])


def server_figures(session: Session, steps: StepRange = None) -> dict[str, Any]:
    """What the server's own counters say of a range, by figure; those that it does not tell are left out."""
    series = ServerSeries(session)
    series.update()
    found: dict[str, Any] = {}
    for figure in SERVER_FIGURES:
        readings = of_range(series.reading(figure), session, steps)
        if len(readings):
            found[figure] = {
                "count": len(readings),
                "last": float(readings.values[-1]),
                "mean": readings.mean(),
                "most": float(readings.values.max()),
            }
    return found
