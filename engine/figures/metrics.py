"""The one place where figures are computed: panels, `info --json`, `compare` and reports all call this.

Arithmetic is on integer nanoseconds and float64. Percentiles interpolate linearly between the two nearest values
(numpy's default). Everything can be limited to a range of steps; a token belongs to the step that emitted it. Figures
of generation leave teacher-forced passes out; `teacher.py` gives theirs. What a session's source did not tell is None
(`told.py`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from engine.figures import rates
from engine.figures.acceptance import speculation_figures
from engine.figures.attention_gaps import recording_counts
from engine.figures.ceilings import least_read_s, measured_when_busy
from engine.figures.gaps import itl_seconds
from engine.figures.launches import eager_counts
from engine.figures.pauses import paces_of, pauses_of
from engine.figures.request_table import RequestTable
from engine.figures.request_times import latency_s, tpot_s, ttft_s, waited_s
from engine.figures.step_range import TEACHER, StepRange, generation_rows, step_slice, token_rows
from engine.figures.told import column_told, told, total_of
from engine.session.kv_shape import kv_shape_of
from engine.session.naming import name_in
from engine.session.schema import GROUP_OF, GROUPS, PHASES
from engine.session.store import LAUNCHES, RecordedRequest, Session

CLASSES: Final = ("computed", "new", "recomputed", "padding", "rejected", "reused")
OTHER: Final = PHASES.index("other")


@dataclass(frozen=True, slots=True)
class RequestFigures:
    """One request, seconds without pauses: TTFT from arrival to first token, latency to the last one;
    TPOT = (latency - TTFT)/(n - 1).
    """

    id: int
    prompt_tokens: int
    token_ids: list[int | None]
    """None is a token whose id a server did not tell."""
    text: str
    finish_reason: str | None
    ttft_s: float | None
    tpot_s: float | None
    latency_s: float | None
    waited_s: float | None
    """From arrival to the first step that computed anything for it."""
    arrived_s: float
    """When it arrived, from the session's zero."""
    reused: int | None
    """Positions of its prompt that the first step which computed for it found in a cache; None before that."""
    preempted: int | None
    """How often it lost its slot and came back with less in the cache than it had held."""


@dataclass(frozen=True, slots=True)
class TimelineFigures:
    """Counts and times of a range of steps. Teacher-forced passes are counted apart; their time is not idle, nor are
    pauses.
    """

    steps: int
    teacher_passes: int
    tokens: int | None
    """None where nobody told them."""
    span_s: float
    """From the first step's start to the last one's end, pauses included."""
    paused_s: float
    """The part of `span_s` that was paused."""
    idle_s: float
    """The part of `span_s` that lay between steps and was not paused."""
    idle_before_s: float | None
    """Between the step before the range and its first one, not paused; None at the session's beginning."""


@dataclass(frozen=True, slots=True)
class Summary:
    """The figures of a session, or of a range of its steps; field names are the keys of `info --json`.

    A figure is None where nobody told it.
    """

    requests: list[RequestFigures]
    steps: int | None
    tokens: int | None
    wall_s: float
    tokens_per_s: float | None
    positions: dict[str, int | None]
    kv: dict[str, int | None]
    phases_s: dict[str, float | None]
    groups_s: dict[str, float | None]
    itl_s: dict[str, float | None]
    speculation: dict[str, Any]
    mbu: float | None
    mfu: float | None
    ceilings_busy: bool
    """Whether the ceilings of MBU and MFU were measured on a busy machine."""
    settings: dict[str, Any]
    model: str
    device: str
    dropped: dict[str, int]
    attention_kernels: dict[str, int]
    """The number of steps by kernel that really ran."""
    attention: dict[str, int]
    """How many steps recorded attention or did not, and what of long prompts was left out; {} where nobody says."""
    launches: dict[str, int]
    """The number of steps by launch; those launched by `graph` have interpolated phases."""
    why_eager: dict[str, int]
    """The number of steps that ran operation by operation with `graphs` on, by a known reason."""
    paces: list[float]
    """The paces at which it was slowed down to be watched, tokens a second of each request; the rests are pauses."""
    serving: dict[str, Any] | None
    """The server that the session tells of, and what it does not tell; None for our own engine."""
    name: str = ""
    """What a person calls the session; "" where it has no name."""

    @property
    def trace(self) -> bool:
        """Whether it is of an imported trace."""
        return self.serving is not None and "trace" in self.serving["levels"]

    def to_json(self) -> dict[str, Any]:
        """Plain values, as `record --json` and `info --json` print them."""
        return asdict(self)


def by_id(session: Session) -> list[RecordedRequest]:
    """The requests in the order in which they were given; a session that is being recorded holds them by arrival."""
    return [session.requests[request_id] for request_id in sorted(session.requests)]


def summarise(session: Session, steps: StepRange = None) -> Summary:
    """The figures that `record` and `info` print, for the whole session or a range of steps."""
    rows = generation_rows(session, steps)
    tokens = token_rows(session, steps)
    phases = phases_s(session, steps)
    wall_s = run_wall_s(session, steps)
    table = RequestTable(session)
    table.update()
    return Summary(
        requests=[request_figures(session, request, table, steps) for request in by_id(session)],
        steps=len(session.steps["id"][rows]) if told(session, "steps") else None,
        tokens=len(tokens) if told(session, "tokens") else None,
        wall_s=wall_s,
        tokens_per_s=tokens_per_s(session, steps),
        positions={name: total_of(session, f"positions_{name}", rows) for name in CLASSES},
        kv=kv_figures(session, steps),
        phases_s=phases,
        groups_s=groups_s(phases),
        itl_s=percentiles(itl_seconds(session, tokens)),
        speculation=speculation_figures(session, steps),
        mbu=utilisation(session, "bytes_moved", "read_bytes_per_s", steps),
        mfu=utilisation(session, "flops", "flops_per_s", steps),
        ceilings_busy=measured_when_busy(session),
        settings=settings(session),
        model=session.meta.get("model", ""),
        device=session.meta.get("device_name", session.meta.get("device", "")),
        dropped=dict(session.dropped),
        attention_kernels=kernel_counts(session, steps),
        attention=recording_counts(session, steps),
        launches=launch_counts(session, steps),
        why_eager=eager_counts(session, steps),
        paces=paces_of(session, steps),
        serving=None if session.serving is None else msgspec.to_builtins(session.serving),
        name=name_in(session.meta),
    )


# --- time -----------------------------------------------------------------------------------------------------------


def step_walls_s(session: Session, steps: StepRange = None) -> NDArray[np.float64]:
    """Wall time of each step, seconds."""
    rows = step_slice(session, steps)
    walls: NDArray[np.float64] = (session.steps["end_ns"][rows] - session.steps["start_ns"][rows]) / 1e9
    return walls


def phase_table_s(session: Session, steps: StepRange = None) -> NDArray[np.float64]:
    """Seconds by step and phase, float64 [steps, len(PHASES)]; a row sums to its step's wall time.

    Time that no timer measured is `other`; where the run was not observed by phase, all time is `other`.
    """
    rows = step_slice(session, steps)
    table = session.phases["us"][rows].astype(np.float64) / 1e6
    table[:, OTHER] = 0.0
    table[:, OTHER] = np.maximum(step_walls_s(session, steps) - table.sum(axis=1), 0.0)
    return table


def phases_s(session: Session, steps: StepRange = None) -> dict[str, float | None]:
    """Seconds by phase of the steps that generated; they sum to those steps' wall time. None where not told."""
    if not told(session, "steps", "phases"):
        return dict.fromkeys(PHASES)
    rows, first = generation_rows(session, steps), step_slice(session, steps).start
    table = phase_table_s(session, steps)
    totals = (table if isinstance(rows, slice) else table[rows - first]).sum(axis=0)
    return dict(zip(PHASES, totals.tolist(), strict=True))


def groups_s(phases: Mapping[str, float | None]) -> dict[str, float | None]:
    """Seconds by group (`GROUPS`), from seconds by phase; None where a phase of the group was not told."""
    groups: dict[str, float | None] = dict.fromkeys(GROUPS, 0.0)
    for phase, value in phases.items():
        before = groups[GROUP_OF[phase]]
        groups[GROUP_OF[phase]] = None if before is None or value is None else before + value
    return groups


def group_table_s(session: Session, steps: StepRange = None) -> NDArray[np.float64]:
    """Seconds by step and group, float64 [steps, len(GROUPS)]."""
    table = phase_table_s(session, steps)
    return np.stack([table[:, [GROUP_OF[p] == group for p in PHASES]].sum(axis=1) for group in GROUPS], axis=1)


def gaps_s(session: Session, steps: StepRange = None) -> NDArray[np.float64]:
    """Host time between the end of each step and the start of the next, pauses left out, seconds [steps - 1]."""
    rows = step_slice(session, steps)
    starts, ends = session.steps["start_ns"][rows][1:], session.steps["end_ns"][rows][:-1]
    gaps: NDArray[np.float64] = (starts - ends - pauses_of(session).between(ends, starts)) / 1e9
    return gaps


def timeline_figures(session: Session, steps: StepRange = None) -> TimelineFigures:
    """Steps, tokens, paused and idle time of a range of steps."""
    rows = step_slice(session, steps)
    table = session.steps
    if rows.start >= rows.stop:
        return TimelineFigures(0, 0, 0, 0.0, 0.0, 0.0, None)
    starts, ends = table["start_ns"][rows], table["end_ns"][rows]
    span_ns, busy_ns = int(ends[-1] - starts[0]), int((ends - starts).sum())
    pauses = pauses_of(session)
    paused_ns = pauses.within(int(starts[0]), int(ends[-1]))
    idle_before_s = None
    if rows.start:
        before_ns, start_ns = int(table["end_ns"][rows.start - 1]), int(starts[0])
        idle_before_s = max(0, start_ns - before_ns - pauses.within(before_ns, start_ns)) / 1e9
    passes = int((table["kind"][rows] == TEACHER).sum())
    return TimelineFigures(
        steps=len(starts) - passes,
        teacher_passes=passes,
        tokens=total_of(session, "tokens_out", rows),
        span_s=span_ns / 1e9,
        paused_s=paused_ns / 1e9,
        idle_s=max(span_ns - busy_ns - paused_ns, 0) / 1e9,
        idle_before_s=idle_before_s,
    )


def run_wall_s(session: Session, steps: StepRange = None) -> float:
    """Seconds from the first arrival to the last emission, pauses left out; `rates.py` defines this for a range."""
    rows = step_slice(session, steps)
    return rates.wall_ns(session, rows.start, rows.stop) / 1e9


def tokens_per_s(session: Session, steps: StepRange = None) -> float | None:
    """The rate of a session or a range of its steps: generated tokens over `run_wall_s`; None where that is 0."""
    rows = step_slice(session, steps)
    return rates.tokens_per_s(session, rows.start, rows.stop)


def busy_s(session: Session, steps: StepRange = None) -> float:
    """Wall time inside the steps that generated."""
    rows = generation_rows(session, steps)
    return float((session.steps["end_ns"][rows] - session.steps["start_ns"][rows]).sum()) / 1e9


def percentiles(values: NDArray[np.float64]) -> dict[str, float | None]:
    """p50, p90 and p99, None where there is no value."""
    if len(values) == 0:
        return {"p50": None, "p90": None, "p99": None}
    return dict(zip(("p50", "p90", "p99"), np.percentile(values, (50, 90, 99)).tolist(), strict=True))


# --- tokens ---------------------------------------------------------------------------------------------------------


def request_figures(
    session: Session, request: RecordedRequest, table: RequestTable, steps: StepRange = None
) -> RequestFigures:
    """One request's figures; its tokens are those of a range of steps, its times those of the whole request."""
    row = table.row_of(request.id)
    rows = np.array(request.token_rows, np.int64)
    if steps is not None:
        first, end = np.searchsorted(session.tokens["step_id"][rows], (steps[0], steps[1] + 1)).tolist()
        rows = rows[first:end]
    return RequestFigures(
        id=request.id,
        prompt_tokens=request.prompt_tokens,
        token_ids=[None if token < 0 else token for token in session.tokens["token_id"][rows].tolist()],
        text="".join(session.tokens["text"][rows].tolist()),
        finish_reason=request.finish_reason,
        ttft_s=ttft_s(session, request),
        tpot_s=tpot_s(session, request),
        latency_s=latency_s(session, request),
        waited_s=waited_s(session, request),
        arrived_s=(request.arrived_ns - request.before_ns) / 1e9,
        reused=None if row is None else table.count("reused", row),
        preempted=None if row is None else table.count("preempted", row),
    )


# --- memory and work ------------------------------------------------------------------------------------------------


def cached_positions(session: Session, steps: StepRange = None, would: bool = False) -> NDArray[np.int64]:
    """Positions of live requests that the cache holds at the end of each step, int64 [steps], from the rows of `work`.

    A request is live if it had not ended before the step. It holds the positions up to the end of its work, less the
    rejected ones. It keeps them over steps that computed nothing for it if it then goes on from there, and if in each
    of these steps more requests were running than the step computed for. Otherwise it was preempted and held nothing
    meanwhile, even if it found all its positions in the cache when it came back. With `kv=none` and in a teacher-forced
    pass nothing is held. A position that two requests share counts once for each. With `would`, steps without a cache
    count the positions that a cache would hold.
    """
    table, count = session.steps, step_slice(session).stop
    cached = [would or config.switches.get("kv") != "none" for config in session.configs] or [True]
    caching = np.array(cached)[table["config_id"][:count]] & (table["kind"][:count] != TEACHER)
    recorded, known = session.work, len(session.work)  # a run that goes on adds rows meanwhile
    work = {name: recorded[name][:known] for name in ("request_id", "step_id", "first", "end", "rejected", "reused")}
    # A chunk of which all was rejected was computed for a request that had ended (launched before that was known).
    void = (work["rejected"] > 0) & (work["rejected"] == work["end"] - work["first"])
    rows = np.flatnonzero((work["request_id"] >= 0) & ~void)
    rows = rows[work["step_id"][rows] < count]
    rows = rows[caching[work["step_id"][rows]]]
    rows = rows[np.argsort(work["request_id"][rows], kind="stable")]  # by request, then in the order of steps
    request, step = work["request_id"][rows], work["step_id"][rows]
    begins = np.flatnonzero(np.diff(request, prepend=-1) | np.diff(step, prepend=-1))  # a step may have several
    ends = np.append(begins[1:], len(rows))[: len(begins)] - 1
    held = (work["end"] - work["rejected"])[rows[ends]]
    request, step = request[begins], step[begins]
    goes_on = (request[1:] == request[:-1]) & (work["reused"][rows[begins[1:]]] >= held[:-1])
    nobody_idle = np.append(0, np.cumsum(table["running"][:count] <= np.bincount(step, minlength=count)))
    goes_on &= (nobody_idle[step[1:]] == nobody_idle[step[:-1] + 1]) | (step[1:] <= step[:-1])
    until = step + 1
    until[:-1] = np.where(goes_on, step[1:], until[:-1])
    change = np.zeros(count + 1, np.int64)
    np.add.at(change, step, held)
    np.add.at(change, until, -held)
    counts: NDArray[np.int64] = np.cumsum(change)[step_slice(session, steps)]
    return counts


PEAKS: Final = (
    "kv_used", "kv_reserved", "kv_held", "kv_kept", "kv_evictable", "draft_kv_used", "draft_kv_reserved",
)  # fmt: skip


def kv_figures(session: Session, steps: StepRange = None) -> dict[str, int | None]:
    """Peak bytes of the cache's classes and of the draft model's own cache (measured), and of the formula.

    The formula is for the positions that the model's cache held. A value that was not recorded or not told is None, and
    so is the formula where the model's shape is not known.
    """
    rows = step_slice(session, steps)
    found: dict[str, int | None] = {
        f"{name.removeprefix('kv_')}_peak_bytes": 0 if column_told(session, f"{name}_bytes") else None for name in PEAKS
    }
    if rows.start >= rows.stop:
        return {**found, "predicted_bytes": 0 if told(session, "steps") else None}
    for name in PEAKS:
        if not column_told(session, f"{name}_bytes"):
            continue
        most = int(session.steps[f"{name}_bytes"][rows].max())
        found[f"{name.removeprefix('kv_')}_peak_bytes"] = most if most >= 0 else None
    shape = kv_shape_of(session.model_config)
    positions = int(cached_positions(session, steps).max())
    return {**found, "predicted_bytes": shape.total_bytes(positions) if shape is not None else None}


def kv_fragmentation(session: Session, steps: StepRange = None) -> NDArray[np.float64]:
    """Internal fragmentation 1 − used/held of each step, float64 [steps]: in the memory of requests that had not ended.

    Evictable and free memory does not count, nor that kept for a batch that has not ended. NaN where nothing is held,
    or where `kv_held_bytes` was not recorded.
    """
    rows = step_slice(session, steps)
    used, held = (session.steps[name][rows].astype(np.float64) for name in ("kv_used_bytes", "kv_held_bytes"))
    shares = np.full(len(used), np.nan)
    np.divide(held - used, held, out=shares, where=held > 0)
    return shares


def requests_that_fit(device_bytes: int, weight_bytes: int, request_bytes: int) -> int:
    """How many caches of `request_bytes` a device holds beside the weights."""
    return max(0, device_bytes - weight_bytes) // request_bytes if request_bytes > 0 else 0


def attention_entropy(probs: NDArray[np.float32]) -> float:
    """Entropy of one attention row, nats: 0 where one key has all the weight, log n where n keys have equal weights.

    NaN where the row is not finite, as in a model whose logits are NaN.
    """
    if not np.isfinite(probs).all():
        return float("nan")
    weights = probs[probs > 0]
    return max(0.0, float(-(weights * np.log(weights)).sum()))


def widest_tokens(weights: NDArray[np.float32], share: float) -> int:
    """How many of the largest weights it takes to make up this share of their sum."""
    if not len(weights):
        return 0
    reached = np.cumsum(np.sort(weights)[::-1], dtype=np.float64)
    return int(np.searchsorted(reached, share * reached[-1] - 1e-9)) + 1


def ceilings(session: Session) -> dict[str, float]:
    """This device's measured ceilings, `read_bytes_per_s` (of memory) and `flops_per_s`; empty where they were not
    measured. `engine.figures.ceilings` has those of its caches, and the load at the measurement.
    """
    facts: dict[str, Any] = json.loads(session.meta.get("ceilings") or "{}")
    return {name: facts[name] for name in ("read_bytes_per_s", "flops_per_s") if name in facts}


def utilisation(session: Session, counted: str, ceiling: str, steps: StepRange = None) -> float | None:
    """MBU (`bytes_moved` against `read_bytes_per_s`) or MFU (`flops` against `flops_per_s`) of the generating steps.

    MBU is the least time in which the steps' bytes can be read, over the steps' time. The bytes of a step are read at
    the ceiling of the level of memory that holds all that the step reads (`engine.figures.ceilings`). Where no cache
    holds a step's weights, MBU is bytes a second over the bandwidth of memory.
    """
    return utilisation_of(session, counted, ceiling, generation_rows(session, steps))


def utilisation_of(session: Session, counted: str, ceiling: str, rows: slice | NDArray[np.int64]) -> float | None:
    """MBU or MFU, as in `utilisation`, of some rows of `session.steps`."""
    if not column_told(session, counted):
        return None
    peak = ceilings(session).get(ceiling)
    table = session.steps
    wall_s = float((table["end_ns"][rows] - table["start_ns"][rows]).sum()) / 1e9
    if counted == "bytes_moved":
        least_s = least_read_s(session, rows)
        return float(least_s.sum()) / wall_s if least_s is not None and wall_s else None
    return float(table[counted][rows].sum()) / wall_s / peak if peak and wall_s else None


def rate_of_steps(session: Session, counted: str, steps: StepRange = None) -> float | None:
    """The sum of a counter (`bytes_moved`, `flops`) over the generating steps, for each second of their wall time."""
    counts = total_of(session, counted, generation_rows(session, steps))
    wall_s = busy_s(session, steps)
    return counts / wall_s if wall_s and counts is not None else None


def read_ceiling(session: Session, steps: StepRange = None) -> float | None:
    """Bytes a second at which the generating steps could read what they moved: the ceiling of their level of memory, or
    the mean over their bytes where their levels differ; None without ceilings.
    """
    rows = generation_rows(session, steps)
    least_s = least_read_s(session, rows)
    moved = float(session.steps["bytes_moved"][rows].sum())
    if least_s is None or not moved:
        return ceilings(session).get("read_bytes_per_s")
    return moved / float(least_s.sum())


# --- facts ----------------------------------------------------------------------------------------------------------


def settings(session: Session) -> dict[str, Any]:
    """The switches at the start, the sampling of the first request, and the later changes of switches."""
    if not session.configs:
        return {}
    first, *later = session.configs
    changes = []
    before = first.switches
    for config in later:
        changed = {name: value for name, value in config.switches.items() if before.get(name) != value}
        changes.append({"step": config.step_id, **changed})
        before = config.switches
    sampling = next((request.params.get("sampling") for request in by_id(session)), None)
    return {**first.switches, "sampling": sampling, "changes": changes}


def kernel_counts(session: Session, steps: StepRange = None) -> dict[str, int]:
    """The number of generating steps by attention kernel that really ran; empty where nobody told."""
    if not column_told(session, "attention_kernel"):
        return {}
    codes, counts = np.unique(session.steps["attention_kernel"][generation_rows(session, steps)], return_counts=True)
    return {session.attention_kernels[code]: int(n) for code, n in zip(codes, counts, strict=True)}


def launch_counts(session: Session, steps: StepRange = None) -> dict[str, int]:
    """The number of generating steps by launch of the forward pass, for the launches that occur; empty where nobody
    told.
    """
    if not column_told(session, "launch"):
        return {}
    codes, counts = np.unique(session.steps["launch"][generation_rows(session, steps)], return_counts=True)
    return {LAUNCHES[code]: int(n) for code, n in zip(codes, counts, strict=True)}
