"""The sentences of the Requests panel: a row a request, and percentiles of the requests that are shown."""

from __future__ import annotations

from typing import Final

from tests.app.figures.of_time import Texts

COLUMNS: Final = (
    ("Arrived ●", "arrived_s", "seconds"), ("Queue ●", "waited_s", "seconds"), ("TTFT ●", "ttft_s", "seconds"),
    ("TPOT ●", "tpot_s", "seconds"), ("Latency ●", "latency_s", "seconds"),
    ("Prompt tokens ●", "prompt_tokens", "amount"), ("Cached ●", "reused", "amount"),
    ("Preempted ●", "preempted", "amount"),
)  # fmt: skip
"""(head, its name in `info --json`, its unit) of what is told of each request."""
IN_FOOT: Final = (*COLUMNS[1:], ("Generated ●", "tokens", "amount"), ("Accepted ƒ", "acceptance_rate", "percent"),
                  ("Accepted length ƒ", "acceptance_length", "number"))  # fmt: skip
DRAFTS: Final = "all.acceptance_by_request[request]"

REQUESTS: Final[Texts] = {
    "header": (
        "{info.request_times.requests|count} requests", "?{info.request_times.requests|count} request",
        "TTFT p50 {info.request_times.ttft_s.p50|seconds} ●",
        "latency p50 {info.request_times.latency_s.p50|seconds} ●", "p99 {info.request_times.latency_s.p99|seconds} ●",
    ),
    "label": (
        "{len(info.requests)|count} requests", "?{len(info.requests)|count} request",
        "{info.request_times.requests|count} of {len(all.requests)|count} requests with work in steps "
        "{info.range.first|count}–{info.range.last|count}",
    ),
    "table RequestView": (
        *(f"{{=request}} / {head}: {{all.requests[request].{name}|{unit}}}" for head, name, unit in COLUMNS),
        "{=request} / Prompt: {~}", "{=request} / State: {~}",
        "{=request} / Generated ●: {len(all.requests[request].token_ids)|count}",
        f"{{=request}} / Accepted ƒ: {{{DRAFTS}.accepted / {DRAFTS}.drafted|percent}}",
        f"{{=request}} / Accepted length ƒ: {{{DRAFTS}.length|number}}",
    ),
    "table TableFoot": tuple(
        f"{row} / {head}: {{info.request_times.{name}.{what}|{unit}}}"
        for row, what in (("p50", "p50"), ("p90", "p90"), ("p99", "p99"), ("max", "most"))
        for head, name, unit in IN_FOOT
    ),
    "tip RequestView": ("Tokens that a verified proposal of it gave on average: 1 + accepted / proposals, derived.",),
}  # fmt: skip
