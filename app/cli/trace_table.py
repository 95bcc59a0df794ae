"""The text that `info` prints of an imported trace: its steps, and where the time of kernels and ranges went."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from app.cli.table import columns, untold
from app.look.units import MOST_OF_NAME, count, percent, seconds
from engine.figures.kernels import KernelSum, RangeSum, kernel_sums, range_sums
from engine.figures.metrics import Summary
from engine.figures.step_range import StepRange
from engine.plain_text import one_line
from engine.session.store import Session
from engine.session.trace_fact import TraceFact

MOST_ROWS: Final = 15
"""Limit of the kernels and ranges that are printed; `info --json` has all."""
MOST_OF_A_KERNEL: Final = 64


def trace_text(session: Session, summary: Summary, fact: TraceFact, steps: StepRange) -> str:
    """The figures of an imported trace, or of a range of its steps, as tables."""
    kernels, ranges = kernel_sums(session, steps), range_sums(session, steps)
    parts = [
        columns(_facts(summary, fact, kernels, ranges)),
        _table("kernel", "mean", [(one.name, one.calls, one.total_s, one.mean_s, one.share) for one in kernels]),
        _table("range", "self", [(one.name, one.calls, one.total_s, one.self_s, one.share) for one in ranges]),
        "\n".join(trace_notes(fact)),
        "\n".join(f"{topics}: {reason}" for topics, reason in untold(summary)),
    ]
    return "\n\n".join(part for part in parts if part)


def _facts(
    summary: Summary, fact: TraceFact, kernels: Sequence[KernelSum], ranges: Sequence[RangeSum]
) -> list[tuple[str, str]]:
    rows = [("trace", one_line(fact.file, MOST_OF_NAME)), ("device", one_line(summary.device, MOST_OF_NAME) or "—")]
    if summary.steps is not None:
        rows.append(("steps", f"{count(summary.steps)} ({one_line(fact.steps_by, MOST_OF_NAME)})"))
    rows.append(("wall time", seconds(summary.wall_s)))
    told = {group: value for group, value in summary.groups_s.items() if value is not None}
    total = sum(told.values())
    rows += [
        (f"time of the {fact.phases_by}: {group}", f"{seconds(value)} ({percent(value / total)})")
        for group, value in told.items()
        if total
    ]
    if kernels:
        rows.append(("kernels", count(sum(one.calls for one in kernels))))
        rows.append(("time of all kernels", seconds(sum(one.total_s for one in kernels))))
        rows.append(("kernels in no step", count(sum(one.in_no_step for one in kernels))))
    rows.append(("ranges of the host", count(sum(one.calls for one in ranges))))
    return rows


def _table(what: str, third: str, rows: Sequence[tuple[str, int, float, float, float]]) -> str:
    if not rows:
        return ""
    head = (what, "calls", "total", third, "share")
    cells = [
        (one_line(name, MOST_OF_A_KERNEL), count(calls), seconds(total), seconds(mean), percent(share))
        for name, calls, total, mean, share in rows[:MOST_ROWS]
    ]
    more = f"\nand {count(len(rows) - MOST_ROWS)} more (info --json has all)" if len(rows) > MOST_ROWS else ""
    return columns([head, *cells]) + more


def trace_notes(fact: TraceFact) -> list[str]:
    """What of the trace could not be used, in a sentence each."""
    notes = [f"The trace is cut short: {fact.cut_short}. What could be read is here."] if fact.cut_short else []
    counted = (
        (fact.unreadable, "events could not be read and are left out"),
        (fact.ends_missing, "ranges or kernels began and did not end: their ends are not told"),
        (fact.begins_missing, "ends of ranges had no beginning and are left out"),
    )
    notes += [f"{count(number)} {words}." for number, words in counted if number]
    if fact.left_out:
        kinds = ", ".join(f"{count(number)} {one_line(kind, MOST_OF_NAME)}" for kind, number in fact.left_out.items())
        notes.append(f"Not kept, as they are neither kernels nor ranges: {kinds}.")
    return notes
