"""The timeline as numbers: the places of steps, tokens and requests on a time or step axis, and their density."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from app.core.reading import Reading
from app.models.layer_times import LayerTimes
from app.models.timeline_chunks import ChunkLane
from app.models.timeline_trace import TraceLanes
from engine.figures.pauses import pauses_of
from engine.figures.told import told
from engine.session.columns import Columns
from engine.session.schema import GROUP_OF, GROUPS, PHASES
from engine.session.store import RecordedRequest, Session

Axis = Literal["time", "steps"]

BANDS: Final = ("prepare", "attention", "ffn", "norm", "sampling", "draft", "other")
"""The bands of the host lane: the time groups in their stacking order; the proposer's work is a separate band."""
BAND_OF: Final = {phase: "draft" if phase == "draft" else GROUP_OF[phase] for phase in PHASES}

assert set(GROUPS) <= set(BANDS)

_TO_BANDS = np.zeros((len(PHASES), len(BANDS)))
for _row, _phase in enumerate(PHASES):
    _TO_BANDS[_row, BANDS.index(BAND_OF[_phase])] = 1000.0  # µs to ns

HOST_ONLY: Final = {"prepare": ("schedule", "prepare"), "sampling": ("detokenize",)}
"""By band, the phases in which only the host works. The band `other` is host work as well."""
_HOST_PART = np.zeros((len(PHASES), len(HOST_ONLY)))
for _column, _phases in enumerate(HOST_ONLY.values()):
    _HOST_PART[[PHASES.index(_phase) for _phase in _phases], _column] = 1000.0


@dataclass(slots=True)
class TokenLane:
    """The tokens of one request: rows of Session.tokens and their steps, both in order."""

    table: Columns = field(default_factory=lambda: Columns({"row": np.int64, "step": np.int64}, 256))

    @property
    def rows(self) -> NDArray[np.int64]:
        return self.table["row"]

    @property
    def steps(self) -> NDArray[np.int64]:
        return self.table["step"]


class TimelineModel:
    """The data that the timeline draws; `update` reads only what came since its last call.

    Where a server tells no steps, there is only the time axis, and `chunks` holds the tokens by when they came.
    """

    def __init__(self, session: Session, reading: Reading | None = None) -> None:
        """`reading` reads the layers of steps that are no longer in memory."""
        self.session = session
        self.layers = LayerTimes(session, reading)
        self.stepped = told(session, "steps")
        """Whether the session's source tells steps."""
        self.trace = TraceLanes(session, BANDS) if len(session.kernels) or len(session.ranges) else None
        """The kernels and ranges of an imported trace; None for any other session."""
        self.chunks: dict[int, ChunkLane] = {}
        """By request, where no steps are told."""
        self._last_ns = 0
        """The moment of the last chunk, where no steps are told."""
        self.n = 0
        """How many steps have been taken in."""
        self._sums = Columns(
            {
                "bands": np.dtype((np.float64, (len(BANDS),))),
                "host": np.dtype((np.float64, (len(HOST_ONLY),))),
                "device": np.float64,
            },
            1025,
        )
        self._sums.append((np.zeros(len(BANDS)), np.zeros(len(HOST_ONLY)), 0.0))
        self.device_reported = False
        self.lanes: dict[int, TokenLane] = {}
        self.proposals: dict[tuple[int, int], tuple[int, int]] = {}
        """(request, step) → (proposed, accepted) of each verified proposal."""
        self._speculation_seen = 0
        self._drafts = Columns({"step": np.int64, "proposed": np.int64, "accepted": np.int64}, 257)
        """Running sums over the proposals, a row after each; the first row is the sum of no proposals."""
        self._drafts.append((-1, 0, 0))

    # --- taking in --------------------------------------------------------------------------------------------------

    def update(self) -> bool:
        """Take what came since the last call; returns whether there was anything."""
        session = self.session
        n = len(session.steps)
        changed = n > self.n
        if changed:
            self._add_steps(self.n, n)
            self.n = n
        for request in list(session.requests.values()):
            changed |= request.id not in self.lanes
            changed |= self._add_tokens(request)
        return self._add_speculation() or changed

    def _add_steps(self, first: int, end: int) -> None:
        steps = self.session.steps
        wall = (steps["end_ns"][first:end] - steps["start_ns"][first:end]).astype(np.float64)
        phases_us = self.session.phases["us"][first:end].astype(np.float64)
        bands = phases_us @ _TO_BANDS
        bands[:, BANDS.index("other")] += np.maximum(wall - bands.sum(axis=1), 0.0)
        device = steps["device_ns"][first:end]
        self.device_reported = self.device_reported or bool((device >= 0).any())
        last = len(self._sums) - 1
        self._sums.extend_columns(
            {
                "bands": self._sums["bands"][last] + np.cumsum(bands, axis=0),
                "host": self._sums["host"][last] + np.cumsum(phases_us @ _HOST_PART, axis=0),
                "device": self._sums["device"][last] + np.cumsum(np.maximum(device, 0), dtype=np.float64),
            }
        )

    def _add_tokens(self, request: RecordedRequest) -> bool:
        lane = self.lanes.setdefault(request.id, TokenLane())
        known, now = len(lane.table), len(request.token_rows)
        if now == known:
            return False
        rows = np.array(request.token_rows[known:now], np.int64)
        lane.table.extend_columns({"row": rows, "step": self.session.tokens["step_id"][rows]})
        if not self.stepped:
            t_ns = self.session.tokens["emitted_ns"][rows]
            self.chunks.setdefault(request.id, ChunkLane()).add(rows, t_ns)
            self._last_ns = max(self._last_ns, int(t_ns[-1]))
        return True

    def _add_speculation(self) -> bool:
        table = self.session.speculation
        end = len(table)
        if end == self._speculation_seen:
            return False
        part = slice(self._speculation_seen, end)
        last = len(self._drafts) - 1
        self._drafts.extend_columns(
            {
                "step": table["step_id"][part],
                "proposed": self._drafts["proposed"][last] + np.cumsum(table["proposed"][part]),
                "accepted": self._drafts["accepted"][last] + np.cumsum(table["accepted"][part]),
            }
        )
        keys = zip(table["request_id"][part].tolist(), table["step_id"][part].tolist(), strict=True)
        values = zip(table["proposed"][part].tolist(), table["accepted"][part].tolist(), strict=True)
        self.proposals.update(zip(keys, values, strict=True))
        self._speculation_seen = end
        return True

    # --- the axis ---------------------------------------------------------------------------------------------------

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to draw yet."""
        if self.trace is not None:
            return False
        return self.n == 0 if self.stepped else not self.lanes

    @property
    def size(self) -> int:
        """How many steps there are; where none are told, how many tokens."""
        return self.n if self.stepped else len(self.session.tokens)

    def newest(self, axis: Axis, count: int) -> float:
        """Where on the axis the newest `count` steps begin; where none are told, the newest `count` tokens."""
        if not self.stepped:
            return float(self.session.tokens["emitted_ns"][-count])
        return float(self.span_of(axis, self.n - count, self.n)[0][0])

    def newest_length(self, axis: Axis) -> float:
        """How long the newest step is on the axis; 0 without steps."""
        if not self.stepped or self.n == 0:
            return 0.0
        left, right = self.span_of(axis, self.n - 1, self.n)
        return float(right[0] - left[0])

    def extent(self, axis: Axis) -> tuple[float, float]:
        """First and last value on the axis: ns from the zero of the session's clock, or step numbers."""
        if self.trace is not None and (axis == "time" or not self.stepped):
            return self.trace.first_ns, self.trace.last_ns
        if not self.stepped:
            return self._extent_of_requests()
        if axis == "steps" or self.n == 0:
            return 0.0, float(max(self.n, 1))
        steps = self.session.steps
        first = int(steps["start_ns"][0])
        arrivals = [r.arrived_ns for r in self.session.requests.values()]
        return float(min([first, *arrivals, *self._marked()])), float(steps["end_ns"][self.n - 1])

    def _extent_of_requests(self) -> tuple[float, float]:
        """From the first arrival to the last arrival, token or end of a request, ns."""
        requests = list(self.session.requests.values())
        if not requests:
            return 0.0, 1.0
        moments = [request.arrived_ns for request in requests]
        ends = [request.finished_ns for request in requests if request.finished_ns is not None]
        last = max(*moments, *ends, self._last_ns)
        return float(min([*moments, *self._marked()])), float(last)

    def _marked(self) -> list[int]:
        """The moments of all marks, ns."""
        return [mark.t_ns for mark in list(self.session.marks)]

    def span_of(self, axis: Axis, first: int, end: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """(starts, ends) of the steps [first, end) on the axis."""
        if axis == "steps":
            left = np.arange(first, end, dtype=np.float64)
            return left, left + 1.0
        steps = self.session.steps
        return steps["start_ns"][first:end].astype(np.float64), steps["end_ns"][first:end].astype(np.float64)

    def visible(self, axis: Axis, lo: float, hi: float) -> tuple[int, int]:
        """The steps [first, end) that lie at least partly within [lo, hi]."""
        if axis == "steps":
            return min(max(int(lo), 0), self.n), max(min(int(np.ceil(hi)), self.n), 0)
        steps = self.session.steps
        first = int(np.searchsorted(steps["end_ns"][: self.n], lo, "right"))
        return first, max(first, int(np.searchsorted(steps["start_ns"][: self.n], hi, "left")))

    def step_at(self, axis: Axis, x: float) -> int | None:
        """The step at a place of the axis; None in a gap and outside."""
        first, end = self.visible(axis, x, x)
        if axis == "steps":
            return int(x) if 0 <= x < self.n else None
        first = max(0, first)
        if first < self.n and first <= end and int(self.session.steps["start_ns"][first]) <= x:
            return first
        return None

    def convert(self, x: float, source: Axis, target: Axis) -> float:
        """The same place on another axis; a place within a gap becomes the start of the next step."""
        if source == target or self.n == 0:
            return x
        starts, ends = self.session.steps["start_ns"][: self.n], self.session.steps["end_ns"][: self.n]
        if source == "time":
            i = int(np.searchsorted(ends, x, "right"))
            if i >= self.n:
                return float(self.n)
            return i + min(max((x - float(starts[i])) / max(float(ends[i] - starts[i]), 1.0), 0.0), 1.0)
        i = min(max(int(x), 0), self.n - 1)
        return float(starts[i]) + min(max(x - i, 0.0), 1.0) * float(ends[i] - starts[i])

    def steps_at(self, moments: NDArray[np.float64]) -> NDArray[np.float64]:
        """Places on the axis of steps of moments in ns, as `convert` gives them."""
        if self.n == 0:
            return moments
        starts, ends = (self.session.steps[name][: self.n].astype(np.float64) for name in ("start_ns", "end_ns"))
        i = np.searchsorted(ends, moments, "right")
        at = np.minimum(i, self.n - 1)
        inside = np.clip((moments - starts[at]) / np.maximum(ends[at] - starts[at], 1.0), 0.0, 1.0)
        places: NDArray[np.float64] = np.where(i >= self.n, float(self.n), at + inside)
        return places

    def times_at(self, steps: NDArray[np.float64]) -> NDArray[np.float64]:
        """Moments in ns of places on the axis of steps."""
        if self.n == 0:
            return steps
        starts, ends = (self.session.steps[name][: self.n].astype(np.float64) for name in ("start_ns", "end_ns"))
        i = np.clip(steps.astype(np.int64), 0, self.n - 1)
        moments: NDArray[np.float64] = starts[i] + np.clip(steps - i, 0.0, 1.0) * (ends[i] - starts[i])
        return moments

    # --- densities, a column a pixel --------------------------------------------------------------------------------

    def band_columns(self, axis: Axis, edges: NDArray[np.float64]) -> NDArray[np.float64]:
        """Share of each pixel column that each band takes, float64 [len(edges) - 1, len(BANDS)]; the rest is idle.

        On the step axis there is no idle time: shares are of the wall time of the steps.
        """
        taken = np.diff(self._cumulative("bands", axis, edges), axis=0)
        if axis == "time":
            shares: NDArray[np.float64] = taken / np.diff(edges)[:, None]
            return shares
        of_wall: NDArray[np.float64] = taken / np.maximum(taken.sum(axis=1, keepdims=True), 1.0)
        return of_wall

    def device_columns(self, axis: Axis, edges: NDArray[np.float64]) -> NDArray[np.float64]:
        """Share of each pixel column in which the device was busy, float64 [len(edges) - 1]."""
        busy = np.diff(self._cumulative("device", axis, edges))
        if axis == "time":
            share: NDArray[np.float64] = np.clip(busy / np.diff(edges), 0.0, 1.0)
            return share
        wall = np.diff(self._cumulative("bands", axis, edges), axis=0).sum(axis=1)
        of_wall: NDArray[np.float64] = np.clip(busy / np.maximum(wall, 1.0), 0.0, 1.0)
        return of_wall

    def device_band_columns(self, axis: Axis, edges: NDArray[np.float64]) -> NDArray[np.float64]:
        """`device_columns` divided among the bands that the device worked on, float64 [len(edges) - 1, len(BANDS)]."""
        bands, host = (np.diff(self._cumulative(name, axis, edges), axis=0) for name in ("bands", "host"))
        return device_bands(bands, host, self.device_columns(axis, edges))

    def token_columns(self, request_id: int, axis: Axis, edges: NDArray[np.float64]) -> NDArray[np.int64]:
        """How many tokens of the request were emitted by steps that end in each pixel column, int64."""
        steps = self.lanes[request_id].steps
        return np.diff(np.searchsorted(steps, self.steps_ended_by(axis, edges)))

    @property
    def speculates(self) -> bool:
        """Whether any step verified drafts."""
        return self._speculation_seen > 0

    def draft_sums(self, ends: NDArray[np.int64]) -> NDArray[np.int64]:
        """(proposed, accepted) drafts of all steps before each step of `ends`, int64 [len(ends), 2]."""
        rows = np.searchsorted(self._drafts["step"], ends) - 1
        return np.stack([self._drafts["proposed"][rows], self._drafts["accepted"][rows]], axis=1)

    def steps_ended_by(self, axis: Axis, edges: NDArray[np.float64]) -> NDArray[np.int64]:
        """How many steps have ended at each edge."""
        if axis == "steps":
            return np.clip(np.floor(edges), 0, self.n).astype(np.int64)
        return np.searchsorted(self.session.steps["end_ns"][: self.n], edges, "right")

    def _cumulative(self, name: str, axis: Axis, edges: NDArray[np.float64]) -> NDArray[np.float64]:
        sums = self._sums[name][: self.n + 1]
        if self.n == 0:
            return np.zeros((len(edges), *sums.shape[1:]))
        if axis == "steps":
            x = np.clip(edges, 0.0, float(self.n))
            i = np.minimum(x.astype(np.int64), self.n - 1)
            share = x - i
        else:
            starts = self.session.steps["start_ns"][: self.n]
            ends = self.session.steps["end_ns"][: self.n]
            i = np.clip(np.searchsorted(starts, edges, "right") - 1, 0, self.n - 1)
            share = np.clip((edges - starts[i]) / np.maximum(ends[i] - starts[i], 1), 0.0, 1.0)
        if sums.ndim == 2:
            share = share[:, None]
        result: NDArray[np.float64] = sums[i] + share * (sums[i + 1] - sums[i])
        return result

    # --- one item ---------------------------------------------------------------------------------------------------

    def band_ns(self, step: int) -> NDArray[np.float64]:
        """ns by band of one step; they sum to its wall time."""
        sums = self._sums["bands"]
        result: NDArray[np.float64] = sums[step + 1] - sums[step]
        return result

    def device_band_ns(self, step: int) -> NDArray[np.float64]:
        """ns of device work by band of one step; they sum to its `device_ns`."""
        part = slice(step, step + 2)
        bands, host, device = (np.diff(self._sums[name][part], axis=0) for name in ("bands", "host", "device"))
        result: NDArray[np.float64] = device_bands(bands, host, device)[0]
        return result

    def wall_between(self, first: int, last: int) -> float:
        """ns that the steps [first, last] took, without the gaps between them."""
        sums = self._sums["bands"]
        return float((sums[last + 1] - sums[first]).sum())

    def wall_of_token(self, row: int) -> float | None:
        """ns of the step that emitted a token; None if it verified drafts or emitted several tokens for its request."""
        tokens = self.session.tokens
        request, step = int(tokens["request_id"][row]), int(tokens["step_id"][row])
        if (request, step) in self.proposals or len(self.tokens_of_step(request, step)) != 1:
            return None
        return self.wall_between(step, step)

    def bands_present(self, first: int, end: int) -> list[str]:
        """The bands on which the steps [first, end) spent time, in stacking order."""
        if end <= first:
            return []
        sums = self._sums["bands"]
        return [band for band, ns in zip(BANDS, (sums[end] - sums[first]).tolist(), strict=True) if ns > 0]

    def tokens_of_step(self, request_id: int, step: int) -> NDArray[np.int64]:
        """Rows of Session.tokens that a step emitted for a request."""
        lane = self.lanes[request_id]
        first, end = np.searchsorted(lane.steps, (step, step + 1))
        return lane.rows[first:end]

    def idle_before(self, step: int) -> int:
        """ns from the end of the step before to the start of this one, without pauses; 0 for the first step."""
        if step == 0:
            return 0
        steps = self.session.steps
        since, until = int(steps["end_ns"][step - 1]), int(steps["start_ns"][step])
        return max(0, until - since - pauses_of(self.session).within(since, until))


def device_bands(
    bands: NDArray[np.float64], host: NDArray[np.float64], busy: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Divide `busy` [n] in proportion to the bands [n, len(BANDS)] less their host-only part [n, len(HOST_ONLY)].

    `other` gets no share, except where no other band is left (no phases were timed): then it gets all.
    """
    of_device = bands.copy()
    of_device[:, [BANDS.index(band) for band in HOST_ONLY]] -= host
    of_device[:, BANDS.index("other")] = 0.0
    of_device = np.maximum(of_device, 0.0)
    total = of_device.sum(axis=1)
    of_device[total <= 0, BANDS.index("other")] = 1.0
    result: NDArray[np.float64] = of_device * (busy / np.where(total > 0, total, 1.0))[:, None]
    return result
