"""What a server's own counters say, as panels write it and as the rows of `metric_samples` give it."""

from __future__ import annotations

from typing import Final

import numpy as np

from tests.app.figures.database import Database

FIGURES: Final = {
    "running": ("Requests running", "●", "amount"),
    "waiting": ("Requests waiting", "●", "amount"),
    "kv_usage": ("KV cache in use", "●", "percent"),
    "prefix_hit_rate": ("Prefix cache hits, of the tokens looked up", "ƒ", "percent"),
    "preemptions": ("Preemptions since the recording began", "●", "amount"),
    "generated_per_s": ("Tokens a second, for all clients of the server", "ƒ", "prefixed"),
}
"""By figure: its title, its mark and its unit."""
NAMES: Final = {
    "running": "vllm:num_requests_running", "waiting": "vllm:num_requests_waiting",
    "kv_usage": "vllm:kv_cache_usage_perc", "preemptions": "vllm:num_preemptions_total",
    "generated_per_s": "vllm:generation_tokens_total", "prefix_hit_rate": "vllm:prefix_cache_hits_total",
    "queries": "vllm:prefix_cache_queries_total",
}  # fmt: skip
"""As vLLM calls them."""

LANES: Final = tuple(
    sentence
    for name, (title, mark, unit) in FIGURES.items()
    for sentence in (
        f"{title}  {{info.server.{name}.last|{unit}}} {mark} · mean {{info.server.{name}.mean|{unit}}} · "
        f"max {{info.server.{name}.most|{unit}}}"
        if name != "preemptions"
        else f"{title}  {{info.server.{name}.last|{unit}}} {mark}",
    )
)
TIPS: Final = tuple(
    f"{title}: {{[value for _, value, _ in of_server('{name}')]|{unit}}}" for name, (title, _, unit) in FIGURES.items()
)
HEADER: Final = (
    "{int(info.server.running.last)|count} running ●", "{int(info.server.waiting.last)|count} waiting ●",
    "KV cache {info.server.kv_usage.last|percent} ●", "prefix hits {info.server.prefix_hit_rate.mean|percent} ƒ",
)  # fmt: skip


def readings(database: Database, figure: str) -> list[tuple[int, float, float]]:
    """(t_ns, value, weight) of a figure at each moment at which the page was read."""
    moments = [int(row[0]) for row in database.rows("SELECT DISTINCT t_ns FROM metric_samples ORDER BY t_ns")]

    def counter(name: str) -> list[float]:
        sql = "SELECT value FROM metric_samples WHERE name = ? AND t_ns <= ? ORDER BY t_ns DESC LIMIT 1"
        return [float(database.one(sql, NAMES[name], t_ns)) for t_ns in moments]

    values = counter(figure)
    if figure in ("running", "waiting", "kv_usage"):
        return [(t_ns, value, 1.0) for t_ns, value in zip(moments, values, strict=True)]
    if figure == "preemptions":
        return [(t_ns, value - values[0], 1.0) for t_ns, value in zip(moments, values, strict=True)]
    below = np.diff(counter("queries")) if figure == "prefix_hit_rate" else np.diff(moments) / 1e9
    grown = zip(moments[1:], np.diff(values), below, strict=True)
    return [(t_ns, float(above / under), float(under)) for t_ns, above, under in grown if under > 0]
