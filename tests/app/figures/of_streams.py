"""The sentences of the panels that show a session without steps. Each says where its figures are in `info --json`;
those of single tokens are in the file itself, because a session without steps has no range to ask for.
"""

from __future__ import annotations

from typing import Final

from tests.app.figures.of_time import Texts

CHUNK: Final = (
    "{gap(request, position)|seconds} after the chunk before ●",
    "{chunk(request, position)|count} tokens in one chunk; nothing is known about the times within it",
)
TIMELINE: Final[Texts] = {
    "header": ("{len(info.requests)|count} requests", "{info.tokens|count} tokens", "{info.wall_s|seconds} ●"),
    "_label": ("req {=request}",),
    "text_in": ("first token after {[request.ttft_s for request in info.requests]|seconds}",),
    "_draw_count": ("×{chunks|count}",),
    "tip TimelineCanvas": (
        "“{~}”  token {=id}, position {=position} of request {=request}",
        "log-probability {token(request, position).logprob|signed} ●   entropy: {~}",
        *CHUNK,
        "request {=request}: “{~}”",
        "{info.requests[request].prompt_tokens|count} prompt tokens, "
        "{len(info.requests[request].token_ids)|count} generated",
        "first token after {info.requests[request].ttft_s|seconds} ●",
    ),
}  # fmt: skip
INSPECTOR: Final[Texts] = {
    "header": (
        "request {request|plain}", "position {position|plain}",
        "{gap(request, position)|seconds} after the chunk before ●",
    ),
    "label": (
        "{=REQUEST}", "{info.requests[request].prompt_tokens|count} prompt tokens",
        "{len(info.requests[request].token_ids)|count} generated",
        "first token after {info.requests[request].ttft_s|seconds} ●",
        "id {token(request, position).token_id|plain}", "position {=POSITION}", *CHUNK,
        "probability {2.718281828459045 ** token(request, position).logprob|percent} ●",
        "logprob {token(request, position).logprob|number} nats",
        "by {late(request, position).excess_s|seconds} ƒ",
        "{late(request, position).excess_s|seconds} unexplained",
    ),
    "tip TokenFlow": ("“{~}” ({=place})",),
}  # fmt: skip
LATENCY: Final[Texts] = {
    "header": (
        "first token p50 {info.streams.ttft.p50_s|seconds} ●", "gap p50 {info.streams.itl.p50_s|seconds} ●",
        "p99 {info.streams.itl.p99_s|seconds} ●", "{info.tokens_per_s|rate tokens/s} ●",
    ),
    "label": (
        "{len(info.requests)|count} requests",
        "{info.tokens|count} tokens in {info.streams.chunks|count} chunks", "{info.wall_s|seconds} ●",
        "{info.streams.outliers|count} outliers ƒ",
        "?{info.streams.outliers|count} outlier ƒ",
    ),
    "table FigureTable": tuple(
        f"{name} / {head} ●: {{info.streams.{part}.{column}|seconds}}"
        for part, name in (
            ("ttft", "First token (TTFT)"), ("itl", "Chunk to chunk (ITL)"), ("tpot", "A later token (TPOT)"),
            ("latency", "Whole request"),
        )
        for head, column in (("Mean", "mean_s"), ("p50", "p50_s"), ("p90", "p90_s"), ("p99", "p99_s"))
    ),
    "tip LatencyHistogram": ("{bins|plain}",),
}  # fmt: skip
TEXTS: Final[dict[str, Texts]] = {"timeline": TIMELINE, "inspector": INSPECTOR, "latency": LATENCY}
