"""When a run was paused: between a mark `pause` and the next mark `resume`, without the steps run one by one meanwhile.

A run that is slowed down so that it can be watched is such a pause (`engine.session.paced`), so that its figures are
those of its steps alone. No figure of speed or of waiting counts this time. A pause without a `resume` (the run was
stopped in it, or its writer was killed) has no end, because nothing ran after it. The view `pauses` of a session file
(FORMAT.md) gives the same pieces.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.figures.step_range import StepRange, step_slice
from engine.session.paced import pace_of
from engine.session.schema import PAUSE, RESUME
from engine.session.store import Session
from engine.session.tables import NEVER_NS

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Pauses:
    """Pieces of time in which nothing ran, in order and without overlaps; ns from the session's zero."""

    since_ns: Ints
    until_ns: Ints
    labels: tuple[str, ...]
    """The label of the mark that began each piece's pause."""

    def __len__(self) -> int:
        return len(self.since_ns)

    def within(self, since_ns: int, until_ns: int) -> int:
        """Paused ns between two moments."""
        return int(self.between(np.array([since_ns], np.int64), np.array([until_ns], np.int64))[0])

    def between(self, since_ns: Ints, until_ns: Ints) -> Ints:
        """Paused ns between each pair of moments, int64 [n]."""
        return self._before(until_ns) - self._before(since_ns)

    def _before(self, t_ns: Ints) -> Ints:
        """Paused ns before each moment."""
        if not len(self.since_ns):
            return np.zeros(len(t_ns), np.int64)
        whole = np.append(0, np.cumsum(self.until_ns[:-1] - self.since_ns[:-1]))  # ns of the pieces before each piece
        piece = np.searchsorted(self.since_ns, t_ns, "right") - 1
        at = np.maximum(piece, 0)
        inside = np.minimum(t_ns, self.until_ns[at]) - self.since_ns[at]
        before: Ints = np.where(piece >= 0, whole[at] + inside, 0)
        return before


def pauses_of(session: Session) -> Pauses:
    """The pauses of a session, by its marks; steps that ran one by one within them cut them into pieces.

    The figures of every request and gap need them, so they are kept until there are more marks or steps.
    """
    seen = (session.marks_state, len(session.steps))
    kept: tuple[tuple[tuple[int, int], int], Pauses] | None = session.kept.get("pauses")
    if kept is None or kept[0] != seen:
        kept = session.kept["pauses"] = (seen, _pauses(session))
    return kept[1]


def _pauses(session: Session) -> Pauses:
    pieces: list[tuple[int, int, str]] = []
    held: tuple[int, str] | None = None
    ended_ns = 0
    for mark in list(session.marks):
        if mark.kind == PAUSE and held is None:
            held = (max(mark.t_ns, ended_ns), mark.label)  # in a damaged file a mark may be earlier than the last
        elif mark.kind == RESUME and held is not None:
            ended_ns = max(mark.t_ns, held[0])
            pieces += _between_steps(session, held[0], ended_ns, held[1])
            held = None
    if held is not None:
        pieces += _between_steps(session, held[0], NEVER_NS, held[1])
    since, until = (np.array([piece[index] for piece in pieces], np.int64) for index in (0, 1))
    return Pauses(since, until, tuple(label for _, _, label in pieces))


def steps_after(session: Session, pauses: Pauses) -> list[tuple[int, int]]:
    """(step, paused ns) of each piece: the step that came next, or the number of steps where none came."""
    steps = np.searchsorted(session.steps["start_ns"], pauses.since_ns, "right").tolist()
    return list(zip(steps, (pauses.until_ns - pauses.since_ns).tolist(), strict=True))


def paces_of(session: Session, steps: StepRange = None) -> list[float]:
    """The paces at which a range of steps was slowed down, in the order in which they came first."""
    rows, pauses = step_slice(session, steps), pauses_of(session)
    if rows.start >= rows.stop:
        return []
    before = max(rows.start - 1, 0)  # the rest before the first step is of the pace that this step came at
    first = np.searchsorted(pauses.until_ns, session.steps["end_ns"][before], "right")
    last = np.searchsorted(pauses.since_ns, session.steps["end_ns"][rows.stop - 1], "left")
    found = dict.fromkeys(map(pace_of, pauses.labels[first:last]))
    return [pace for pace in found if pace is not None]


def _between_steps(session: Session, since_ns: int, until_ns: int, label: str) -> list[tuple[int, int, str]]:
    """The pieces of a pause that lie outside of steps: (since, until, label)."""
    count = len(session.steps)
    starts, ends = session.steps["start_ns"][:count], session.steps["end_ns"][:count]
    first = int(np.searchsorted(ends, since_ns, "right"))
    last = int(np.searchsorted(starts, until_ns, "left"))
    begins = [since_ns, *ends[first:last].tolist()]
    stops = [*starts[first:last].tolist(), until_ns]
    return [(begin, stop, label) for begin, stop in zip(begins, stops, strict=True) if stop > begin]
