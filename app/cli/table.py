"""Text tables for standard output, and the table of a session's figures."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from app.look.units import MOST_OF_NAME, NOT_APPLICABLE, count, memory, percent, rate, seconds
from engine.core.settings import BYTES_A_STEP, ROWS_A_SPAN
from engine.figures.metrics import Summary
from engine.plain_text import one_line

SUMMARY_TEXT_LIMIT = 400
MOST_TEXTS: Final = 200
"""Limit of the requests whose texts are printed."""
MOST_NAMED: Final = 8
"""Limit of the names of one kind in a line of the table."""
NOT_TOLD: Final = "not told by this server"
NOT_TRACED: Final = "not told by this trace"
TOPICS: Final = {
    "steps": "steps and who was in them", "flops": "FLOPs", "kv": "KV memory", "kv_layers": "KV memory by layer",
    "slots": "batch slots",
}  # fmt: skip
"""What a server did not tell, where its name in the file is no word of English."""
LAUNCHED: Final = {
    "eager": "operation by operation", "compiled": "compiled step", "graph": "CUDA graph", "twin": "CUDA graph, timed",
}  # fmt: skip
WHY_EAGER: Final = {
    "attention": "another attention kernel", "cache": "no KV cache", "recorded": "attention was recorded",
}  # fmt: skip
"""Why steps ran operation by operation with `graphs` on; a kind of step that is never launched as one is no reason."""


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
    """(name, value with its unit) of each line of the table; what a server did not tell says so."""
    speculation, itl = summary.speculation, summary.itl_s
    first = summary.requests[0] if summary.requests else None
    untold = not_told(summary)
    rows = [
        *([("name", one_line(summary.name, MOST_OF_NAME))] if summary.name else []),
        ("model", one_line(summary.model, MOST_OF_NAME)),
        ("device", one_line(summary.device, MOST_OF_NAME) or untold),
        *_server(summary),
        ("tokens", _count(summary, summary.tokens)),
        ("steps", _count(summary, summary.steps)),
        ("wall time", seconds(summary.wall_s)),
        ("rate", rate(summary.tokens_per_s, "tokens/s")),
        ("time to first token", seconds(first.ttft_s if first else None)),
        ("gap between tokens p50", seconds(itl["p50"])),
        ("gap between tokens p90", seconds(itl["p90"])),
        ("gap between tokens p99", seconds(itl["p99"])),
        *_positions(summary),
        *_kv(summary),
        ("MBU", untold if untold and summary.mbu is None else percent(summary.mbu)),
        ("MFU", untold if untold and summary.mfu is None else percent(summary.mfu)),
    ]
    if summary.ceilings_busy:
        rows.append(("ceilings of MBU and MFU", "measured on a busy machine"))
    if speculation["drafted"]:
        rows.append(("drafts accepted", percent(speculation["rate"])))
        length = speculation["length"]
        rows.append(("acceptance length", NOT_APPLICABLE if length is None else f"{length:.2f}"))
    rows += _times(summary)
    kernels = [f"{one_line(name, MOST_OF_NAME)} ×{n}" for name, n in summary.attention_kernels.items()]
    rows.append(("attention kernels", listed(kernels, "kernels", ", ") or untold))
    if set(summary.launches) - {"eager"}:
        rows.append(("launched", ", ".join(f"{LAUNCHED.get(how, how)} ×{n}" for how, n in summary.launches.items())))
    if held := [f"{WHY_EAGER[why]} ×{n}" for why, n in summary.why_eager.items() if why in WHY_EAGER]:
        rows.append(("graphs on, without effect", ", ".join(held)))
    if summary.paces:
        paces = ", ".join(f"{pace:g}" for pace in summary.paces)
        rows.append(("paced at, rests left out", f"{paces} tokens/s a request"))
    rows += _attention(summary.attention)
    if any(summary.dropped.values()):
        rows.append(
            ("detail dropped", ", ".join(f"{n} {k.replace('_', ' ')}" for k, n in summary.dropped.items() if n))
        )
    return rows


def _attention(recorded: dict[str, int]) -> list[tuple[str, str]]:
    """What of the attention was not recorded, and why; nothing where all of it was, or none was asked for."""
    rows = []
    if recorded.get("steps_on") and recorded["steps_off"]:
        rows.append(("steps without attention recorded", count(recorded["steps_off"])))
    if left_out := recorded.get("prompt_rows_left_out"):
        rows.append(("attention rows left out of long prompts", count(left_out)))
        rows.append(("  kept of a prompt in a step", f"the last {count(ROWS_A_SPAN)}, or {memory(BYTES_A_STEP)}"))
    return rows


def not_told(summary: Summary) -> str:
    """What stands in the place of a figure that nobody told; "" for a session of our own engine."""
    if summary.serving is None:
        return ""
    return NOT_TRACED if summary.trace else NOT_TOLD


def _count(summary: Summary, value: int | None) -> str:
    return not_told(summary) if value is None else count(value)


def _server(summary: Summary) -> list[tuple[str, str]]:
    """The server that the session tells of, and who told."""
    serving = summary.serving
    if serving is None:
        return []
    name = one_line(" ".join(f"{serving['kind']} {serving['version']}".split()), MOST_OF_NAME)
    if summary.trace:
        return [("trace", one_line(serving["url"], MOST_OF_NAME)), ("told by", name)]
    return [
        ("server", f"{name or 'unknown'} at {one_line(serving['url'], MOST_OF_NAME)}"),
        ("told by", ", ".join(serving["levels"]).replace("_", " ")),
    ]


def _positions(summary: Summary) -> list[tuple[str, str]]:
    positions = summary.positions
    if positions["computed"] is None:
        return [("positions", not_told(summary))]
    return [
        ("positions computed", count(positions["computed"])),
        *((f"  {name}", _count(summary, positions[name])) for name in ("new", "recomputed", "padding", "rejected")),
        ("positions reused", _count(summary, positions["reused"])),
    ]


def _kv(summary: Summary) -> list[tuple[str, str]]:
    kv = summary.kv
    if kv["used_peak_bytes"] is None:
        return [("KV memory", not_told(summary))]
    return [
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
    ]


def _times(summary: Summary) -> list[tuple[str, str]]:
    """Seconds by group, with their shares."""
    told = {group: value for group, value in summary.groups_s.items() if value is not None}
    if not told:
        return [("time by phase", not_told(summary))]
    total = sum(told.values())
    return [
        (f"time: {group}", f"{seconds(value)} ({percent(value / total) if total else NOT_APPLICABLE})")
        for group, value in told.items()
    ]


def untold(summary: Summary) -> list[tuple[str, str]]:
    """(what a server did not tell, why) for each reason; empty for a session of our own engine."""
    by_reason: dict[str, list[str]] = {}
    for topic, reason in ((summary.serving or {}).get("not_told", {})).items():
        by_reason.setdefault(one_line(reason), []).append(TOPICS.get(topic, topic.replace("_", " ")))
    return [(", ".join(topics), reason) for reason, topics in by_reason.items()]


def texts(summary: Summary) -> str:
    """What each request generated, shortened where it is long."""
    lines = []
    for request in summary.requests[:MOST_TEXTS]:
        text = request.text if len(request.text) <= SUMMARY_TEXT_LIMIT else request.text[:SUMMARY_TEXT_LIMIT] + " …"
        ended = request.finish_reason or "unfinished"
        reason = "context full" if ended == "context" else one_line(ended, MOST_OF_NAME)
        lines.append(f"[{request.id}] {text!r} ({reason})")
    if (left_out := len(summary.requests) - MOST_TEXTS) > 0:
        lines.append(f"and {count(left_out)} more requests (info --json has all)")
    return "\n".join(lines)


def listed(names: Sequence[str], of: str, between: str) -> str:
    """The first MOST_NAMED names, and how many more there are."""
    shown = between.join(names[:MOST_NAMED])
    return shown if len(names) <= MOST_NAMED else f"{shown} and {count(len(names) - MOST_NAMED)} more {of}"


def summary_text(summary: Summary) -> str:
    """The figures as a table, what a server did not tell and why, then the generated texts."""
    reasons = "\n".join(f"{topics}: {reason}" for topics, reason in untold(summary))
    return "\n\n".join(part for part in (columns(figures(summary)), reasons, texts(summary)) if part)
