"""Where the time of a token goes: µs by group of every step, the figures of a range, and steps far from most."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.session import metrics
from engine.session.gaps import itl_seconds
from engine.session.pauses import pauses_of
from engine.session.schema import GROUPS
from engine.session.store import Session

PERCENTILES: Final = (50.0, 90.0, 99.0)
FENCE: Final = 3.0
"""An outlier is longer than the third quartile by this many times the distance between the quartiles (Tukey 1977)."""
LEAST: Final = 8
"""Steps from which there can be outliers at all."""
PARTS: Final = (*GROUPS, "total")
"""What a row of the table is: a group, or the whole step."""


@dataclass(frozen=True, slots=True)
class PartFigures:
    """One row of the table, in seconds a token; percentiles are None where no step emitted a token."""

    part: str
    mean_s: float | None
    p50_s: float | None
    p90_s: float | None
    p99_s: float | None
    share: float | None
    """Of the steps' wall time."""


@dataclass(frozen=True, slots=True)
class RangeFigures:
    """What a range of steps says."""

    steps: int
    tokens: int
    parts: tuple[PartFigures, ...]
    itl: PartFigures
    """Gaps between two emissions of one request, seconds."""
    busy_s: float
    """Wall time inside steps."""
    gap_s: float
    """Wall time between them, pauses left out."""
    device_s: float | None
    """Time the device was busy; None where it is not told apart from host time."""

    @property
    def token_s(self) -> float | None:
        """Mean seconds a token: the steps' wall time over the tokens they emitted."""
        return self.parts[-1].mean_s

    def projected_s(self, tokens: int) -> float | None:
        """How long so many tokens take at this rate."""
        return None if self.token_s is None else tokens * self.token_s


class LatencySeries:
    """Keeps, beside a growing Session, the µs by part of every step and the sorted values behind the percentiles.

    `us` is float64 [steps, parts]: the groups in the order of GROUPS, as `metrics.group_table_s` gives them, then the
    step's wall time. A step's time a token is its time divided by the tokens it emitted; steps that emitted none (a
    prefill in pieces) count in means and shares, not in percentiles. `update` costs only what is new.
    """

    def __init__(self, session: Session) -> None:
        self.session = session
        self._us = np.empty((1024, len(PARTS)))
        self._length = 0
        self._ordered = [np.empty(0) for _ in PARTS]
        self._sums = np.zeros(len(PARTS))
        self._tokens = 0
        self._gaps_s = np.empty(0)
        self._token_rows = 0

    def __len__(self) -> int:
        return self._length

    @property
    def us(self) -> NDArray[np.float64]:
        return self._us[: self._length]

    def update(self) -> bool:
        """Take the steps and tokens that came since the last call; whether there were any."""
        emitted = self._take_tokens()
        first, end = self._length, metrics.step_slice(self.session).stop
        if end == first:
            return emitted
        if end > len(self._us):
            larger = np.empty((max(end, 2 * len(self._us)), len(PARTS)))
            larger[:first] = self._us[:first]
            self._us = larger
        new = self._us[first:end]
        new[:, :-1] = 1e6 * metrics.group_table_s(self.session, (first, end - 1))
        new[:, -1] = 1e6 * metrics.step_walls_s(self.session, (first, end - 1))
        self._length = end
        self._sums += new[self._generating(first, end)].sum(axis=0)
        self._tokens += int(self.session.steps["tokens_out"][first:end].sum())
        for index, values in enumerate(self._per_token(first, end)):
            self._ordered[index] = merged(self._ordered[index], values)
        return True

    def steps_within(self, band_us: tuple[float, float], steps: tuple[int, int] | None = None) -> NDArray[np.int64]:
        """The steps of a range (None: all) that generated and took so long, both ends included, ascending."""
        first, end = (0, self._length) if steps is None else (steps[0], min(steps[1] + 1, self._length))
        walls = self._us[first:end, -1]
        inside = (walls >= band_us[0]) & (walls <= band_us[1]) & self._generating(first, end)
        return first + np.flatnonzero(inside)

    def walls_us(self, steps: tuple[int, int] | None = None) -> NDArray[np.float64]:
        """Wall time of each step of a range (None: all) that generated."""
        first, end = (0, self._length) if steps is None else (steps[0], min(steps[1] + 1, self._length))
        walls: NDArray[np.float64] = self._us[first:end, -1][self._generating(first, end)]
        return walls

    def figures_of(self, chosen: NDArray[np.int64]) -> RangeFigures:
        """The figures of these steps alone; between steps that do not follow each other there is no gap to tell."""
        us = self._us[chosen]
        tokens = self.session.steps["tokens_out"][chosen]
        emitting = tokens > 0
        ordered = list(np.sort((us[emitting] / tokens[emitting, None]).T, axis=1))
        rows = np.flatnonzero(np.isin(self.session.tokens["step_id"], chosen))
        gaps = np.sort(itl_seconds(self.session, rows))
        whole = self._figures(0, 0, us.sum(axis=0), int(tokens.sum()), ordered, gaps)
        device_ns = self.session.steps["device_ns"][chosen]
        device_s = float(device_ns.sum()) / 1e9 if len(device_ns) and int(device_ns.min()) >= 0 else None
        return replace(whole, steps=len(chosen), device_s=device_s)

    def figures(self, steps: tuple[int, int] | None = None) -> RangeFigures:
        """The figures of steps [first, last] (None: all)."""
        if steps is None:
            return self._figures(0, self._length, self._sums, self._tokens, self._ordered, self._gaps_s)
        first, end = steps[0], min(steps[1] + 1, self._length)
        generating = self._generating(first, end)
        sums = self._us[first:end][generating].sum(axis=0)
        tokens = int(self.session.steps["tokens_out"][first:end].sum())
        rows = metrics.token_rows(self.session, steps)
        gaps = np.sort(itl_seconds(self.session, rows))
        return self._figures(first, end, sums, tokens, self._per_token(first, end), gaps)

    def step_percentiles_us(self, steps: tuple[int, int] | None = None) -> tuple[float, float] | None:
        """p50 and p99 of the steps' own wall times, whatever they emitted; None where there is no step."""
        walls = self.walls_us(steps)
        if not len(walls):
            return None
        p50, p99 = np.percentile(walls, (PERCENTILES[0], PERCENTILES[-1]))
        return float(p50), float(p99)

    def _generating(self, first: int, end: int) -> NDArray[np.bool_]:
        """Which steps of [first, end) are not teacher-forced passes, whose time no token took."""
        generating: NDArray[np.bool_] = self.session.steps["kind"][first:end] != metrics.TEACHER
        return generating

    def _take_tokens(self) -> bool:
        """Keep the gaps between emissions sorted: those that the new tokens end."""
        first, end = self._token_rows, len(self.session.tokens)
        if end == first:
            return False
        new = itl_seconds(self.session, np.arange(first, end))
        self._gaps_s = merged(self._gaps_s, np.sort(new))
        self._token_rows = end
        return True

    def _per_token(self, first: int, end: int) -> list[NDArray[np.float64]]:
        """Sorted µs a token of the steps that emitted any, one array a part."""
        tokens = self.session.steps["tokens_out"][first:end]
        emitting = tokens > 0
        return list(np.sort((self._us[first:end][emitting] / tokens[emitting, None]).T, axis=1))

    def _figures(
        self,
        first: int,
        end: int,
        sums_us: NDArray[np.float64],
        tokens: int,
        ordered: list[NDArray[np.float64]],
        gaps_s: NDArray[np.float64],
    ) -> RangeFigures:
        wall_us = float(sums_us[-1])
        split = bool(sums_us[: GROUPS.index("other")].any())  # below detail `phase` nothing but `other` was timed
        parts = []
        for index, part in enumerate(PARTS):
            if not split and part not in ("other", "total"):
                parts.append(PartFigures(part, None, None, None, None, None))
                continue
            mean = float(sums_us[index]) / tokens / 1e6 if tokens else None
            p50, p90, p99 = quantiles(ordered[index], 1e-6)
            share = float(sums_us[index]) / wall_us if wall_us else None
            parts.append(PartFigures(part, mean, p50, p90, p99, share))
        mean_gap = float(gaps_s.mean()) if len(gaps_s) else None
        generating = self._generating(first, end)
        device_ns = self.session.steps["device_ns"][first:end][generating]
        return RangeFigures(
            steps=int(generating.sum()),
            tokens=tokens,
            parts=tuple(parts),
            itl=PartFigures("itl", mean_gap, *quantiles(gaps_s), None),
            busy_s=wall_us / 1e6,
            gap_s=self._gap_s(first, end),
            device_s=float(device_ns.sum()) / 1e9 if len(device_ns) and int(device_ns.min()) >= 0 else None,
        )

    def _gap_s(self, first: int, end: int) -> float:
        """Seconds between the steps of a range, pauses left out."""
        starts, ends = self.session.steps["start_ns"][first:end], self.session.steps["end_ns"][first:end]
        if len(starts) < 2:
            return 0.0
        total = int(starts[-1] - ends[0]) - int((ends[1:-1] - starts[1:-1]).sum())
        total -= pauses_of(self.session).within(int(starts[0]), int(ends[-1]))
        return max(0, total) / 1e9


def merged(ordered: NDArray[np.float64], new: NDArray[np.float64]) -> NDArray[np.float64]:
    """Two sorted arrays as one; cheap where `new` is short."""
    if not len(ordered):
        return new.copy()
    return np.insert(ordered, np.searchsorted(ordered, new), new)


def quantiles(ordered: NDArray[np.float64], unit: float = 1.0) -> tuple[float | None, float | None, float | None]:
    """p50, p90 and p99 of a sorted array, times `unit`, linear between neighbours (numpy's default); None if empty."""
    if not len(ordered):
        return None, None, None
    p50, p90, p99 = (unit * quantile(ordered, percent) for percent in PERCENTILES)
    return p50, p90, p99


def quantile(ordered: NDArray[np.float64], percent: float) -> float:
    """One percentile of a sorted array that is not empty."""
    place = percent / 100 * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return float(ordered[low]) + (place - low) * (float(ordered[high]) - float(ordered[low]))


def outlier_us(walls_us: NDArray[np.float64]) -> float | None:
    """The time from which on a step is an outlier; None where there are too few steps to say."""
    if len(walls_us) < LEAST:
        return None
    low, high = np.percentile(walls_us, (25, 75))
    return float(high + FENCE * (high - low))
