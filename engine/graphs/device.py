"""What captured steps need of a device, and the plain stand-in: the same code without graphs, a call in their place.

`engine/graphs/cuda.py` is the other side. Nothing else differs between the two, so that what surrounds a graph
(buckets, padding, fixed buffers, overlap, late reading) is tested where there is no GPU.
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
        """Run it once more on what the buffers hold now; returns when it is launched, perhaps before it is done."""


class StreamEvent(Protocol):
    """A point in the order of the device's work."""

    def record(self) -> None:
        """Let this event come when everything launched so far is done."""

    def wait(self) -> None:
        """Let the host wait until then; what was launched later goes on."""

    def past(self) -> bool:
        """Whether everything launched until then is done already."""

    def ns_since(self, earlier: Any) -> int:
        """ns from another event to this one, both of them past."""


class GraphDevice(Protocol):
    """Captures calls, and hands out what surrounds them."""

    overlaps: bool
    """Whether the host goes on while a call runs, so that a device time of its own can be told."""

    def capture(self, work: Callable[[], object]) -> CapturedCall:
        """`work` as a call; it may be run a few times on the way, on what the buffers hold now."""

    def event(self) -> StreamEvent:
        """An event to be recorded, many times over."""

    def timer(self, layers: int, by_layer: bool) -> StepTimer:
        """A timer whose marks become part of what is captured."""

    def host_buffer(self, *shape: int, dtype: torch.dtype) -> Tensor:
        """Host memory, zeros [shape], that the device can copy to and from while the host goes on."""


class PlainCall:
    """The work itself, called anew each time."""

    def __init__(self, work: Callable[[], object]) -> None:
        self._work = work

    def __call__(self) -> None:
        self._work()


class PlainEvent:
    """An event of a device that has done its work when a call returns."""

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
    """No graphs: each call runs operation by operation, and the host with it."""

    overlaps = False

    def capture(self, work: Callable[[], object]) -> CapturedCall:
        return PlainCall(work)

    def event(self) -> StreamEvent:
        return PlainEvent()

    def timer(self, layers: int, by_layer: bool) -> StepTimer:
        return HostTimer(layers, by_layer)

    def host_buffer(self, *shape: int, dtype: torch.dtype) -> Tensor:
        return torch.zeros(*shape, dtype=dtype)
