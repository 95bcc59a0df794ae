"""Checks what a session file holds of an imported trace: kernels, ranges and their names."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engine.session.event_table import EventTable
from engine.session.store import Session
from engine.session.trace_fact import trace_of


def check_trace(session: Session) -> None:
    """Raise ValueError, which says what is wrong, where kernels and ranges make no sense."""
    trace_of(session.meta.get("trace", ""))
    names, steps, ranges = len(session.trace_names), len(session.steps), len(session.ranges)
    for table in (session.kernels, session.ranges):
        what = table.table
        _require(bool((table["id"] == np.arange(len(table))).all()), f"{what} are missing")
        _between(f"{what}.step_id", table["step_id"], -1, steps - 1)
        _between(f"{what}.name_id", table["name_id"], 0, names - 1)
        _check_times(table)
    _between("kernels.range_id", session.kernels["range_id"], -1, ranges - 1)
    _between("ranges.thread_id", session.ranges["thread_id"], 0, names - 1)
    parents = session.ranges["parent_id"]
    _require(bool((parents >= -1).all() and (parents < np.arange(ranges)).all()), "a range is inside a later one")
    _between("ranges.depth", session.ranges["depth"], 0, max(0, ranges - 1))
    spans = session.ranges["end_ns"] - session.ranges["start_ns"]
    _require(bool((session.ranges["self_ns"] <= spans).all()), "the own time of a range is longer than the range")


def _check_times(table: EventTable) -> None:
    starts, ends = table["start_ns"], table["end_ns"]
    _require(bool((starts >= 0).all() and (ends >= starts).all()), f"a row of {table.table} ends before it starts")
    _require(bool((starts[1:] >= starts[:-1]).all()), f"{table.table} are not in the order of their times")
    total = float((ends - starts).sum(dtype=np.float64))
    _require(total < 2.0**62, f"the time of all {table.table} is too large in all")


def _between(name: str, values: NDArray[np.int64], least: int, most: int) -> None:
    if len(values) and not (least <= int(values.min()) and int(values.max()) <= most):
        raise ValueError(f"{name} should be from {least} to {most}")


def _require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise ValueError(otherwise)
