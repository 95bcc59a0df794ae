"""`RecordingStats`: the front end's figures of each iteration, by a plug-in that vLLM finds in the installed wheel."""

from __future__ import annotations

import functools
import importlib
import os
import time
from typing import Any, Final

from decodescope_recorder.door import open_door
from decodescope_recorder.facts import facts_of, hello
from decodescope_recorder.feed import Feed

SAMPLES: Final[dict[str, tuple[int, str]]] = {
    "running": (0, "num_running_reqs"),
    "waiting": (0, "num_waiting_reqs"),
    "skipped_waiting": (0, "num_skipped_waiting_reqs"),
    "kv_usage": (0, "kv_cache_usage"),
    "prefix_queries": (0, "prefix_cache_stats.queries"),
    "prefix_hits": (0, "prefix_cache_stats.hits"),
    "prefix_preempted_queries": (0, "prefix_cache_stats.preempted_queries"),
    "prefix_preempted_hits": (0, "prefix_cache_stats.preempted_hits"),
    "preempted": (1, "num_preempted_reqs"),
    "prompt_tokens": (1, "num_prompt_tokens"),
    "generation_tokens": (1, "num_generation_tokens"),
}
"""By name of a sample: in which of the first two arguments of `record` it stands, and where."""


@functools.cache
def stats_class() -> Any:
    """The plug-in of the group `vllm.stat_logger_plugins`."""
    base = importlib.import_module("vllm.v1.metrics.loggers").StatLoggerBase
    made: Any = type("RecordingStats", (base,), {
        "__init__": lambda self, config, engine_index=0: setattr(self, "tap", StatsTap(config, engine_index)),
        "record": lambda self, *args, **kwargs: self.tap.record(*args, **kwargs),
    })  # fmt: skip
    # vLLM asks for more methods, and another version for others: they do nothing, and must not keep it from starting.
    made.__abstractmethods__ = frozenset()
    return made


class StatsTap:
    """Puts the figures of one engine into a feed: name and value, as this version of vLLM tells them."""

    def __init__(self, config: Any, engine_index: int) -> None:
        self.feed = Feed()
        name = f"stats-{os.getpid()}-{engine_index}.sock"
        facts = facts_of(config)
        self._door = open_door(self.feed, name, 2 * engine_index + 1, lambda: hello("stats", facts))

    def close(self) -> None:
        """Let nobody in any more."""
        if self._door is not None:
            self._door.close()

    def record(self, scheduler_stats: Any = None, iteration_stats: Any = None, *_: Any, **named: Any) -> None:
        """One iteration; a figure that this version lacks is left out."""
        if not self.feed.on:
            return
        try:
            stats = (scheduler_stats, iteration_stats)
            told = []
            for name, (which, path) in SAMPLES.items():
                value = stats[which]
                for part in path.split("."):
                    value = getattr(value, part, None)
                if isinstance(value, int | float):
                    told.append((name, float(value)))
            if told:
                engine = named.get("engine_idx", 0)
                self.feed.put(("samples", time.monotonic_ns(), engine if isinstance(engine, int) else 0, told), 600)
        except Exception as error:
            self.feed.fail(error)
