"""Where the time of a token goes, without the time of prompts: µs by group for every step, the figures of a range, and
outliers.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.figures import metrics
from engine.figures.gaps import itl_seconds
from engine.figures.latency_figures import PARTS, PERCENTILES, RangeFigures, Sums, figures_from_sums
from engine.figures.pauses import pauses_of
from engine.figures.step_range import token_rows
from engine.figures.step_roles import DECODE, MIXED, PREFILL, TAUGHT, StepRoles
from engine.figures.told import told
from engine.session.store import Session

FENCE: Final = 3.0
"""An outlier is longer than the third quartile by this many times the distance between the quartiles (Tukey 1977)."""
LEAST: Final = 8
"""The fewest steps among which there can be outliers."""


class LatencySeries:
    """Keeps, beside a growing Session, the µs by part of every step and the sorted values behind the percentiles.

    `us` is float64 [steps, parts]: the groups in the order of GROUPS, as `metrics.group_table_s` gives them, then the
    step's wall time. The time of a token of one request in a decode step is the step's time divided by its tokens per
    request. Decode steps that emitted no token count in means and shares, but not in percentiles. `update` processes
    only what is new.
    """

    def __init__(self, session: Session) -> None:
        self.session = session
        self.roles = StepRoles(session)
        self._us = np.empty((1024, len(PARTS)))
        self._length = 0
        self._ordered = [np.empty(0) for _ in PARTS]
        self._sums = Sums()
        self._gaps_s = np.empty(0)
        self._token_rows = 0

    def __len__(self) -> int:
        return self._length

    @property
    def us(self) -> NDArray[np.float64]:
        return self._us[: self._length]

    def update(self) -> bool:
        """Take the steps and tokens that came since the last call; returns whether there were any."""
        emitted = self._take_tokens()
        self.roles.update()
        first, end = self._length, len(self.roles)
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
        rows = np.arange(first, end)
        self._sums = self._sums.plus(self._sums_of(rows))
        for index, values in enumerate(self._per_token(rows)):
            self._ordered[index] = merged(self._ordered[index], values)
        return True

    def steps_within(self, band_us: tuple[float, float], steps: tuple[int, int] | None = None) -> NDArray[np.int64]:
        """The generating steps of a range (None: all) whose wall time is in `band_us`, ends included; ascending."""
        first, end = (0, self._length) if steps is None else (steps[0], min(steps[1] + 1, self._length))
        walls = self._us[first:end, -1]
        inside = (walls >= band_us[0]) & (walls <= band_us[1]) & self._generating(first, end)
        return first + np.flatnonzero(inside)

    def walls_us(self, steps: tuple[int, int] | None = None) -> NDArray[np.float64]:
        """Wall time of each generating step of a range (None: all), µs."""
        first, end = (0, self._length) if steps is None else (steps[0], min(steps[1] + 1, self._length))
        walls: NDArray[np.float64] = self._us[first:end, -1][self._generating(first, end)]
        return walls

    def figures_of(self, chosen: NDArray[np.int64]) -> RangeFigures:
        """The figures of these steps alone; `gap_s` is 0, because the steps need not follow each other."""
        rows = np.flatnonzero(np.isin(self.session.tokens["step_id"], chosen))
        return self._figures(chosen, rows, 0.0)

    def figures(self, steps: tuple[int, int] | None = None) -> RangeFigures:
        """The figures of steps [first, last] (None: all)."""
        if steps is None:
            begun = [one for one in self.roles.prefill_ns if self.session.requests[one].token_rows]
            device_s = self._device_s(np.arange(self._length))
            gap_s = gap_s_of(self.session, 0, self._length)
            return figures_from_sums(
                self._sums, self._ordered, self._gaps_s, self.roles.prefill_s(begun), gap_s, device_s, self._timed
            )
        first, end = steps[0], min(steps[1] + 1, self._length)
        return self._figures(np.arange(first, end), token_rows(self.session, steps), gap_s_of(self.session, first, end))

    def step_percentiles_us(self, steps: tuple[int, int] | None = None) -> tuple[float, float] | None:
        """p50 and p99 of the wall times of the generating steps, however many tokens each emitted; None without any."""
        walls = self.walls_us(steps)
        if not len(walls):
            return None
        p50, p99 = np.percentile(walls, (PERCENTILES[0], PERCENTILES[-1]))
        return float(p50), float(p99)

    @property
    def _timed(self) -> bool:
        """Whether somebody told the time of phases, if only as none."""
        return told(self.session, "phases")

    def _generating(self, first: int, end: int) -> NDArray[np.bool_]:
        """Which steps of [first, end) are not teacher-forced passes, which generate no token."""
        generating: NDArray[np.bool_] = self.roles.role[first:end] != TAUGHT
        return generating

    def _take_tokens(self) -> bool:
        """Insert the gaps that new tokens end into the sorted gaps; returns whether there were new tokens."""
        first, end = self._token_rows, len(self.session.tokens)
        if end == first:
            return False
        new = itl_seconds(self.session, np.arange(first, end))
        self._gaps_s = merged(self._gaps_s, np.sort(new))
        self._token_rows = end
        return True

    def _per_token(self, steps: NDArray[np.int64]) -> list[NDArray[np.float64]]:
        """By part: the sorted µs that a token of one request took in those decode steps of these that emitted any."""
        tokens = self.session.steps["tokens_out"][steps]
        emitting = (self.roles.role[steps] == DECODE) & (tokens > 0)
        own = self.roles.requests[steps][emitting] / tokens[emitting]
        return list(np.sort((self._us[steps][emitting] * own[:, None]).T, axis=1))

    def _sums_of(self, steps: NDArray[np.int64]) -> Sums:
        role, us = self.roles.role[steps], self._us[steps]
        tokens = self.session.steps["tokens_out"][steps]
        decode, mixed = role == DECODE, role == MIXED
        prompt = mixed | (role == PREFILL)
        return Sums(
            steps=int((role != TAUGHT).sum()),
            tokens=int(tokens.sum()),
            us=us[role != TAUGHT].sum(axis=0),
            decode_steps=int(decode.sum()),
            decode_tokens=int(tokens[decode].sum()),
            decode_us=float(us[decode, -1].sum()),
            own_us=(us[decode] * self.roles.requests[steps][decode, None]).sum(axis=0),
            prompt_steps=int(prompt.sum()),
            mixed_steps=int(mixed.sum()),
            prompt_us=float(us[prompt, -1].sum()),
        )

    def _device_s(self, steps: NDArray[np.int64]) -> float | None:
        device_ns = self.session.steps["device_ns"][steps][self.roles.role[steps] != TAUGHT]
        return float(device_ns.sum()) / 1e9 if len(device_ns) and int(device_ns.min()) >= 0 else None

    def _figures(self, steps: NDArray[np.int64], rows: NDArray[np.int64], gap_s: float) -> RangeFigures:
        """The figures of these steps and of the tokens that they emitted (`rows`)."""
        begun = np.unique(self.session.tokens["request_id"][rows]).tolist()
        gaps_s = np.sort(itl_seconds(self.session, rows))
        per_token, device_s = self._per_token(steps), self._device_s(steps)
        prefill_s = self.roles.prefill_s(begun)
        return figures_from_sums(self._sums_of(steps), per_token, gaps_s, prefill_s, gap_s, device_s, self._timed)


def gap_s_of(session: Session, first: int, end: int) -> float:
    """Seconds between the steps of a range, pauses left out."""
    starts, ends = session.steps["start_ns"][first:end], session.steps["end_ns"][first:end]
    if len(starts) < 2:
        return 0.0
    total = int(starts[-1] - ends[0]) - int((ends[1:-1] - starts[1:-1]).sum())
    total -= pauses_of(session).within(int(starts[0]), int(ends[-1]))
    return max(0, total) / 1e9


def merged(ordered: NDArray[np.float64], new: NDArray[np.float64]) -> NDArray[np.float64]:
    """Two sorted arrays as one; cheap where `new` is short."""
    if not len(ordered):
        return new.copy()
    return np.insert(ordered, np.searchsorted(ordered, new), new)


def outlier_us(walls_us: NDArray[np.float64]) -> float | None:
    """The wall time from which on a step is an outlier, µs; None where there are fewer than LEAST steps."""
    if len(walls_us) < LEAST:
        return None
    low, high = np.percentile(walls_us, (25, 75))
    return float(high + FENCE * (high - low))
