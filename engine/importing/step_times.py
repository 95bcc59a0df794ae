"""Where the time of each step went: of the device where a trace has its work, else of the thread that ran the steps."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engine.importing.nesting import MODULE, Column, Ranges
from engine.importing.phases import OTHER
from engine.importing.steps import Steps
from engine.session.schema import PHASES


def device_times(steps: Steps, start: Column, end: Column, phase: Column) -> tuple[Column, NDArray[np.float64]]:
    """(ns, by phase) in which the device worked while each step lasted: int64 [steps], float64 [steps, PHASES].

    Where several streams work at one moment, it counts once, for the work that had begun first. So the phases of a step
    never sum to more than it lasted. Rows are in order of `start`.
    """
    reached = np.maximum.accumulate(end) if len(end) else end
    begin = np.maximum(start, np.concatenate(([0], reached[:-1]))) if len(end) else start
    alone = end > begin
    begin, until, phase = begin[alone], end[alone], phase[alone]
    by_phase = np.zeros((len(steps), len(PHASES)))
    for one in np.unique(phase).tolist():
        rows = phase == one
        since, to = begin[rows], until[rows]
        before = np.concatenate(([0], np.cumsum(to - since)))
        by_phase[:, one] = _worked(steps.end, since, to, before) - _worked(steps.start, since, to, before)
    return by_phase.sum(axis=1).astype(np.int64), by_phase


def _worked(moments: Column, since: Column, until: Column, before: Column) -> Column:
    """How many ns of the pieces of time, which do not overlap, lie before each moment."""
    at = np.searchsorted(since, moments, "right") - 1
    last = np.maximum(at, 0)
    inside = np.clip(moments - since[last], 0, until[last] - since[last])
    found: NDArray[np.int64] = np.where(at >= 0, before[last] + inside, 0)
    return found


def host_times(steps: Steps, ranges: Ranges, step: Column, phase: Column) -> NDArray[np.float64]:
    """ns by step and phase of the steps' own thread: the own times of its ranges, modules left out.

    float64 [steps, PHASES]; what no name tells, and what ran in no operation, is `other`.
    """
    found = np.zeros((len(steps), len(PHASES)))
    if not len(steps):
        return found
    rows = np.flatnonzero((step >= 0) & (ranges.thread == ranges.thread[steps.rows[0]]) & (ranges.kind != MODULE))
    np.add.at(found, (step[rows], np.where(phase[rows] >= 0, phase[rows], OTHER)), ranges.own[rows].astype(np.float64))
    wall = (steps.end - steps.start).astype(np.float64)
    found[:, OTHER] = 0.0
    total = found.sum(axis=1)
    found *= np.minimum(1.0, wall / np.maximum(total, 1.0))[:, None]  # a range may reach beyond the end of its step
    return found
