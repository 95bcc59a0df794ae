"""The device interface of captured steps, and a plain implementation: the same code, called instead of replayed.

`engine/graphs/cuda.py` is the implementation with CUDA graphs. Nothing else differs between the two, so the code around
a graph (buckets, padding, fixed buffers, overlap, late reading) is tested on machines without a GPU.
"""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter_ns
from typing import Any, Protocol

import torch
from torch import Tensor

from engine.core.timing import StepTimer
from engine.measure.host_timer import HostTimer


class CapturedCall(Protocol):
    """Work on fixed buffers that can be run again and again."""

    def __call__(self) -> None:
        """Run the work on what the buffers hold now; returns when it is launched, perhaps before it is done."""


class StreamEvent(Protocol):
    """A point in the order of the device's work."""

    def record(self) -> None:
        """Make this event happen when all work launched so far is done."""

    def wait(self) -> None:
        """Make the host wait for the event; work launched later goes on."""

    def past(self) -> bool:
        """Whether all work launched before the event is done already."""

    def ns_since(self, earlier: Any) -> int:
        """ns from another event to this one, both of them past."""


class GraphDevice(Protocol):
    """Captures calls, and makes the events, timers and host buffers that they need."""

    overlaps: bool
    """Whether the host goes on while a call runs, so that the device's time can be measured apart from the host's."""

    def capture(self, work: Callable[[], object]) -> CapturedCall:
        """`work` as a call; capturing may run it a few times, on what the buffers hold now."""

    def event(self) -> StreamEvent:
        """An event that can be recorded many times."""

    def timer(self, layers: int, by_layer: bool) -> StepTimer:
        """A timer whose marks become part of what is captured."""

    def host_buffer(self, *shape: int, dtype: torch.dtype) -> Tensor:
        """Host memory, zeros [shape], that the device can copy to and from while the host goes on."""


class PlainCall:
    """A call that runs the work itself each time."""

    def __init__(self, work: Callable[[], object]) -> None:
        self._work = work

    def __call__(self) -> None:
        self._work()


class PlainEvent:
    """An event of a device whose work is done when a call returns."""

    def __init__(self) -> None:
        self.at_ns = 0

    def record(self) -> None:
        self.at_ns = perf_counter_ns()

    def wait(self) -> None:
        pass

    def past(self) -> bool:
        return True

    def ns_since(self, earlier: Any) -> int:
        return self.at_ns - int(earlier.at_ns)


class PlainDevice:
    """No graphs: each call runs operation by operation, and returns when the work is done."""

    overlaps = False

    def capture(self, work: Callable[[], object]) -> CapturedCall:
        return PlainCall(work)

    def event(self) -> StreamEvent:
        return PlainEvent()

    def timer(self, layers: int, by_layer: bool) -> StepTimer:
        return HostTimer(layers, by_layer)

    def host_buffer(self, *shape: int, dtype: torch.dtype) -> Tensor:
        return torch.zeros(*shape, dtype=dtype)
