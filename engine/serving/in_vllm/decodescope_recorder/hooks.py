"""The methods that a recording scheduler lays over those of vLLM's own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from decodescope_recorder.scheduler_tap import SchedulerTap


def hooks(base: Any, tap: SchedulerTap, close: Callable[[], None]) -> dict[str, Any]:
    """By name, the methods over those of `base`; each first asks whether anyone listens. `close` ends the recording."""
    feed = tap.feed

    def schedule(self: Any, *args: Any, **kwargs: Any) -> Any:
        start_ns = feed.on and tap.before_schedule(self)
        output = base.schedule(self, *args, **kwargs)
        if start_ns:
            tap.scheduled(self, output, start_ns)
        return output

    def update_from_output(
        self: Any, scheduler_output: Any, model_runner_output: Any, *args: Any, **kwargs: Any
    ) -> Any:
        before = feed.on and tap.before_output(scheduler_output, model_runner_output)
        outputs = base.update_from_output(self, scheduler_output, model_runner_output, *args, **kwargs)
        if before:
            tap.put_out(scheduler_output, model_runner_output, outputs, before)
        return outputs

    def add_request(self: Any, request: Any, *args: Any, **kwargs: Any) -> Any:
        if feed.on:
            tap.arrived(self, request)
        return base.add_request(self, request, *args, **kwargs)

    def preempt_request(self: Any, request: Any, *args: Any, **kwargs: Any) -> Any:
        if feed.on:
            tap.freed(request, preempted=True)
        return base._preempt_request(self, request, *args, **kwargs)

    def free_request(self: Any, request: Any, *args: Any, **kwargs: Any) -> Any:
        if feed.on:
            tap.ended(request)
        return base._free_request(self, request, *args, **kwargs)

    def free_blocks(self: Any, request: Any, *args: Any, **kwargs: Any) -> Any:
        if feed.on:
            tap.freed(request, preempted=False)
        return base._free_blocks(self, request, *args, **kwargs)

    def reset_prefix_cache(self: Any, *args: Any, **kwargs: Any) -> Any:
        done = base.reset_prefix_cache(self, *args, **kwargs)
        if done and feed.on:
            tap.reset()
        return done

    def shutdown(self: Any, *args: Any, **kwargs: Any) -> Any:
        close()
        return base.shutdown(self, *args, **kwargs)

    return {
        "schedule": schedule, "update_from_output": update_from_output, "add_request": add_request,
        "_preempt_request": preempt_request, "_free_request": free_request, "_free_blocks": free_blocks,
        "reset_prefix_cache": reset_prefix_cache, "shutdown": shutdown,
    }  # fmt: skip
