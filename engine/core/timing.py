"""The interfaces that time a step: spans around its phases, and the times read from them after the step."""

from __future__ import annotations

from array import array
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from engine.session.schema import PHASES


class PhaseTimer(Protocol):
    """Adds the time spent inside `with timer(phase):` to that phase of the current layer. Phases never nest."""

    def __call__(self, phase: str) -> AbstractContextManager[None]:
        """The span of one phase; `phase` is one of schema.PHASES."""

    def layer(self, index: int) -> None:
        """The next phases belong to layer `index`; the number of layers (one past the last) stands for no layer."""

    def pause(self) -> None:
        """Work of the device from here on belongs to no phase, until the next phase begins.

        A phase on a device lasts until the next boundary, and the last one of a step until this call. Call it before
        work that belongs to no phase, and before the copy that waits for the step's tokens.
        """


class StepTimes(Protocol):
    """The times of a step, read after it has ended."""

    @property
    def cost_ns(self) -> float:
        """The cost of timing the step, ns: its spans, each at the cost of one span measured on this machine."""

    @property
    def reading_ns(self) -> int:
        """The time that the host has spent on reading this step's times so far, ns."""

    @property
    def device_ns(self) -> int:
        """The time that the device was busy, ns; -1 where it is not measured apart from the host's."""

    def read_phases(self, wall_us: float) -> bytes:
        """µs by phase, float32 [rows, len(PHASES)] as `Step.phases` keeps them.

        `other` of the last row is the rest of `wall_us` (at least 0).
        """


class StepTimer(PhaseTimer, StepTimes, Protocol):
    """A phase timer that also gives the times of a whole step."""

    def begin(self) -> None:
        """Begin a step: forget the times of the step before."""

    def inside(self) -> array[float] | None:
        """Where native code adds the times that it measures itself: µs by phase, float64 [rows, len(PHASES)].

        The same array for all steps; None where nothing is timed by the host's clock.
        """

    def cost_inside(self, cost_ns: float) -> None:
        """Count what native code's own timing has cost in this step, ns."""

    def spent_us(self) -> NDArray[np.float64]:
        """µs by phase as timed, float64 [rows, len(PHASES)], without `other`; no rows where nothing is timed."""


class NoTimer:
    """Times nothing and costs almost nothing."""

    _span = nullcontext()
    cost_ns = 0.0
    reading_ns = 0
    device_ns = -1

    def __call__(self, phase: str) -> AbstractContextManager[None]:
        return self._span

    def layer(self, index: int) -> None:
        pass

    def begin(self) -> None:
        pass

    def pause(self) -> None:
        pass

    def inside(self) -> None:
        return None

    def cost_inside(self, cost_ns: float) -> None:
        pass

    def spent_us(self) -> NDArray[np.float64]:
        return np.empty((0, len(PHASES)))

    def read_phases(self, wall_us: float) -> bytes:
        return b""
