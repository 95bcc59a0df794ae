"""Phase timers: `with timer("ffn"):` around each leaf of a step; by the host's clock, device events, or not at all."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import cache, partial
from time import perf_counter_ns
from typing import Any, Final, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from engine.core.timing import NoTimer, StepTimer
from engine.measure.cuda_event import CudaEvent
from engine.measure.host_timer import HostTimer
from engine.measure.phase_table import OTHER, with_other
from engine.session.schema import PHASES

HOST_PHASES: Final = frozenset({"schedule", "prepare", "detokenize"})
"""Phases in which the host works and launches no work on a device that is worth an event."""


class DeviceEvent(Protocol):
    """What the device timer needs of an event; `cuda_event.CudaEvent` is one."""

    def record(self) -> None:
        """Put the event at the end of the stream."""

    def elapsed_time(self, end_event: Any, /) -> float:
        """ms from this event to another, both reached by the device."""

    def synchronize(self) -> None:
        """Wait until the device has reached the event."""


class _DeviceSpan:
    """Marks the boundary at which a phase begins on the device; the phase ends where the next one begins."""

    __slots__ = ("_phase", "_timer")

    def __init__(self, timer: DeviceTimer, phase: int) -> None:
        self._timer = timer
        self._phase = phase

    def __enter__(self) -> None:
        self._timer.mark(self._phase)

    def __exit__(self, kind: object, error: object, traceback: object) -> None:
        pass


class DeviceTimer:
    """Times phases on a device by one event at each boundary, read after the step has waited for its tokens anyway.

    Kernels of a stream run in order, so a phase lasts from its own event to the next boundary's. Phases in which only
    the host works (HOST_PHASES) are timed by the host's clock. Nothing waits for the device while the step is launched.
    Events are made once and used again. The caller marks the end of the device's work by `pause`, before it copies
    the tokens to the host. `event_ns` and `span_ns` are the costs of an event and of a span of the host's clock, in ns.
    """

    def __init__(
        self, layers: int, by_layer: bool, make_event: Callable[[], DeviceEvent], event_ns: float = 0.0,
        span_ns: float = 0.0,
    ) -> None:  # fmt: skip
        self._event_ns = event_ns
        self._layers = layers
        self._by_layer = by_layer
        self._make_event = make_event
        self._pool: list[DeviceEvent] = []
        self._boundaries: list[tuple[int, int]] = []
        self._host = HostTimer(layers, by_layer=False, span_ns=span_ns)
        self._spans = {phase: _DeviceSpan(self, index) for index, phase in enumerate(PHASES)}
        self._current = self._last_row = layers if by_layer else 0
        self.device_ns = -1
        self.reading_ns = 0

    @property
    def cost_ns(self) -> float:
        return len(self._boundaries) * self._event_ns + self._host.cost_ns

    def __call__(self, phase: str) -> AbstractContextManager[None]:
        return self._host(phase) if phase in HOST_PHASES else self._spans[phase]

    def layer(self, index: int) -> None:
        if self._by_layer:
            self._current = index

    def mark(self, phase: int) -> None:
        """Record the boundary at which `phase` begins."""
        used = len(self._boundaries)
        if used == len(self._pool):
            self._pool.append(self._make_event())
        self._pool[used].record()
        self._boundaries.append((self._current, phase))

    def pause(self) -> None:
        self.mark(OTHER)

    def wait(self) -> None:
        """Wait until the device has reached the last boundary."""
        if self._boundaries:
            self._pool[len(self._boundaries) - 1].synchronize()

    def begin(self) -> None:
        self._boundaries.clear()
        self._current = self._last_row
        self.reading_ns = 0
        self._host.begin()

    def inside(self) -> None:
        return None

    def cost_inside(self, cost_ns: float) -> None:
        pass

    def spent_us(self) -> NDArray[np.float64]:
        spent = np.zeros((self._last_row + 1, len(PHASES)), np.float64)
        boundaries = self._boundaries
        self.wait()
        for index, (row, phase) in enumerate(boundaries[:-1]):
            if phase != OTHER:
                spent[row, phase] += 1e3 * self._pool[index].elapsed_time(self._pool[index + 1])
        self.device_ns = round(1e3 * spent.sum()) if boundaries else -1
        spent[-1] += self._host.spent_us()[0]
        return spent

    def read_phases(self, wall_us: float) -> bytes:
        self.wait()  # the rest of the step does not count as the cost of reading
        since_ns = perf_counter_ns()
        phases = with_other(self.spent_us(), wall_us).tobytes()
        self.reading_ns = perf_counter_ns() - since_ns
        return phases


def make_timer(detail: str, layers: int, device: torch.device) -> StepTimer:
    """The timer for a level of detail: none below `phase`, device events on CUDA, the host's clock elsewhere."""
    if detail in ("off", "step"):
        return NoTimer()
    by_layer, span_ns = detail == "layer", host_span_ns()
    if device.type == "cuda":
        return DeviceTimer(layers, by_layer, partial(CudaEvent, device), event_cost_ns(device), span_ns)
    return HostTimer(layers, by_layer, span_ns)


@cache
def host_span_ns() -> float:
    """The cost of a span of the host's clock on this machine, in ns; measured once per process."""
    return span_cost_ns(HostTimer(1, by_layer=True), lambda: None)


@cache
def event_cost_ns(device: torch.device) -> float:
    """The cost of a boundary on a CUDA device, in ns; measured once per process.

    Host and device work in parallel, so it is the longer of two times: the host's to record an event, and the device's
    to reach it.
    """
    timer = DeviceTimer(1, by_layer=True, make_event=partial(CudaEvent, device))
    return span_cost_ns(timer, timer.wait)


def span_cost_ns(timer: StepTimer, wait: Callable[[], None], spans: int = 200) -> float:
    """The cost of one span of a timer, in ns: the median of short runs of empty spans, each until `wait` returns."""
    runs = []
    for _ in range(7):
        timer.begin()
        start = perf_counter_ns()
        for _ in range(spans):
            with timer("ffn"):
                pass
        wait()
        runs.append((perf_counter_ns() - start) / spans)
    timer.begin()
    return sorted(runs)[len(runs) // 2]
