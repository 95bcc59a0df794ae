"""The recorder's scheduler with a clock around its own methods: how much of the scheduler's thread they take, really.

The sums are written to the file TIMES_TO at every 50th step: steps, and ns of each method's calls.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import decodescope_recorder
from decodescope_recorder.scheduler_tap import SchedulerTap

METHODS = ("before_schedule", "scheduled", "before_output", "put_out", "arrived", "ended", "freed")
took: dict[str, int] = dict.fromkeys(METHODS, 0)
steps: list[int] = []


def _timed(name: str) -> Any:
    method = getattr(SchedulerTap, name)

    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        begin = time.perf_counter_ns()
        try:
            return method(self, *args, **kwargs)
        finally:
            took[name] += time.perf_counter_ns() - begin
            if name == "put_out":
                steps.append(0)
                if len(steps) % 50 == 0:
                    text = json.dumps({"steps": len(steps), "ns": took})
                    Path(os.environ["TIMES_TO"]).write_text(text, encoding="utf-8")

    return call


for _name in METHODS:
    setattr(SchedulerTap, _name, _timed(_name))
TimedScheduler = decodescope_recorder.RecordingScheduler
