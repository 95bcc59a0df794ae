"""Sums of an imported trace: by kernel, and by range of the host."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from engine.figures.step_range import StepRange
from engine.session.event_table import EventTable
from engine.session.schema import PHASES
from engine.session.store import Session
from engine.session.trace_fact import TraceFact, trace_of


@dataclass(frozen=True, slots=True)
class KernelSum:
    """All calls of one kernel. Kernels of several streams overlap, so sums may be more than the time that passed."""

    name: str
    kind: str
    phase: str
    """The phase that most of its time belongs to."""
    calls: int
    total_s: float
    mean_s: float
    share: float
    """Share of the time of all kernels."""
    in_no_step: int
    """How many calls belong to no step."""


@dataclass(frozen=True, slots=True)
class RangeSum:
    """All ranges of the host of one name and kind."""

    name: str
    kind: str
    phase: str
    calls: int
    total_s: float
    self_s: float
    """Without the ranges inside."""
    share: float
    """Share of the own times of all ranges; of modules, of those of all modules."""
    in_no_step: int


def kernel_sums(session: Session, steps: StepRange = None) -> list[KernelSum]:
    """The sums of each kernel, the largest first; of a range of steps those that its steps launched."""
    groups = _groups(session.kernels, steps)
    if groups is None:
        return []
    total, ns = max(float(groups.ns.sum()), 1.0), groups.ns.tolist()
    order = np.argsort(-groups.ns, kind="stable").tolist()
    return [
        KernelSum(
            session.trace_names[groups.names[at]], session.kernels.words["kind"][groups.kinds[at]],
            PHASES[groups.phases[at]], groups.calls[at], ns[at] / 1e9, ns[at] / 1e9 / groups.calls[at],
            ns[at] / total, groups.in_no_step[at],
        )
        for at in order
    ]  # fmt: skip


def range_sums(session: Session, steps: StepRange = None) -> list[RangeSum]:
    """The sums of each range by its own time, the largest first; of a range of steps those that began in them.

    As in the table of PyTorch's profiler, an operation that does nothing but call one of its own name is one call.
    """
    groups = _groups(session.ranges, steps)
    if groups is None:
        return []
    own, all_ns, own_ns = groups.own, groups.ns.tolist(), groups.own.tolist()
    kinds = session.ranges.words["kind"]
    of_modules = np.array([kinds[kind] == "module" for kind in groups.kinds])
    totals = (max(float(own[~of_modules].sum()), 1.0), max(float(own[of_modules].sum()), 1.0))
    order = np.argsort(-own, kind="stable").tolist()
    return [
        RangeSum(
            session.trace_names[groups.names[at]], kinds[groups.kinds[at]], PHASES[groups.phases[at]],
            groups.calls[at], all_ns[at] / 1e9, own_ns[at] / 1e9, own_ns[at] / totals[int(of_modules[at])],
            groups.in_no_step[at],
        )
        for at in order
    ]  # fmt: skip


def trace_of_session(session: Session) -> TraceFact | None:
    """What is known of the trace that a session was imported from; None for any other session."""
    return trace_of(session.meta.get("trace", ""))


def trace_figures(session: Session, steps: StepRange = None) -> dict[str, Any] | None:
    """The trace, and the sums of its kernels and ranges, as `info --json` prints them; None for any other session."""
    fact = trace_of_session(session)
    if fact is None:
        return None
    kernels, ranges = kernel_sums(session, steps), range_sums(session, steps)
    return {
        **msgspec.to_builtins(fact),
        "device_s": sum(one.total_s for one in kernels),
        "kernels": [_plain(one) for one in kernels],
        "ranges": [_plain(one) for one in ranges],
    }


def _plain(one: KernelSum | RangeSum) -> dict[str, Any]:
    return {name: getattr(one, name) for name in one.__slots__}


@dataclass(frozen=True, slots=True)
class _Groups:
    """Sums by name and kind; `ns` and `own` as float64, which holds nanoseconds of a hundred days exactly."""

    names: list[int]
    kinds: list[int]
    phases: list[int]
    calls: list[int]
    in_no_step: list[int]
    ns: NDArray[np.float64]
    own: NDArray[np.float64]


def _groups(table: EventTable, steps: StepRange) -> _Groups | None:
    step = table["step_id"]
    rows = np.arange(len(table)) if steps is None else np.flatnonzero((step >= steps[0]) & (step <= steps[1]))
    if not len(rows):
        return None
    kinds = max(1, len(table.words["kind"]))
    keys = table["name_id"][rows] * kinds + table["kind"][rows]
    found, group = np.unique(keys, return_inverse=True)
    group = group.reshape(-1)
    ns = (table["end_ns"][rows] - table["start_ns"][rows]).astype(np.float64)
    own = table["self_ns"][rows].astype(np.float64) if "self_ns" in table.names else ns
    calls = ~_repeated(table)[rows] if "parent_id" in table.names else np.ones(len(rows), bool)
    ns[~calls] = 0.0
    by_phase = np.bincount(group * len(PHASES) + table["phase"][rows], ns + 1e-3, len(found) * len(PHASES))
    return _Groups(
        (found // kinds).tolist(),
        (found % kinds).tolist(),
        by_phase.reshape(len(found), len(PHASES)).argmax(axis=1).tolist(),
        np.bincount(group[calls], minlength=len(found)).tolist(),
        np.bincount(group[calls & (step[rows] < 0)], minlength=len(found)).tolist(),
        np.bincount(group, ns, len(found)).astype(np.float64),
        np.bincount(group, own, len(found)).astype(np.float64),
    )


def _repeated(ranges: EventTable) -> NDArray[np.bool_]:
    """Whether each range is the only one in a range of the same name; modules count neither."""
    parents, names = ranges["parent_id"], ranges["name_id"]
    plain = ranges["kind"] != ranges.words["kind"].index("module")
    inside = plain & (parents >= 0)
    children = np.bincount(parents[inside], minlength=len(ranges))
    around = np.maximum(parents, 0)
    repeated: NDArray[np.bool_] = inside & (children[around] == 1) & (names[around] == names)
    return repeated
