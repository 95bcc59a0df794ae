"""Where the time of a token goes: µs by group of every step, figures of a range, and the brief's own table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.session.schema import GROUP_OF, GROUPS, PHASES
from engine.session.store import Session

BRIEF_S: Final[dict[str, float]] = {
    "prepare": 0.1e-3,
    "attention": 30e-3,
    "ffn": 15e-3,
    "norm": 5e-3,
    "sampling": 0.5e-3,
    "total": 50.6e-3,
}
"""Section 6 of the brief: seconds a token by group."""
PERCENTILES: Final = (50.0, 90.0, 99.0)
MEMBERSHIP: Final = np.array([[GROUP_OF[phase] == group for group in GROUPS] for phase in PHASES], np.float32)
"""Which group each phase belongs to, float32 [phases, groups]."""
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
    """Keeps, beside a growing Session, the µs by part of every step and their sorted per-token values.

    `us` is float32 [steps, parts]: the groups in the order of GROUPS, then the step's wall time. A step's time a token
    is its time divided by the tokens it emitted; steps that emitted none (a prefill in pieces) count in means and
    shares, not in percentiles.
    """

    def __init__(self, session: Session) -> None:
        self.session = session
        self._us = np.empty((1024, len(PARTS)), np.float32)
        self._length = 0
        self._sorted = [np.empty(0, np.float32) for _ in PARTS]
        self._sums = np.zeros(len(PARTS))
        self._tokens = 0

    def __len__(self) -> int:
        return self._length

    @property
    def us(self) -> NDArray[np.float32]:
        return self._us[: self._length]

    def update(self) -> bool:
        """Take the steps that came since the last call; whether there were any."""
        first, end = self._length, len(self.session.steps)
        if end == first:
            return False
        if end > len(self._us):
            larger = np.empty((max(end, 2 * len(self._us)), len(PARTS)), np.float32)
            larger[:first] = self._us[:first]
            self._us = larger
        new = self._us[first:end]
        new[:, :-1] = self.session.phases["us"][first:end] @ MEMBERSHIP
        steps = self.session.steps
        new[:, -1] = (steps["end_ns"][first:end] - steps["start_ns"][first:end]) / 1e3
        self._length = end
        self._sums += new.sum(axis=0, dtype=np.float64)
        tokens = steps["tokens_out"][first:end]
        self._tokens += int(tokens.sum())
        for index, values in enumerate(self._per_token(first, end)):
            self._sorted[index] = merged(self._sorted[index], values)
        return True

    def figures(self, steps: tuple[int, int] | None = None) -> RangeFigures:
        """The figures of steps [first, last] (None: all)."""
        first, end = (0, self._length) if steps is None else (steps[0], min(steps[1] + 1, self._length))
        if first == 0 and end == self._length:
            return self._figures(first, end, self._sums, self._tokens, self._sorted)
        sums = self._us[first:end].sum(axis=0, dtype=np.float64)
        tokens = int(self.session.steps["tokens_out"][first:end].sum())
        return self._figures(first, end, sums, tokens, self._per_token(first, end))

    def _per_token(self, first: int, end: int) -> list[NDArray[np.float32]]:
        """Sorted µs a token of the steps that emitted any, one array a part."""
        tokens = self.session.steps["tokens_out"][first:end]
        emitting = tokens > 0
        values = self._us[first:end][emitting] / tokens[emitting, None].astype(np.float32)
        return list(np.sort(values.T, axis=1))

    def _figures(
        self, first: int, end: int, sums_us: NDArray[np.float64], tokens: int, ordered: list[NDArray[np.float32]]
    ) -> RangeFigures:
        wall_us = float(sums_us[-1])
        split = bool(sums_us[:-1].any())  # below detail `phase` only the wall time is known
        parts = []
        for index, part in enumerate(PARTS):
            known = split or part == "total"
            mean = float(sums_us[index]) / tokens / 1e6 if tokens and known else None
            ranks = (
                [quantile(ordered[index], q) / 1e6 for q in PERCENTILES]
                if known and len(ordered[index])
                else [None] * 3
            )
            share = float(sums_us[index]) / wall_us if wall_us and known else None
            parts.append(PartFigures(part, mean, ranks[0], ranks[1], ranks[2], share))
        device_ns = self.session.steps["device_ns"][first:end]
        device_s = float(device_ns.sum()) / 1e9 if len(device_ns) and int(device_ns.min()) >= 0 else None
        return RangeFigures(max(0, end - first), tokens, tuple(parts), wall_us / 1e6, self._gap_s(first, end), device_s)

    def _gap_s(self, first: int, end: int) -> float:
        """Seconds between the steps of a range; a gap in which the run was paused or stopped does not count."""
        starts, ends = self.session.steps["start_ns"][first:end], self.session.steps["end_ns"][first:end]
        if len(starts) < 2:
            return 0.0
        total = int(starts[-1] - ends[0]) - int((ends[1:-1] - starts[1:-1]).sum())
        held_ns = [mark.t_ns for mark in self.session.marks if mark.kind in ("pause", "stop")]
        held = set((np.searchsorted(ends, held_ns, "right") - 1).tolist())
        total -= sum(int(starts[i + 1] - ends[i]) for i in held if 0 <= i < len(starts) - 1)
        return max(0, total) / 1e9


def merged(ordered: NDArray[np.float32], new: NDArray[np.float32]) -> NDArray[np.float32]:
    """Two sorted arrays as one; cheap where `new` is short."""
    if not len(ordered):
        return new.copy()
    return np.insert(ordered, np.searchsorted(ordered, new), new)


def quantile(ordered: NDArray[np.float32], percent: float) -> float:
    """A percentile of a sorted array, linear between neighbours (numpy's default)."""
    place = percent / 100 * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return float(ordered[low]) + (place - low) * (float(ordered[high]) - float(ordered[low]))


def slowest_of_each(totals: NDArray[np.float32], columns: int) -> tuple[NDArray[np.int64], int]:
    """(the index of the slowest step of each column, steps a column), at most `columns` of them."""
    n = len(totals)
    stride = max(1, -(-n // max(1, columns)))
    if stride == 1:
        return np.arange(n, dtype=np.int64), 1
    count = -(-n // stride)
    padded = np.full(count * stride, -1.0, np.float32)
    padded[:n] = totals
    slowest = padded.reshape(count, stride).argmax(axis=1) + np.arange(count, dtype=np.int64) * stride
    return slowest, stride
