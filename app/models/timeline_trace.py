"""The kernels and ranges of an imported trace as rows of a timeline: one a stream, and one a depth of each thread."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from engine.session.event_table import EventTable
from engine.session.schema import GROUP_OF, PHASES
from engine.session.store import Session

Side = Literal["device", "host"]
LOOK_BACK: Final = 64
"""Items before a moment that are looked at for one which still lasts: those of one row seldom overlap."""


class TraceRow:
    """One row: items in order of their start. Colours are indices of `bands`.

    Where items of a row overlap, a moment counts once, for the item that had begun first.
    """

    def __init__(self, side: Side, ids: NDArray[np.int64], table: EventTable, band_of: NDArray[np.int64]) -> None:
        self.side = side
        self.ids = ids
        self.starts = table["start_ns"][ids]
        self.ends = table["end_ns"][ids]
        self.bands = band_of[table["phase"][ids]]
        self.busy_ns = int((self.ends - self.starts).sum())
        reached = np.maximum.accumulate(self.ends)
        begin = np.maximum(self.starts, np.concatenate(([0], reached[:-1])))
        alone = self.ends > begin
        self._parts = []
        for band in range(int(band_of.max()) + 1):
            rows = alone & (self.bands == band)
            # As float64, as moments on the axis are: searching would otherwise convert all of them each time.
            since, lengths = begin[rows].astype(np.float64), (self.ends[rows] - begin[rows]).astype(np.float64)
            self._parts.append((since, lengths, np.cumsum(lengths) - lengths))
        self._starts = self.starts.astype(np.float64)
        self._by_length = np.argsort(self.starts - self.ends, kind="stable")
        self._lengths = (self.starts - self.ends)[self._by_length]
        """Less than nothing, so that they rise: the longest first."""

    def __len__(self) -> int:
        return len(self.ids)

    def shares(self, edges_ns: NDArray[np.float64]) -> NDArray[np.float64]:
        """Share of each pixel column that each band takes, float64 [len(edges_ns) - 1, bands]."""
        worked = np.stack([_worked(edges_ns, *part) for part in self._parts], axis=1)
        shares: NDArray[np.float64] = np.diff(worked, axis=0) / np.maximum(np.diff(edges_ns), 1e-9)[:, None]
        return shares

    def within(self, lo_ns: float, hi_ns: float) -> slice:
        """Places in the row of the items that begin before `hi_ns` and of which some may last until `lo_ns`."""
        first = max(0, int(np.searchsorted(self._starts, lo_ns, "right")) - LOOK_BACK)
        return slice(first, int(np.searchsorted(self._starts, hi_ns, "left")))

    def long_ones(self, lo_ns: float, hi_ns: float, least_ns: float) -> NDArray[np.int64]:
        """Places of the items that are at least so long and lie at least partly between two moments, by their start.

        Few of many items are, or few of all lie there: either way it looks at few.
        """
        part = self.within(lo_ns, hi_ns)
        longest = int(np.searchsorted(self._lengths, -least_ns, "right"))
        if longest < part.stop - part.start:
            places: NDArray[np.int64] = np.sort(self._by_length[:longest])
            return places[(self.starts[places] < hi_ns) & (self.ends[places] > lo_ns)]
        found: NDArray[np.int64] = np.arange(part.start, part.stop)[
            (self.ends[part] - self.starts[part] >= least_ns) & (self.ends[part] > lo_ns)
        ]
        return found

    def at(self, lo_ns: float, hi_ns: float) -> int | None:
        """The id of the item at a moment, which is a pixel wide: the last one begun; None where none is."""
        part = self.within(lo_ns, hi_ns)
        there = np.flatnonzero(self.ends[part] >= lo_ns)
        return int(self.ids[part][there[-1]]) if len(there) else None


def _worked(
    moments: NDArray[np.float64],
    since: NDArray[np.float64],
    lengths: NDArray[np.float64],
    before: NDArray[np.float64],
) -> NDArray[np.float64]:
    """ns of the pieces of time, which do not overlap, before each moment."""
    if not len(since):
        return np.zeros(len(moments))
    at = np.searchsorted(since, moments, "right") - 1
    last = np.maximum(at, 0)
    inside = np.clip(moments - since[last], 0.0, lengths[last])
    return np.where(at >= 0, before[last] + inside, 0.0)


@dataclass(frozen=True, slots=True)
class Stream:
    """A stream of a device; -1 where the trace tells no number."""

    device: int
    stream: int
    row: TraceRow


@dataclass(frozen=True, slots=True)
class Thread:
    """A thread of the host, a row for each depth of its ranges, the outermost first."""

    name: str
    rows: list[TraceRow]


class TraceLanes:
    """All rows of a session's trace; made once, as an imported session does not grow."""

    def __init__(self, session: Session, bands: tuple[str, ...]) -> None:
        self.session = session
        of_phase = {phase: "draft" if phase == "draft" else GROUP_OF[phase] for phase in PHASES}
        self._band_of = np.array([bands.index(of_phase[phase]) for phase in PHASES], np.int64)
        self.streams = self._streams()
        self._rest: dict[int, TraceRow] = {}
        self.threads = self._threads()
        tables = [table for table in (session.kernels, session.ranges) if len(table)]
        self.first_ns = float(min(int(table["start_ns"][0]) for table in tables))
        self.last_ns = float(max(int(table["end_ns"].max()) for table in tables))
        used = session.kernels if len(session.kernels) else session.ranges
        present = np.unique(self._band_of[used["phase"]])
        self.bands = [bands[band] for band in present.tolist()]
        """The bands that items have, of the kernels where there are any."""

    def rest_of_streams(self, first: int) -> TraceRow:
        """The streams from `first` on as one row, where they have no room for a row each."""
        if first not in self._rest:
            ids = np.sort(np.concatenate([one.row.ids for one in self.streams[first:]]))
            self._rest[first] = TraceRow("device", ids, self.session.kernels, self._band_of)
        return self._rest[first]

    def _streams(self) -> list[Stream]:
        """The streams by device, the busiest of each first."""
        kernels = self.session.kernels
        if not len(kernels):
            return []
        pairs = np.stack([kernels["device"], kernels["stream"]], axis=1)
        found, group = np.unique(pairs, axis=0, return_inverse=True)
        made = [
            Stream(device, stream, TraceRow("device", np.flatnonzero(group.reshape(-1) == n), kernels, self._band_of))
            for n, (device, stream) in enumerate(found.tolist())
        ]
        return sorted(made, key=lambda one: (one.device, -one.row.busy_ns))

    def _threads(self) -> list[Thread]:
        """The threads, that of the steps first, then the busiest."""
        ranges = self.session.ranges
        if not len(ranges):
            return []
        threads, kept = [], []
        of_steps = ranges["thread_id"][ranges["step_id"] >= 0]
        for thread in np.unique(ranges["thread_id"]).tolist():
            rows = np.flatnonzero(ranges["thread_id"] == thread)
            depth = ranges["depth"][rows]
            order = np.argsort(depth, kind="stable")
            cuts = np.flatnonzero(np.diff(depth[order])) + 1
            made = [TraceRow("host", part, ranges, self._band_of) for part in np.split(rows[order], cuts)]
            threads.append(Thread(self.session.trace_names[thread], made))
            kept.append((-int((of_steps == thread).sum()), -made[0].busy_ns))
        return [threads[at] for at in sorted(range(len(threads)), key=kept.__getitem__)]
