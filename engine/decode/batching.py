"""The scheduler that the switches ask for."""

from __future__ import annotations

from engine.decode.continuous import ContinuousScheduler
from engine.decode.scheduler import Scheduler
from engine.decode.settings import Switches
from engine.decode.single import SingleScheduler
from engine.decode.static import StaticScheduler


def make_scheduler(switches: Switches) -> Scheduler:
    """A scheduler of the kind `switches.batching` names."""
    if switches.batching == "static":
        return StaticScheduler(switches.max_batch)
    if switches.batching == "continuous":
        return ContinuousScheduler(switches.max_batch)
    return SingleScheduler()
