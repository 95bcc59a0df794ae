"""`RecordingScheduler`: vLLM's own scheduler, with hooks where this version of vLLM is known."""

from __future__ import annotations

import functools
import importlib
import os
from typing import Any

from decodescope_recorder.door import open_door
from decodescope_recorder.facts import facts_of, full_attention_group, hello
from decodescope_recorder.feed import Feed
from decodescope_recorder.hooks import hooks
from decodescope_recorder.log import logger
from decodescope_recorder.scheduler_tap import SchedulerTap
from decodescope_recorder.versions import refusal


@functools.cache
def scheduler_class() -> Any:
    """The class for `--scheduler-cls`: making one gives vLLM's own scheduler with hooks."""
    try:
        base = importlib.import_module("vllm.v1.core.sched.async_scheduler").AsyncScheduler
    except ImportError:  # an older vLLM, whose scheduler must come up without us
        base = importlib.import_module("vllm.v1.core.sched.scheduler").Scheduler
    # A subclass of the asynchronous scheduler, because vLLM may look at the class alone and switch overlap off.
    return type("RecordingScheduler", (base,), {"__new__": lambda _, *args, **kwargs: recording(*args, **kwargs)})


def recording(*args: Any, **kwargs: Any) -> Any:
    """vLLM's own scheduler for these arguments, recorded or, with a line in the log, not."""
    config = kwargs["vllm_config"] if "vllm_config" in kwargs else args[0]
    scheduler = own_class(config)(*args, **kwargs)
    try:
        if why := refusal(scheduler):
            logger.error("DecodeScope's recorder records nothing: %s", why)
        else:
            _record(scheduler, config)
    except Exception as error:
        logger.error("DecodeScope's recorder records nothing: %s: %s", type(error).__name__, str(error)[:200])
    return scheduler


def own_class(config: Any) -> Any:
    """The scheduler that vLLM would have taken itself."""
    name = "AsyncScheduler" if getattr(config.scheduler_config, "async_scheduling", False) else "Scheduler"
    if getattr(config, "diffusion_config", None) is not None:
        return getattr(importlib.import_module("vllm.v1.core.sched.diffusion_scheduler"), f"Diffusion{name}")
    module = "async_scheduler" if name == "AsyncScheduler" else "scheduler"
    return getattr(importlib.import_module(f"vllm.v1.core.sched.{module}"), name)


def _record(scheduler: Any, config: Any) -> None:
    """Give a scheduler its hooks, where a listener can come in."""
    base = type(scheduler)
    feed = Feed()
    tap = SchedulerTap(feed, scheduler, full_attention_group(scheduler.kv_cache_config))
    facts = facts_of(config, scheduler.kv_cache_config)
    rank = facts.get("data_parallel_rank") or 0
    door = open_door(feed, f"scheduler-{os.getpid()}.sock", 2 * rank, lambda: hello("scheduler", facts))
    if door is not None:
        # Only now, so that a scheduler which is not recorded is vLLM's own object and nothing else.
        scheduler.__class__ = type(f"Recording{base.__name__}", (base,), hooks(base, tap, door.close))
