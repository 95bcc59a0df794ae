"""Finds the range that launched each kernel, and the step that each belongs to."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engine.importing.nesting import Column, Ranges


def launching_ranges(ranges: Ranges, correlation: Column, external: Column) -> Column:
    """The row of the range that launched each kernel, -1 where nothing tells it.

    A call of the runtime has the correlation of what it launches; one launch of a graph has many kernels. Where the
    calls were not recorded, the `External id` names the operation.
    """
    found = _row_of(ranges.correlation, correlation)
    return np.where(found >= 0, found, _row_of(ranges.external, external))


def _row_of(numbers: Column, wanted: Column) -> Column:
    """The row in which `numbers` first has each wanted number, -1 where none has it; -1 is no number."""
    rows = np.flatnonzero(numbers >= 0)
    if not len(rows):
        return np.full(len(wanted), -1, np.int64)
    known, first = np.unique(numbers[rows], return_index=True)
    at = np.minimum(np.searchsorted(known, wanted), len(known) - 1)
    return np.where((known[at] == wanted) & (wanted >= 0), rows[first[at]], -1)


def steps_at(moments: Column, starts: Column, ends: Column) -> Column:
    """The step in whose time each moment lies, -1 in none; steps do not overlap."""
    if not len(starts):
        return np.full(len(moments), -1, np.int64)
    at = np.searchsorted(starts, moments, "right") - 1
    inside = (at >= 0) & (moments < ends[np.maximum(at, 0)])
    found: NDArray[np.int64] = np.where(inside, at, -1)
    return found


def steps_by_spans(start: Column, place: Column, spans: dict[str, Column], span_steps: Column) -> Column:
    """The step of each kernel by the step's span on its own stream, -1 where there is none.

    `place` numbers device and stream, as `spans["place"]` does; `span_steps` is the step that each span is of.
    """
    found = np.full(len(start), -1, np.int64)
    for number in np.unique(spans["place"]).tolist():
        rows = np.flatnonzero((spans["place"] == number) & (span_steps >= 0))
        rows = rows[np.argsort(spans["start"][rows], kind="stable")]
        here = np.flatnonzero(place == number)
        at = steps_at(start[here], spans["start"][rows], spans["end"][rows])
        found[here] = np.where(at >= 0, span_steps[rows[np.maximum(at, 0)]] if len(rows) else -1, -1)
    return found
