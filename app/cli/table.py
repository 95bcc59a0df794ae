"""Text tables for standard output, and the table of a session's figures."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from app.look.units import MOST_OF_NAME, NOT_APPLICABLE, count, memory, percent, rate, seconds
from engine.figures.metrics import Summary
from engine.plain_text import one_line

SUMMARY_TEXT_LIMIT = 400
NOT_TOLD: Final = "not told by this server"
MOST_TEXTS: Final = 200
"""Limit of the requests whose texts are printed."""
MOST_NAMED: Final = 8
"""Limit of the names of one kind in a line of the table."""


def columns(rows: Iterable[Sequence[str]], gap: int = 2) -> str:
    """Rows as aligned columns: the first column is aligned left, the others right."""
    rows = list(rows)
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        lines.append((" " * gap).join(cells).rstrip())
    return "\n".join(lines)


def figures(summary: Summary) -> list[tuple[str, str]]:
    """(name, value with its unit) of each line of the table."""
    positions, kv, speculation, itl = summary.positions, summary.kv, summary.speculation, summary.itl_s
    first = summary.requests[0] if summary.requests else None
    device = one_line(summary.device, MOST_OF_NAME)
    rows = [
        ("model", one_line(summary.model, MOST_OF_NAME)),
        ("device", device or (NOT_TOLD if summary.not_told else "")),
        ("tokens", count(summary.tokens)),
        ("steps", _told(summary.steps)),
        ("wall time", seconds(summary.wall_s)),
        ("rate", rate(summary.tokens_per_s, "tokens/s")),
        ("time to first token", seconds(first.ttft_s if first else None)),
        ("gap between tokens p50", seconds(itl["p50"])),
        ("gap between tokens p90", seconds(itl["p90"])),
        ("gap between tokens p99", seconds(itl["p99"])),
    ]
    if summary.steps is None:
        return [*rows, ("positions, KV cache, phases", NOT_TOLD)]
    rows += [
        ("positions computed", _told(positions["computed"])),
        ("  new", _told(positions["new"])),
        ("  recomputed", _told(positions["recomputed"])),
        ("  padding", _told(positions["padding"])),
        ("  rejected", _told(positions["rejected"])),
        ("positions reused", _told(positions["reused"])),
        ("KV used, peak", memory(kv["used_peak_bytes"])),
        ("KV held, peak", "not recorded" if kv["held_peak_bytes"] is None else memory(kv["held_peak_bytes"])),
        *([("KV kept for a batch, peak", memory(kv["kept_peak_bytes"]))] if kv["kept_peak_bytes"] else []),
        *([("KV evictable, peak", memory(kv["evictable_peak_bytes"]))] if kv["evictable_peak_bytes"] else []),
        ("KV reserved, peak", memory(kv["reserved_peak_bytes"])),
        ("KV by the formula", memory(kv["predicted_bytes"])),
        *(
            [
                ("KV of the draft model, used, peak", memory(kv["draft_kv_used_peak_bytes"])),
                ("KV of the draft model, reserved, peak", memory(kv["draft_kv_reserved_peak_bytes"])),
            ]
            if kv["draft_kv_reserved_peak_bytes"]
            else []
        ),
        ("MBU", percent(summary.mbu)),
        ("MFU", percent(summary.mfu)),
    ]
    if summary.ceilings_busy:
        rows.append(("ceilings of MBU and MFU", "measured on a busy machine"))
    if speculation["drafted"]:
        rows.append(("drafts accepted", percent(speculation["rate"])))
        length = speculation["length"]
        rows.append(("acceptance length", NOT_APPLICABLE if length is None else f"{length:.2f}"))
    groups = {group: value for group, value in summary.groups_s.items() if value is not None}
    total = sum(groups.values())
    for group, value in groups.items():
        share = percent(value / total) if total else NOT_APPLICABLE
        rows.append((f"time: {group}", f"{seconds(value)} ({share})"))
    if not groups:
        rows.append(("time by phase", NOT_TOLD))
    kernels = [f"{one_line(name, MOST_OF_NAME) or NOT_TOLD} ×{n}" for name, n in summary.attention_kernels.items()]
    rows.append(("attention kernels", listed(kernels, "kernels", ", ")))
    if set(summary.launches) - {"eager"}:
        rows.append(("launched", ", ".join(f"{how} ×{n}" for how, n in summary.launches.items())))
    if any(summary.dropped.values()):
        rows.append(
            ("detail dropped", ", ".join(f"{n} {k.replace('_', ' ')}" for k, n in summary.dropped.items() if n))
        )
    return rows


def _told(value: int | None) -> str:
    return NOT_TOLD if value is None else count(value)


def texts(summary: Summary) -> str:
    """What each request generated, shortened where it is long."""
    lines = []
    for request in summary.requests[:MOST_TEXTS]:
        text = request.text if len(request.text) <= SUMMARY_TEXT_LIMIT else request.text[:SUMMARY_TEXT_LIMIT] + " …"
        reason = one_line(request.finish_reason or "unfinished", MOST_OF_NAME)
        lines.append(f"[{request.id}] {text!r} ({reason})")
    if (left_out := len(summary.requests) - MOST_TEXTS) > 0:
        lines.append(f"and {count(left_out)} more requests (info --json has all)")
    return "\n".join(lines)


def listed(names: Sequence[str], of: str, between: str) -> str:
    """The first MOST_NAMED names, and how many more there are."""
    shown = between.join(names[:MOST_NAMED])
    return shown if len(names) <= MOST_NAMED else f"{shown} and {count(len(names) - MOST_NAMED)} more {of}"


def summary_text(summary: Summary) -> str:
    """The figures as a table, then the generated texts."""
    return f"{columns(figures(summary))}\n\n{texts(summary)}"
